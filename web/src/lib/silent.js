/** An assertion without a click, for a site where the person signed in before (frontend.md 1.5). */

import { certify } from './certify.js';
import { dropKey, isUsable, loadKey, makeAssertion } from './keys.js';
import * as store from './store.js';

/** @typedef {import('./wsapi.js').Wsapi} Wsapi */

const transitions = ['transition_to_primary', 'transition_to_secondary', 'transition_no_password'];

/** @param {Wsapi} api whose session is authenticated @param {string} origin
 *  @param {string | null | undefined} believed @returns {Promise<{email: string | null, assertion?: string}>} */
export async function silentAssertion(api, origin, believed) {
  const emails = await api.emails();
  if (!emails.length) return { email: null };
  const record = store.site(origin);
  const email = record.logged_in || record.one_time;
  if (!email || !emails.includes(email)) return { email: null };
  if (email === believed) return { email };  // they agree: nothing to prove
  const info = await api.get('address_info', { email });
  if (transitions.includes(info.state)) return { email: null };
  const own = info.type === 'secondary';
  let key = await loadKey(email, info.issuer);
  if (!key || !isUsable(key, api.now(), own ? api.context.domain_key_creation_time : 0)) {
    if (!own) return { email: null };  // a primary's certificate takes its own page, not a silent moment
    key = await certify(api, email, info.issuer, true);
  }
  const assertion = await makeAssertion(key, origin, api.now());
  // On a computer that others may use, nothing stays that could sign in once more.
  if (!store.isOwn(api.context.userid, Date.now())) await dropKey(email, info.issuer);
  if (record.one_time) store.updateSite(origin, { one_time: undefined });
  return { email, assertion };
}
