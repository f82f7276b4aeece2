/** The pages behind mailed links. Opening one changes nothing: mail scanners open links too. The
 *  token leaves the address bar at once and is spent only by a click (frontend.md 4.3). */

import { every, fault, one } from '../lib/dom.js';
import { explain } from '../lib/explain.js';
import { passwordFits } from '../lib/address.js';
import { t } from '../lib/i18n.js';
import * as store from '../lib/store.js';
import { ApiError, Wsapi } from '../lib/wsapi.js';

/** @type {Record<string, string>} */
const calls = {
  '/verify_email_address': 'complete_user_creation',
  '/add_email_address': 'complete_email_confirmation',
  '/confirm': 'complete_email_confirmation',
  '/complete_transition': 'complete_transition',
  '/reset_password': 'complete_reset',
  '/unblock': 'complete_unblock',
  '/not_me': 'report_not_me',
};

/** @param {string} name */
function show(name) {
  for (const part of every('[data-part]')) part.hidden = part.dataset.part !== name;
  const heading = document.querySelector(`[data-part="${name}"] h1`);
  if (heading instanceof HTMLElement) heading.focus();
}

/** @param {string} text */
function fail(text) {
  one('[data-fault]').textContent = text;
  show('fault');
}

export async function startTokenPage() {
  const call = calls[location.pathname];
  const token = new URLSearchParams(location.search).get('token') || '';
  history.replaceState(null, '', location.pathname);
  if (!call || !/^[A-Za-z0-9]{48}$/.test(token)) return fail(t('token.malformed'));
  const api = new Wsapi();
  /** @type {{email: string, must_auth: boolean, needs_password: boolean} | null} */
  let about = null;
  try {
    await api.session();
    if (call !== 'complete_unblock' && call !== 'report_not_me') {
      const found = await api.get('email_for_token', { token });
      if (!found.success) return fail(t('token.unknown'));
      about = found;
    }
  } catch (e) {
    return fail(explain(e).text + ' ' + explain(e).remedy);
  }
  if (about) {
    for (const node of every('[data-email]')) node.textContent = about.email;
    // Without a password of its own the link asks for that of the account.
    const asked = about.needs_password ? 'account' : 'chosen';
    for (const node of every('[data-asked]')) node.hidden = node.dataset.asked !== asked;
    const input = document.getElementById('token-email');
    if (input instanceof HTMLInputElement) input.value = about.email;
  }
  const reset = call === 'complete_reset';
  const askPassword = () => {
    wire('password', api, call, token, about?.email, reset);
    show('password');
    one('#token-password').focus();
  };
  if (about && (about.must_auth || reset)) return askPassword();
  wire('confirm', api, call, token, about?.email, reset, askPassword);
  show('confirm');
}

/** @param {string} part @param {Wsapi} api @param {string} call @param {string} token
 *  @param {string | undefined} email @param {boolean} reset @param {() => void} [askPassword] */
function wire(part, api, call, token, email, reset, askPassword) {
  const form = one(`[data-part="${part}"] form`);
  const button = one('button.main', form);
  const input = part === 'password' ? one('#token-password') : null;
  let place = form.querySelector('.fault');
  if (!place) {
    place = document.createElement('p');
    place.className = 'fault';
    place.id = part + '-fault';
    place.setAttribute('role', 'alert');
    (input ? input.closest('.field') : form).append(place);
    if (input) input.setAttribute('aria-describedby', [input.getAttribute('aria-describedby'), place.id].filter(Boolean).join(' '));
  }
  let busy = false;
  form.addEventListener('submit', async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (busy) return;
    /** @param {string} text */
    const complain = (text) => (input ? fault(input, place, text) : (place.textContent = text));
    complain('');
    if (input && (reset ? !passwordFits(input.value) : !input.value))
      return complain(t(reset ? 'field.password_length' : 'field.password_missing'));
    busy = true;
    button.setAttribute('aria-disabled', 'true');
    try {
      const done = await api.post(call, input ? { token, pass: input.value } : { token });
      if (!done.success) return fail(t('token.unknown'));
      await finish(api, email);
    } catch (e) {
      if (e instanceof ApiError && e.status === 401) {
        if (askPassword) askPassword();
        else complain(t('field.password_wrong'));
      } else complain(explain(e).text + ' ' + explain(e).remedy);
    } finally {
      busy = false;
      button.removeAttribute('aria-disabled');
    }
  });
}

/** @param {Wsapi} api @param {string | undefined} email that is proved now; a link that unlocks, or
 *  stops something, proves none */
async function finish(api, email) {
  if (email) leadOn(email);
  await api.renew().catch(() => {});
  show('done');
}

/** Only the browser in which the sign-in began knows a site to go on to. @param {string} email */
function leadOn(email) {
  const next = store.returnTo(email);
  const link = document.querySelector('[data-onward]');
  if (next && link instanceof HTMLAnchorElement) {
    store.updateSite(next.origin, { logged_in: email, email });
    link.href = next.url;
  }
  const place = document.querySelector('[data-next]');
  if (place) place.textContent = next ? t('token.next_site', { site: new URL(next.url).host }) : t('token.next_close');
  store.clearReturnTo(email);
}
