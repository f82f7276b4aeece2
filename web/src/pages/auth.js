/** The service as an identity provider for itself: native clients use it (frontend.md 2.3). */

import { fault, one } from '../lib/dom.js';
import { explain } from '../lib/explain.js';
import { t } from '../lib/i18n.js';
import { Wsapi } from '../lib/wsapi.js';

export function startAuth() {
  const id = /** @type {any} */ (navigator).id;
  const api = new Wsapi();
  const form = one('#auth-form');
  const password = one('#auth-password');
  const notice = one('#auth-fault');
  const place = document.createElement('p');
  place.className = 'fault';
  place.id = 'auth-password-fault';
  place.hidden = true;
  password.closest('.field').append(place);
  password.setAttribute('aria-describedby', place.id);

  id.beginAuthentication((/** @type {string} */ email) => {
    one('#auth-email').value = email;
    password.focus();
  });
  one('#auth-cancel').addEventListener('click', () => id.raiseAuthenticationFailure('cancelled'));
  let busy = false;
  form.addEventListener('submit', async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (busy) return;
    notice.hidden = true;
    if (!password.value) return fault(password, place, t('field.password_missing'));
    fault(password, place, '');
    busy = true;
    try {
      const email = one('#auth-email').value;
      const done = await api.post('authenticate_user', { email, pass: password.value, ephemeral: true });
      if (done.success) id.completeAuthentication();
      else fault(password, place, t('field.password_wrong'));
    } catch (e) {
      one('p', notice).textContent = explain(e).text + ' ' + explain(e).remedy;
      notice.hidden = false;
    } finally {
      busy = false;
    }
  });
}
