/** For identity providers' sign-in pages, which the dialog's window shows (frontend.md 2.2). */

// An element that a page lets strangers write, and that is named so, hides the property: it is no script.
const { currentScript } = document;
const script = currentScript instanceof HTMLScriptElement ? currentScript : null;
const service = script ? new URL(script.getAttribute('data-bid-origin') || script.src, location.href).origin : '';

const nav = /** @type {any} */ (navigator);
const id = nav.id || {};
const failed = () => location.assign(service + '/sign_in?AUTH_RETURN_CANCEL');
Object.assign(id, {
  /** @param {(email: string) => void} callback */
  beginAuthentication(callback) {
    if (typeof callback !== 'function') throw 'a function is required';
    const email = new URLSearchParams(location.search).get('email') || '';
    setTimeout(() => callback(email), 0);
  },
  completeAuthentication() {
    location.assign(service + '/sign_in?AUTH_RETURN');
  },
  /** @param {string} [_reason] for the provider's own records */
  raiseAuthenticationFailure(_reason) {
    failed();
  },
  cancelAuthentication: failed,
});
if (nav.id !== id) Object.defineProperty(nav, 'id', { value: id, configurable: true, writable: true, enumerable: true });
