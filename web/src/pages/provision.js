/** The service as an identity provider for itself: certifies a key that our own dialog, or a native
 *  client, made (frontend.md 2.3). */

import { Wsapi } from '../lib/wsapi.js';

export function startProvision() {
  const id = /** @type {any} */ (navigator).id;
  /** @param {unknown} e */
  const fail = (e) => id.raiseProvisioningFailure(String(e));
  id.beginProvisioning(async (/** @type {string} */ email) => {
    try {
      const api = new Wsapi();
      const session = await api.session();
      if (!session.authenticated || !(await api.emails()).includes(email)) return fail('not signed in as that address');
      id.genKeyPair(async (/** @type {string} */ pubkey) => {
        try {
          id.registerCertificate(await api.postText('cert_key', { email, pubkey, ephemeral: true }));
        } catch (e) {
          fail(e);
        }
      });
    } catch (e) {
      fail(e);
    }
  });
}
