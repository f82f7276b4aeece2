/** Where a request comes from and where its answer goes (frontend.md 1.7). The audience is always what
 *  the browser says of the asking page, never what that page says of itself (docs/decisions/0165). */

import { decodeJson, encodeJson } from '../lib/base64url.js';

/** @typedef {{transport: 'popup' | 'redirect', origin: string, id: string, state: string,
 *  params: unknown, unvouched?: boolean}} Request */

const patience = 10000;
const askAgain = 500;

/** The window that opened this one, unless a page on the way cut it off. */
const openerOf = () => (globalThis.window?.opener && !window.opener.closed ? window.opener : null);

// At every load, so that a site that waits for a window which is away at a provider knows it is back. The
// answer is a task of its own, and requestFromOpener listens before this one ends.
const sayReady = () => openerOf()?.postMessage({ t: 'bid:ready', v: 1 }, '*');  // carries nothing
sayReady();

/** The one request of the window that opened this one; null when there is nobody to ask.
 *  @returns {Promise<Request | null>} */
export function requestFromOpener() {
  const opener = window.opener;
  if (!opener) return Promise.resolve(null);
  return new Promise((resolve) => {
    /** @param {MessageEvent} event */
    const hear = (event) => {
      if (event.source !== opener) return;
      const m = event.data;
      if (!m || m.t !== 'bid:request' || m.v !== 1 || typeof m.id !== 'string') return;
      removeEventListener('message', hear);  // one request a window: later ones have no listener
      clearTimeout(giveUp);
      clearInterval(again);
      resolve({ transport: 'popup', origin: event.origin, id: m.id, state: String(m.state || ''), params: m.params });
    };
    const giveUp = setTimeout(() => {
      removeEventListener('message', hear);
      clearInterval(again);
      resolve(null);
    }, patience);
    const again = setInterval(sayReady, askAgain);  // a message between processes may be lost
    addEventListener('message', hear);
  });
}

/** The request in the fragment, which is taken out of the address bar. Anybody can write one in any
 *  site's name, so it is unvouched unless the browser says that the site's own page led here.
 *  @param {string} hash @param {string} referrer @returns {Request | null} */
export function requestFromFragment(hash, referrer) {
  const match = /^#bid=([A-Za-z0-9_-]+)$/.exec(hash);
  if (!match) return null;
  try {
    const r = decodeJson(match[1]);
    if (r.v !== 1 || typeof r.origin !== 'string' || typeof r.state !== 'string' || !r.params) return null;
    const origin = new URL(r.origin).origin;
    if (origin !== r.origin) return null;
    const unvouched = originOf(referrer) !== origin;
    return { transport: 'redirect', origin, id: '', state: r.state, params: r.params, ...(unvouched && { unvouched }) };
  } catch {
    return null;
  }
}

/** @param {string} url */
function originOf(url) {
  try {
    return new URL(url).origin;
  } catch {
    return '';
  }
}

/** Before this window leaves for a provider's page: that may cut the opener off, which to the site looks
 *  like a closed window. @param {Request} request */
export function away(request) {
  if (request.transport === 'popup') openerOf()?.postMessage({ t: 'bid:away', id: request.id }, request.origin);
}

/** @typedef {{assertion: string, email: string} | {cancel: true} | {error: string}} Answer */

/** Gives the answer and ends this window's part. @param {Request} request @param {string} returnTo
 *  resolved and on request.origin @param {Answer} answer */
export function deliver(request, returnTo, answer) {
  if (request.unvouched) throw new Error('nobody vouches for the site');
  const opener = openerOf();
  if (request.transport === 'popup' && opener) {
    const type = 'assertion' in answer ? 'bid:response' : 'cancel' in answer ? 'bid:cancel' : 'bid:error';
    // The state lets a page answer for the one that asked, if that was loaded anew meanwhile.
    const content = 'assertion' in answer ? { state: request.state, assertion: answer.assertion, email: answer.email }
      : 'error' in answer ? { code: answer.error } : {};
    opener.postMessage({ t: type, id: request.id, ...content }, request.origin);
    window.close();
    return;
  }
  // The opener was cut off on the way (a provider's opener policy), or there never was one.
  const to = new URL(returnTo);
  if (to.origin !== request.origin) throw new Error('returnTo is not on the site');
  // A link on the site's own page may be a stranger's: a query could make its target redirect elsewhere,
  // and browsers carry the fragment along.
  if (request.transport === 'redirect') to.search = '';
  const popup = request.transport === 'popup' ? { popup: true } : {};
  const content = 'assertion' in answer ? { assertion: answer.assertion, email: answer.email }
    : { error: 'error' in answer ? answer.error : 'cancelled' };
  location.replace(`${to.href}#bid_response=${encodeJson({ state: request.state, ...content, ...popup })}`);
}
