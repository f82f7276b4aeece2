/** A key certified by this service, made and kept (wsapi.md 4.2). */

import { certificateFits, loadKey, makeKey, saveKey } from './keys.js';

/** @param {import('./wsapi.js').Wsapi} api @param {string} email @param {string} issuer
 *  @param {boolean} ephemeral @param {Record<string, unknown>} [more] further arguments of cert_key */
export async function certify(api, email, issuer, ephemeral, more = {}) {
  const made = await makeKey(api.context.user_key_algs);
  const cert = await api.postText('cert_key', { email, pubkey: made.pubkey, ephemeral, ...more });
  if (!certificateFits(cert, made.pubkey, email, api.now())) throw new Error('the certificate is for something else');
  await saveKey({ email, issuer, ...made, cert, ephemeral, created: api.now() });
  const saved = await loadKey(email, issuer);
  if (!saved) throw new Error('the key could not be kept');
  return saved;
}
