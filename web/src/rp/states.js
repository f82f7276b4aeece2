/** What a site's own storage keeps for the next page: one-time values that bind an answer which comes
 *  back by navigation to the request of this site (frontend.md 1.7), and a logout that the frame has
 *  not heard yet. Each value serves once, for as long as the dialog remembers what it was asked while
 *  a provider's page is open. */

const key = 'bid_states';
const logoutKey = 'bid_logout';
export const life = 3600 * 1000;

/** @returns {Record<string, number>} */
function read() {
  /** @type {Record<string, number>} */
  const fresh = {};
  try {
    const all = JSON.parse(localStorage.getItem(key) || '{}');
    for (const state of Object.keys(all)) {
      const age = Date.now() - all[state];
      if (age >= 0 && age < life) fresh[state] = all[state];
    }
  } catch (e) {
    // Storage is blocked or was spoilt: no state is known, so no answer will be believed.
  }
  return fresh;
}

/** @param {Record<string, number>} all @returns {boolean} whether it was stored */
function write(all) {
  try {
    localStorage.setItem(key, JSON.stringify(all));
    return true;
  } catch (e) {
    return false;
  }
}

/** @param {string} state */
export const remember = (state) => write({ ...read(), [state]: Date.now() });

/** True once for each remembered state. @param {unknown} state */
export function consume(state) {
  const all = read();
  if (typeof state !== 'string' || !Object.prototype.hasOwnProperty.call(all, state)) return false;
  delete all[state];
  return write(all);
}

/** Whether an answer of that state may still come. @param {unknown} state */
export const isKnown = (state) =>
  typeof state === 'string' && Object.prototype.hasOwnProperty.call(read(), state);

/** Whether a logout() waits for the frame to hear it. */
export function logoutWaits() {
  try {
    return localStorage.getItem(logoutKey) !== null;
  } catch (e) {
    return false;
  }
}

/** @param {boolean} waits */
export function setLogoutWaits(waits) {
  try {
    if (waits) localStorage.setItem(logoutKey, '1');
    else localStorage.removeItem(logoutKey);
  } catch (e) {
    // Storage is blocked: the frame of this page is told, and nobody else can be.
  }
}
