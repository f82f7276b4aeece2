/** navigator.id for sites: watch, request, logout, get, getVerifiedEmail (frontend.md 1). */

import { apiOf, checkWatch, getOptions, isObject, requestParams } from './options.js';
import * as states from './states.js';
import { createFrame } from './frame.js';
import { channel, openPage, openPopup, redirect, takeFragment } from './transport.js';

/** @typedef {import('./transport.js').Answer} Answer */

const evaluateWithin = 10000;

/** @param {string} service origin of the service */
function makeId(service) {
  /** @type {Record<string, any>} */
  let observers = {};
  /** @type {string} */
  let rpApi = '';
  /** @type {'' | 'watch' | 'get'} */
  let style = '';
  /** @type {ReturnType<typeof createFrame> | null} */
  let frame = null;
  /** @type {ReturnType<typeof openPopup>} */
  let dialog = null;
  /** @type {(() => void) | undefined} */
  let onCancel;
  let readyFired = false;
  let left = false;  // for the dialog, by navigation
  /** @type {Answer | null} */
  let early = null;  // came back by navigation, before the site called watch()

  const supported = typeof BroadcastChannel === 'function' && typeof URL === 'function';

  /** @param {any} self @param {string} name */
  const checkThis = (self, name) => {
    if (self !== id) throw new Error(`navigator.id.${name} must be called on navigator.id`);
  };
  /** @param {'watch' | 'get'} wanted */
  const checkStyle = (wanted) => {
    if (style && style !== wanted)
      throw new Error('you cannot combine navigator.id.watch/request with get/getVerifiedEmail on one page');
    style = wanted;
  };

  const fireReady = () => {
    if (readyFired) return;
    readyFired = true;
    if (observers.onready) observers.onready();
  };
  /** @param {string} assertion */
  const fireLogin = (assertion) => {
    try {
      if (observers.onlogin) observers.onlogin(assertion);
    } catch (e) {
      console.error('navigator.id: the onlogin observer threw', e);
      throw e;
    }
  };

  const ensureFrame = () => {
    if (frame || !supported) return;
    frame = createFrame(service, {
      login: fireLogin,
      logout: () => observers.onlogout && observers.onlogout(),
      match: () => observers.onmatch && observers.onmatch(),
      evaluated: fireReady,
      loggedOut: () => states.setLogoutWaits(false),
    });
    // The page where the person signed out was left before its frame could hear of it.
    if (states.logoutWaits()) tell({ op: 'logout' });
  };
  /** @param {any} message */
  const tell = (message) => {
    if (frame) frame.post(message);
  };

  /** The end of a dialog, whichever way its answer came. @param {Answer} answer */
  const finish = (answer) => {
    dialog = null;
    const cancel = onCancel;
    onCancel = undefined;
    if (answer.assertion && answer.email) {
      states.setLogoutWaits(false);
      tell({ op: 'complete', loggedInUser: answer.email, evaluate: false });
      fireLogin(answer.assertion);
      return;
    }
    tell({ op: 'complete', evaluate: !answer.error });
    if (cancel) cancel();
  };

  const tabs = channel();
  if (tabs)
    tabs.onmessage = (event) => {
      const m = event.data;
      // The popup lost its opener on its way and came back to this site with the answer. It is for the tab
      // that asked; if that is gone, the popup itself keeps it.
      if (!dialog || !m || m.t !== 'bid:answer' || m.state !== dialog.state || !states.consume(m.state)) return;
      tabs.postMessage({ t: 'bid:taken', state: m.state });
      dialog.stop();
      finish(m);
    };

  /** An answer to a page that is no more: this one takes its place. @param {any} m */
  const inherit = (m) => {
    if (!states.consume(m.state)) return;
    early = { assertion: m.assertion, email: m.email, error: m.error };
    if (m.assertion) states.setLogoutWaits(false);  // who signs in after that stays signed in
    if (observers.onlogin) deliverEarly();
  };

  // The page was loaded anew while its dialog was open: that still answers to this window.
  addEventListener('message', (event) => {
    const m = event.data;
    if (event.origin !== service || !m || m.t !== 'bid:response') return;
    if (!dialog || dialog.state !== m.state) inherit(m);
  });

  // "Back" shows the page as it was left, with the dialog unfinished.
  addEventListener('pageshow', (event) => {
    if (!event.persisted || !left) return;
    left = false;
    finish({ cancelled: true });
  });

  const fragment = takeFragment();
  if (fragment && !states.isKnown(fragment.state))
    console.warn('navigator.id: an answer came that nobody here waits for, or no longer; it is ignored');
  else if (fragment) {
    const here = () => inherit(fragment);
    if (fragment.popup && tabs) {
      const alone = setTimeout(here, 1000);  // the tab that asked is gone: this one takes its place
      const listener = channel();
      if (listener)
        listener.onmessage = (event) => {
          if (!event.data || event.data.t !== 'bid:taken' || event.data.state !== fragment.state) return;
          clearTimeout(alone);
          close();
        };
      tabs.postMessage({ ...fragment, t: 'bid:answer' });
    } else here();
  }
  function deliverEarly() {
    const answer = early;
    early = null;
    if (answer) setTimeout(() => finish(answer), 0);
  }

  /** @param {Record<string, any>} options checked @param {string} api */
  const observe = (options, api) => {
    observers = options;
    rpApi = api;
    ensureFrame();
    if (!supported) {
      setTimeout(fireReady, 0);
      return;
    }
    // Who just came back with an answer is signed in, whatever the page knew when it was made.
    const user = early && early.assertion ? early.email : options.loggedInUser;
    tell({ op: 'watch', loggedInUser: user, stateless: !options.onlogout });
    // A frame that is blocked answers nothing; the site must not wait for it.
    setTimeout(fireReady, evaluateWithin);
    deliverEarly();
  };

  /** @param {Record<string, any>} options */
  const start = (options) => {
    if (dialog && dialog.focus()) return;
    const params = requestParams(options, observers, location.pathname);
    params.rp_api = rpApi;
    params.start_time = Date.now();
    if (onCancel) setTimeout(onCancel, 0);  // of a request that this one takes the place of
    onCancel = typeof options.oncancel === 'function' ? options.oncancel : undefined;
    /** The end without a dialog; a page of the service says why, if a window opens at all. @param {string} page */
    const noWindow = (page) => {
      if (!openPage(service, page)) console.warn('navigator.id: the browser blocks the sign-in window');
      setTimeout(() => finish({ error: 'no_window' }), 0);
    };
    if (!supported) {
      noWindow('/unsupported_dialog');
      return;
    }
    const byRedirect = () => {
      dialog = null;
      if (style === 'get') noWindow('/unsupported_dialog_without_watch');
      else if (redirect(service, params)) left = true;
      else noWindow('/cookies_disabled');
    };
    if (options.transport === 'redirect') {
      byRedirect();
      return;
    }
    dialog = openPopup(service, params, finish, byRedirect, style === 'get');
    if (!dialog) byRedirect();
    else tell({ op: 'running' });
  };

  /** @param {any} callback @param {any} options @param {string} api */
  const ask = (callback, options, api) => {
    if (typeof callback !== 'function') throw new Error(`navigator.id.${api} needs a callback`);
    const none = () => setTimeout(() => callback(null), 0);
    if (isObject(options) && options.silent) {
      console.warn('navigator.id: "silent" is deprecated');
      none();
      return;
    }
    checkStyle('get');
    if (dialog && dialog.focus()) {
      none();
      return;
    }
    let called = false;
    /** @param {string | null} assertion */
    const once = (assertion) => {
      if (called) return;
      called = true;
      if (observers.onlogin === once) observers = {};
      callback(assertion);
    };
    observers = { onlogin: once };
    rpApi = api;
    start({ ...getOptions(options), oncancel: () => once(null) });
  };

  const id = {
    _shimmed: true,

    /** @param {any} options */
    watch(options) {
      checkThis(this, 'watch');
      if (!isObject(options)) return;
      checkStyle('watch');
      const checked = checkWatch(options);
      observe(checked, apiOf(checked));
    },

    /** @param {any} options */
    request(options) {
      checkThis(this, 'request');
      checkStyle('watch');
      if (!observers.onlogin) throw new Error('navigator.id.watch must be called before navigator.id.request');
      start(isObject(options) ? options : {});
    },

    /** @param {any} [callback] deprecated */
    logout(callback) {
      checkThis(this, 'logout');
      const hasFrame = !!frame;
      states.setLogoutWaits(true);
      ensureFrame();
      // A new frame was told already, unless the storage keeps nothing.
      if (hasFrame || !states.logoutWaits()) tell({ op: 'logout' });
      if (typeof callback === 'function') {
        console.warn('navigator.id: the callback of logout is deprecated; use onlogout of watch');
        setTimeout(callback, 0);
      }
    },

    /** @param {any} callback @param {any} [options] */
    get(callback, options) {
      ask(callback, options, 'get');
    },

    /** @param {any} callback */
    getVerifiedEmail(callback) {
      console.warn('navigator.id: getVerifiedEmail is deprecated; use get, or watch and request');
      ask(callback, undefined, 'getVerifiedEmail');
    },
  };
  return id;
}

// An element that a page lets strangers write, and that is named so, hides the property: it is no script.
const { currentScript } = document;
const script = currentScript instanceof HTMLScriptElement ? currentScript : null;
const nav = /** @type {any} */ (navigator);
if (script && (!nav.id || !nav.id.request || nav.id._shimmed)) {
  // Another origin may be named by the page itself, for a copy of this file that the site serves.
  const service = new URL(script.getAttribute('data-bid-origin') || script.src, location.href).origin;
  const made = makeId(service);
  // A site's code may hold on to the object, so it must be the one that `this` is compared with.
  Object.defineProperty(nav, 'id', { value: made, configurable: true, writable: true, enumerable: true });
}
