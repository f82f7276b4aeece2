/** One-time values that bind an answer which comes back by navigation to the request of this site
 *  (frontend.md 1.7). They live in the site's own storage; each serves once, for as long
 *  as the dialog remembers what it was asked while a provider's page is open. */

const key = 'bid_states';
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
