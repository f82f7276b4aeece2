/** The hidden frame on sites' pages: tells the site when its visitor's state changed elsewhere, where
 *  the browser lets this frame see the service's storage and cookies (frontend.md 1.2, 1.5, 6.2). */

import { silentAssertion } from '../lib/silent.js';
import * as store from '../lib/store.js';
import { Wsapi } from '../lib/wsapi.js';
import { decide, isNews } from './decide.js';

const api = new Wsapi();
/** Origin of the page around us: that of its first message. */
let site = '';
/** @type {string | null | undefined} what the site believes */
let believed;
let watching = false;
let paused = false;
let said = 0;  // counts what the site told: an evaluation that began before it knows less

/** @param {any} message */
const post = (message) => parent.postMessage({ t: 'bid:frame', v: 1, ...message }, site || '*');

async function storageOpen() {
  try {
    if (document.hasStorageAccess && !(await document.hasStorageAccess())) return false;
    return store.storageIsShared();
  } catch {
    return false;
  }
}

async function evaluate() {
  if (!watching || paused) return;
  const before = said;
  try {
    const shared = await storageOpen();
    const session = await api.session();
    const cookies = !!session.cookies;
    const found = shared && cookies && session.authenticated
      ? await silentAssertion(api, site, believed) : { email: null };
    if (said === before) {
      const verdict = decide({ believed, cookies, shared, authenticated: !!session.authenticated, ...found });
      believed = verdict.believed;
      if (verdict.event === 'login') post({ op: 'login', assertion: found.assertion });
      else if (verdict.event) post({ op: verdict.event });
    }
  } catch {
    // No answer is no news: a service that is down signs nobody out.
  }
  post({ op: 'evaluated' });
}

function signOutHere() {
  store.updateSite(site, { logged_in: undefined, one_time: undefined });
  if (watching && believed !== null) {
    believed = null;
    post({ op: 'logout' });
  }
}

addEventListener('message', (event) => {
  if (event.source !== parent || parent === window) return;
  const m = event.data;
  if (!m || m.t !== 'bid:frame' || m.v !== 1) return;
  if (site && event.origin !== site) return;
  site = event.origin;
  if (m.op === 'hello') return post({ op: 'ready' });
  said++;
  if (m.op === 'watch') {
    watching = true;
    believed = m.loggedInUser;
    evaluate();
  } else if (m.op === 'logout') {
    signOutHere();
    post({ op: 'loggedOut' });
  } else if (m.op === 'running') paused = true;
  else if (m.op === 'complete') {
    paused = false;
    if (typeof m.loggedInUser === 'string') believed = m.loggedInUser;
    if (m.evaluate) evaluate();
  }
});

addEventListener('storage', (event) => {
  if (isNews(event, site)) evaluate();
});

if (parent !== window) post({ op: 'ready' });
