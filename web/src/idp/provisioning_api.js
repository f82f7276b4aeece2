/** For identity providers' provisioning pages (frontend.md 2.1, 2.3). The page is either in a hidden
 *  frame of the dialog, or is the dialog's window itself, where browsers show no cookies to frames.
 *  Which of the two is settled here; providers' code is the same. */

import { decodeJson, encodeJson } from '../lib/base64url.js';

// An element that a page lets strangers write, and that is named so, hides the property: it is no script.
const { currentScript } = document;
const script = currentScript instanceof HTMLScriptElement ? currentScript : null;
const service = script ? new URL(script.getAttribute('data-bid-origin') || script.src, location.href).origin : '';

/** @param {any} callback */
const needFunction = (callback) => {
  // A text, as providers' tests of old expect.
  if (typeof callback !== 'function') throw 'a function is required';
};

function framed() {
  /** @type {((email: string, duration: number) => void) | null} */
  let begun = null;
  /** @type {((pubkey: string) => void) | null} */
  let keyed = null;
  /** @param {any} message */
  const post = (message) => parent.postMessage({ t: 'bid:prov', v: 1, ...message }, service);
  addEventListener('message', (event) => {
    if (event.origin !== service || event.source !== parent) return;
    const m = event.data;
    if (!m || m.t !== 'bid:prov' || m.v !== 1) return;
    if (m.op === 'begin' && begun) begun(String(m.email), Number(m.duration));
    else if (m.op === 'key' && keyed) keyed(String(m.pubkey));
  });
  return {
    begin: (/** @type {any} */ callback) => {
      begun = callback;
      post({ op: 'begin' });
    },
    key: (/** @type {any} */ callback) => {
      keyed = callback;
      post({ op: 'key' });
    },
    end: (/** @type {any} */ result) => post({ op: 'end', ...result }),
  };
}

/** @param {any} request */
function topLevel(request) {
  // The answer goes to the dialog of the service whose script this is, or nowhere: another of its pages
  // may lead on to a stranger's, and the fragment with it.
  const back = service + '/sign_in';
  if (request.return !== back) throw new Error('provisioning: the way back does not lead to ' + back);
  return {
    begin: (/** @type {any} */ callback) => setTimeout(() => callback(request.email, request.duration), 0),
    key: (/** @type {any} */ callback) => setTimeout(() => callback(request.pubkey), 0),
    end: (/** @type {any} */ result) =>
      location.replace(`${back}#bidc=${encodeJson({ state: request.state, ...result })}`),
  };
}

function choose() {
  const match = /^#bidp=([A-Za-z0-9_-]+)$/.exec(location.hash);
  if (window.parent === window && match) {
    history.replaceState(null, '', location.pathname + location.search);
    return topLevel(decodeJson(match[1]));
  }
  return window.parent === window ? null : framed();
}

const way = choose();
const nav = /** @type {any} */ (navigator);
const id = nav.id || {};
Object.assign(id, {
  /** @param {(email: string, cert_duration_s: number) => void} callback */
  beginProvisioning(callback) {
    needFunction(callback);
    way?.begin(callback);
  },
  /** Call it once you know that the person is signed in as that address.
   *  @param {(publicKey: string) => void} callback */
  genKeyPair(callback) {
    needFunction(callback);
    way?.key(callback);
  },
  /** @param {string} certificate */
  registerCertificate(certificate) {
    way?.end({ cert: String(certificate) });
  },
  /** @param {string} reason */
  raiseProvisioningFailure(reason) {
    way?.end({ error: String(reason) });
  },
});
if (nav.id !== id) Object.defineProperty(nav, 'id', { value: id, configurable: true, writable: true, enumerable: true });
