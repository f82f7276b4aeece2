/** How a request reaches the dialog and its answer comes back: a popup with postMessage, or
 *  navigation with the answer in the fragment (frontend.md 1.7). */

import { decodeJson, encodeJson, random } from '../lib/base64url.js';
import * as states from './states.js';

/** @typedef {{assertion?: string, email?: string, error?: string, cancelled?: boolean}} Answer */

const popupName = '__persona_dialog';
const readyWithin = 8000;

function features() {
  const touch = matchMedia('(pointer: coarse)').matches;
  if (touch) return '';  // a tab; phones ignore sizes, and some refuse windows with one
  const width = 440;
  const height = 640;
  const left = Math.max(0, Math.round(screenX + (outerWidth - width) / 2));
  const top = Math.max(0, Math.round(screenY + (outerHeight - height) / 3));
  return `popup=yes,resizable=yes,scrollbars=yes,width=${width},height=${height},left=${left},top=${top}`;
}

/** @param {string} service @param {string} page an information page of the service */
export const openPage = (service, page) => open(service + page, popupName, features());

/** Leaves this page for the dialog. The answer comes to whatever page is at params.returnTo.
 *  @param {string} service @param {Record<string, any>} params */
export function redirect(service, params) {
  const state = random();
  if (!states.remember(state)) return false;
  const request = { v: 1, origin: location.origin, params, state };
  const link = document.createElement('a');
  link.href = `${service}/sign_in#bid=${encodeJson(request)}`;
  link.target = '_self';  // whatever <base> says
  link.referrerPolicy = 'origin';  // the browser's word for who asks; the dialog takes no other
  link.click();
  return true;
}

/** Opens the popup; must run in the click. `done` is called once. Returns how to focus and to end
 *  it, or null when this browser gives no window.
 *  @param {string} service @param {Record<string, any>} params @param {(a: Answer) => void} done
 *  @param {() => void} severed called instead of done when the popup cannot talk to this page
 *  @param {boolean} alone there is no other way, so a slow popup is waited for */
export function openPopup(service, params, done, severed, alone) {
  const popup = open(service + '/sign_in', popupName, features());
  if (!popup || popup.closed) return null;
  const id = random();
  const state = random();
  let ready = false;
  let away = false;  // at a provider's page, which may cut it off from here: then it looks closed
  let ended = false;
  states.remember(state);

  /** @param {Answer} answer */
  const end = (answer) => {
    if (ended) return;
    stop();
    done(answer);
  };
  const stop = () => {
    ended = true;
    clearInterval(poll);
    clearTimeout(patience);
    removeEventListener('message', hear);
  };
  /** @param {MessageEvent} event */
  const hear = (event) => {
    // Nobody but our own window at the service's origin is heard.
    if (event.origin !== service || event.source !== popup) return;
    const m = event.data;
    if (!m || typeof m !== 'object') return;
    if (m.t === 'bid:ready' && m.v === 1) {
      ready = true;
      away = false;
      clearTimeout(patience);
      popup.postMessage({ t: 'bid:request', v: 1, id, state, params }, service);
    } else if (m.id === id) {
      if (m.t === 'bid:response') {
        states.consume(state);
        end({ assertion: m.assertion, email: m.email });
      } else if (m.t === 'bid:away') away = true;
      else if (m.t === 'bid:cancel') end({ cancelled: true });
      else if (m.t === 'bid:error') end({ error: String(m.code) });
    }
  };
  addEventListener('message', hear);
  const giveUp = () => {
    if (ended) return;
    stop();
    try {
      popup.close();
    } catch (e) {
      // severed: it is not ours to close
    }
    severed();
  };
  const patience = alone ? 0 : setTimeout(giveUp, readyWithin);
  const opened = Date.now();
  let seen = false;
  let gone = 0;
  const poll = setInterval(() => {
    if (!popup.closed) seen = true;
    else if (away && Date.now() - opened < states.life) return;
    // Cross-Origin-Opener-Policy of this page cuts when the window's own page comes, and leaves that in
    // front; a person who closes the window, however little of it was loaded, is back at this page.
    else if (!ready && (!seen || !document.hasFocus())) giveUp();
    else if (gone++) end({ cancelled: true });  // its answer may come after its end is seen
  }, 500);
  /** Shows the dialog, if it is there; else that was the end of it. @returns {boolean} */
  const focus = () => {
    if (popup.closed) end({ cancelled: true });
    else popup.focus();
    return !ended;
  };
  return { state, focus, stop };
}

/** The answer in this page's fragment, if there is one; the fragment is removed at once, so that it
 *  stays in no history and no later script reads it. @returns {any} */
export function takeFragment() {
  const match = /^#bid_response=([A-Za-z0-9_-]+)$/.exec(location.hash);
  if (!match) return null;
  history.replaceState(history.state, '', location.pathname + location.search);
  try {
    const answer = decodeJson(match[1]);
    return answer && typeof answer === 'object' ? answer : null;
  } catch (e) {
    return null;
  }
}

/** Tabs of this site: an answer that arrives in the popup is passed to the tab that asked. */
export function channel() {
  return typeof BroadcastChannel === 'function' ? new BroadcastChannel('bid') : null;
}
