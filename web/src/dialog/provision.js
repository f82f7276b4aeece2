/** Certificates from primary providers: their page in a hidden frame, or in this window
 *  (frontend.md 2.1, 2.3). */

import { encodeJson } from '../lib/base64url.js';
import { certificateFits, dropKey, loadKey, makeKey, pendingIssuer, saveKey } from '../lib/keys.js';
import { saveFlow } from './flow.js';

/** @typedef {import('../lib/wsapi.js').Wsapi} Wsapi */

const silence = 5000;
const patience = 20000;  // in all
const hour = 3600;

/** @param {boolean} trusted */
const duration = (trusted) => (trusted ? 6 * hour : hour);

/** Tries the hidden frame. 'ok': key and certificate are kept; 'refused': the provider says that the
 *  person is not signed in there, or sees no cookies; 'silent': nothing was heard.
 *  @param {Wsapi} api @param {string} email @param {any} info @param {boolean} trusted
 *  @returns {Promise<'ok' | 'refused' | 'silent'>} */
export function provisionInFrame(api, email, info, trusted) {
  const expected = new URL(info.prov).origin;
  const frame = document.createElement('iframe');
  frame.hidden = true;
  frame.title = 'provisioning';
  frame.setAttribute('aria-hidden', 'true');
  /** @type {Awaited<ReturnType<typeof makeKey>> | null} */
  let made = null;
  return new Promise((resolve) => {
    /** @param {'ok' | 'refused' | 'silent'} how */
    const end = (how) => {
      clearTimeout(timer);
      clearTimeout(last);
      removeEventListener('message', hear);
      frame.remove();
      resolve(how);
    };
    let timer = setTimeout(() => end('silent'), silence);
    const last = setTimeout(() => end('silent'), patience);
    /** @type {ReturnType<typeof makeKey> | undefined} the one, however often the page asks */
    let making;
    /** @param {MessageEvent} event */
    const hear = async (event) => {
      if (event.origin !== expected || event.source !== frame.contentWindow) return;
      const m = event.data;
      if (!m || m.t !== 'bid:prov' || m.v !== 1) return;
      clearTimeout(timer);
      timer = setTimeout(() => end('silent'), silence);
      /** @param {any} message */
      const post = (message) => frame.contentWindow?.postMessage({ t: 'bid:prov', v: 1, ...message }, expected);
      if (m.op === 'begin') post({ op: 'begin', email, duration: duration(trusted) });
      else if (m.op === 'key') {
        making ??= makeKey(api.context.user_key_algs);
        made = await making;
        post({ op: 'key', pubkey: made.pubkey });
      } else if (m.op === 'end') {
        const good = made && typeof m.cert === 'string' && certificateFits(m.cert, made.pubkey, email, api.now());
        if (good && made) {
          await saveKey({ email, issuer: info.issuer, ...made, cert: m.cert, ephemeral: !trusted, created: api.now() });
          end('ok');
        } else end('refused');
      }
    };
    addEventListener('message', hear);
    frame.src = info.prov;
    document.body.append(frame);
  });
}

/** Leaves for the provider's provisioning page in this window. @param {Wsapi} api
 *  @param {Omit<import('./flow.js').Flow, 'state' | 'created'>} flow @param {boolean} trusted */
export async function provisionOnTop(api, flow, trusted) {
  const made = await makeKey(api.context.user_key_algs);
  const state = saveFlow({ ...flow, pubkey: made.pubkey });
  await saveKey({ email: flow.email, issuer: pendingIssuer(state), ...made, cert: '', ephemeral: !trusted, created: api.now() });
  const request = {
    v: 1, email: flow.email, duration: duration(trusted), pubkey: made.pubkey, return: location.origin + '/sign_in', state,
  };
  const url = new URL(flow.info.prov);
  url.hash = 'bidp=' + encodeJson(request);
  location.assign(url.href);
}

/** Takes what the provider's page brought back. @param {Wsapi} api
 *  @param {import('./flow.js').Flow} flow @param {any} back {state, cert | error}
 *  @returns {Promise<boolean>} whether key and certificate are kept now */
export async function finishOnTop(api, flow, back) {
  const pending = await loadKey(flow.email, pendingIssuer(flow.state));
  await dropKey(flow.email, pendingIssuer(flow.state));
  if (!back || back.state !== flow.state || typeof back.cert !== 'string' || !pending) return false;
  if (!certificateFits(back.cert, pending.pubkey, flow.email, api.now())) return false;
  const { alg, keys, pubkey, ephemeral } = pending;
  await saveKey({ email: flow.email, issuer: flow.info.issuer, alg, keys, pubkey, cert: back.cert, ephemeral, created: api.now() });
  return true;
}
