/** The front page: what this is, for those who are signed out; the account, for the others. */

import { passwordFits } from '../lib/address.js';
import { every, fault, make, one } from '../lib/dom.js';
import { explain } from '../lib/explain.js';
import { t } from '../lib/i18n.js';
import { dropKeysOf, forgetKeys } from '../lib/keys.js';
import * as store from '../lib/store.js';
import { AccountChanged, ApiError, Wsapi } from '../lib/wsapi.js';

const api = new Wsapi();
/** @type {string[]} */
let emails = [];
let busy = false;

export async function startHome() {
  one('#sign-in').addEventListener('click', () => {
    hush();
    // Our own page is a site like any other; the assertion itself is not needed, the session is.
    /** @type {any} */ (navigator).id.get(() => refresh());
  });
  one('#sign-out').addEventListener('click', () => run(signOut));
  one('#cancel-account').addEventListener('click', () => run(cancelAccount));
  wirePassword();
  // A browser that shows a page as it was left, shows what may be another's by now.
  addEventListener('pageshow', (event) => event.persisted && location.reload());
  await refresh();
}

/** @param {unknown} error */
function complain(error) {
  const { text, remedy } = explain(error);
  const place = one('#home-fault');
  one('p', place).textContent = text + ' ' + remedy;
  place.hidden = false;
}
const hush = () => (one('#home-fault').hidden = one('#account-done').hidden = true);

async function refresh() {
  try {
    const session = await api.session();
    emails = session.authenticated ? await api.emails() : [];
    const signedIn = session.authenticated && emails.length > 0;
    if (!signedIn || store.isOther(session.userid)) await forget();
    if (!signedIn) {
      one('#addresses').replaceChildren();
      one('#password-form').reset();
    }
    one('#signed-out').hidden = signedIn;
    one('#signed-in').hidden = !signedIn;
    if (signedIn) paint(session);
  } catch (e) {
    complain(e);
  }
}

/** @param {any} session */
function paint(session) {
  store.setEmails(emails, session.userid);
  const hint = one('#account-hint');
  hint.hidden = store.hintSeen();
  store.setHintSeen();
  one('#password-section').hidden = !session.has_password;
  one('#password-form input[name=username]').value = emails[0];
  one('#addresses').replaceChildren(...emails.map((email) => {
    const button = make('button', { type: 'button', class: 'danger', 'aria-label': t('account.remove_label', { email }) }, t('account.remove'));
    button.addEventListener('click', () => run(() => removeAddress(email)));
    return make('li', {}, make('span', { class: 'address' }, email), button);
  }));
}

/** Runs what a button does, one thing at a time; a failure is shown where the page shows failures.
 *  @param {() => Promise<string | void>} work */
async function run(work) {
  if (busy) return;
  busy = true;
  hush();
  try {
    const done = await work();
    if (done) {
      const good = one('#account-done');
      one('p', good).textContent = done;
      good.hidden = false;
    }
  } catch (e) {
    await recover(e);
  } finally {
    busy = false;
  }
}

/** Where the session may be at fault, the page shows what is there now: whoever is signed in has not
 *  asked for what failed, and nobody being signed in, it would fail for ever. @param {unknown} error */
async function recover(error) {
  const refused = error instanceof ApiError && [400, 401, 403].includes(error.status);
  if (!refused && !(error instanceof AccountChanged)) return complain(error);
  await refresh();
  const ended = refused && !api.context?.authenticated;
  complain(ended ? new AccountChanged('the session ended') : error);
}

/** @param {{title: string, text: string, yes: string}} words @returns {Promise<boolean>} */
function ask(words) {
  const dialog = one('#confirm');
  one('#confirm-title').textContent = words.title;
  one('#confirm-text').textContent = words.text;
  one('#confirm-yes').textContent = words.yes;
  dialog.returnValue = 'no';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true });
  });
}

/** @param {boolean} [all] what is under way with a provider too */
async function forget(all = false) {
  store.clearAccount();
  await forgetKeys(all).catch(() => {});
}

async function signOut() {
  try {
    await api.post('logout', {});
  } catch (e) {
    // Was signed out already, it seems; then that is what was wanted.
    const out = e instanceof AccountChanged ? !api.context.authenticated : e instanceof ApiError && e.status === 400;
    if (!out) throw e;
  }
  await forget(true);
  await refresh();
}

const cancelAccount = async () => {
  const words = { title: t('account.cancel_title'), text: t('account.cancel_text'), yes: t('account.cancel_yes') };
  if (!(await ask(words))) return;
  await api.post('account_cancel', {});
  await forget(true);
  await refresh();
};

/** @param {string} email */
async function removeAddress(email) {
  if (emails.length === 1) return cancelAccount();
  const words = {
    title: t('account.remove_title'), text: t('account.remove_text', { email }), yes: t('account.remove'),
  };
  if (!(await ask(words))) return;
  await api.post('remove_email', { email });
  await dropKeysOf(email);
  await refresh();
  return t('account.removed', { email });
}

function wirePassword() {
  const form = one('#password-form');
  const open = one('#password-open');
  const [old, fresh] = [one('#old-password'), one('#new-password')];
  for (const input of [old, fresh]) {
    const place = make('p', { class: 'fault', id: input.id + '-fault', role: 'alert', hidden: true });
    input.closest('.field').append(place);
    const described = input.getAttribute('aria-describedby');
    input.setAttribute('aria-describedby', described ? `${described} ${place.id}` : place.id);
  }
  /** @param {HTMLInputElement} input @param {string} text */
  const complain = (input, text) => fault(input, one(`#${input.id}-fault`), text);
  /** @param {boolean} shown */
  const toggle = (shown) => {
    form.hidden = !shown;
    open.hidden = shown;
    old.value = fresh.value = '';
    for (const input of [old, fresh]) complain(input, '');
    (shown ? old : open).focus();
  };
  open.addEventListener('click', () => toggle(true));
  one('#password-cancel').addEventListener('click', () => toggle(false));
  form.addEventListener('submit', (/** @type {Event} */ event) => {
    event.preventDefault();
    for (const input of [old, fresh]) complain(input, '');
    if (!old.value) return complain(old, t('field.password_missing'));
    if (!passwordFits(fresh.value)) return complain(fresh, t('field.password_length'));
    if (fresh.value === old.value) return complain(fresh, t('field.password_same'));
    run(async () => {
      const done = await api.post('update_password', { oldpass: old.value, newpass: fresh.value });
      if (!done.success) {
        complain(old, t('field.password_wrong'));
        return;
      }
      toggle(false);
      await refresh();
      return t('account.password_changed');
    });
  });
  for (const input of every('input', form)) input.addEventListener('input', () => input.id && complainOff(input));
  /** @param {HTMLInputElement} input */
  function complainOff(input) {
    if (input.getAttribute('aria-invalid') !== 'true') return;
    one(`#${input.id}-fault`).hidden = true;
    input.removeAttribute('aria-invalid');
  }
}
