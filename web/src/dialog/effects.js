/** What the state machine asks for, done; each ends in an event. */

import { certify } from '../lib/certify.js';
import { forgetKeys, dropKey, isUsable, loadKey, makeAssertion, saveKey } from '../lib/keys.js';
import * as store from '../lib/store.js';
import { ApiError } from '../lib/wsapi.js';
import { away, deliver } from './channel.js';
import { forgetRequest, saveFlow } from './flow.js';
import { ImproperUsage } from './params.js';
import { provisionInFrame, provisionOnTop } from './provision.js';

/** @typedef {import('../lib/wsapi.js').Wsapi} Wsapi */
/** @typedef {{api: Wsapi, request: import('./channel.js').Request, params: import('./params.js').Params,
 *  state: () => import('./machine.js').State, dispatch: (event: Record<string, any>) => void,
 *  restart: () => unknown}} World */

const pollEvery = 3000;

const statusCalls = {
  new_user: 'user_creation_status', add: 'email_addition_status', reset: 'password_reset_status',
  reverify: 'email_reverify_status', transition: 'transition_status',
};
const stageCalls = {
  new_user: 'stage_user', add: 'stage_email', reset: 'stage_reset', reverify: 'stage_reverify', transition: 'stage_transition',
};

/** The session as the machine wants it. @param {Wsapi} api */
export async function readSession(api) {
  const c = await api.session();
  const emails = await api.emails();
  if (!c.authenticated) {
    store.clearAccount();
    await forgetKeys();
  } else {
    if (store.isOther(c.userid)) {
      // Nobody signed out, and yet somebody else is here: what was kept is not for these eyes.
      store.clearAccount();
      await forgetKeys();
    }
    store.setEmails(emails, c.userid);
    store.linkUser(emails, c.userid);
  }
  const session = {
    authenticated: !!c.authenticated, level: c.auth_level, hasPassword: c.has_password, userid: c.userid,
    computer: c.authenticated ? store.computer(c.userid, Date.now()) : null,
  };
  return { session, emails };
}

/** Whether what is made now may last: this computer is that of the account which the address belongs to,
 *  or is being added to; whoever else is signed in has no say. @param {World} w @param {string} email */
function mayLast(w, email) {
  const { trusted, add, session } = w.state();
  return trusted || store.isOwn(add ? session.userid : store.userOf(email), Date.now());
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let polling;

/** The mails that this dialog asked for, with the password that their links will set.
 *  @type {Map<string, string>} */
const sent = new Map();

/** Answers asked for while a person still looks at the list, so that the click waits for nothing.
 *  @type {Map<string, {at: number, answer: Promise<any>}>} */
const early = new Map();
const earlyLife = 60000;

/** A certificate for an address that nobody proved is for sites that asked for such, and only as long as
 *  it is unproved. @param {World} w @param {any} info */
const unprovedWillDo = (w, info) => w.params.allowUnverified && info.state === 'unverified';

/** @param {World} w @param {string} email */
async function lookUp(w, email) {
  const { forceIssuer } = w.params;
  try {
    return await w.api.get('address_info', forceIssuer ? { email, issuer: forceIssuer } : { email });
  } catch (e) {
    if (forceIssuer && e instanceof ApiError && e.status === 400 && e.reason.startsWith('issuer'))
      throw new ImproperUsage(`experimental_forceIssuer: ${e.reason}`);
    throw e;
  }
}
/** @param {World} w @param {string} email */
export function lookUpEarly(w, email) {
  const answer = lookUp(w, email);
  answer.catch(() => early.delete(email));  // asked again, and reported, at the click
  early.set(email, { at: Date.now(), answer });
}

/** @type {Record<string, (w: World, e: Record<string, any>) => Promise<Record<string, any> | void>>} */
export const effects = {
  async addressInfo(w, { email, why }) {
    const before = why === 'chosen' ? early.get(email) : undefined;
    early.delete(email);
    const info = await (before && Date.now() - before.at < earlyLife ? before.answer : lookUp(w, email));
    const at = info.normalizedEmail || email;
    const key = why === 'chosen' && !info.state?.startsWith('transition') ? await loadKey(at, info.issuer) : undefined;
    const created = info.type === 'secondary' ? w.api.context.domain_key_creation_time : 0;
    const usable = !!key && isUsable(key, w.api.now(), created, unprovedWillDo(w, info)) && w.state().session.authenticated;
    return { type: 'info', info, why, usable };
  },

  async authenticate(w, { email, password, why }) {
    if (why === 'verified') {
      // The link was opened in this browser: it has the session, and a longer one.
      const now = await readSession(w.api);
      if (now.session.level === 'password' && now.emails.includes(email)) return { type: 'authenticated', why, ...now };
    }
    const args = { email, pass: password, ephemeral: !mayLast(w, email) };
    const done = await w.api.post('authenticate_user', w.params.allowUnverified ? { ...args, allowUnverified: true } : args);
    if (!done.success) return { type: 'refused', reason: done.reason };
    store.linkUser([email], done.userid);
    return { type: 'authenticated', why, suppressAsk: done.suppress_ask_if_users_computer, ...(await readSession(w.api)) };
  },

  async refresh(w, { why }) {
    return { type: 'authenticated', why, ...(await readSession(w.api)) };
  },

  async unblock(w, { email }) {
    await w.api.post('stage_unblock', { email });
    return { type: 'unblockSent' };
  },

  async stage(w, { purpose, email, password }) {
    /** @type {Record<string, unknown>} */
    const args = { email, site: w.request.origin };
    if (password !== undefined) args.pass = password;
    if (w.params.backgroundColor) args.backgroundColor = w.params.backgroundColor;
    if (w.params.siteLogo?.startsWith('https:')) args.siteLogo = w.params.siteLogo;
    if (purpose === 'new_user' && w.params.allowUnverified) args.allowUnverified = true;
    store.setReturnTo(email, w.params.returnTo, w.request.origin);
    await w.api.sameAccount();  // and the service hears for which site the mail is
    const call = stageCalls[/** @type {keyof stageCalls} */ (purpose)];
    const mail = `${purpose} ${email}`;
    let done;
    try {
      done = await w.api.post(call, args);
    } catch (e) {
      // Back and on again: the mail of a moment ago serves, if its link sets what was chosen now.
      const again = e instanceof ApiError && e.status === 429 && /Too many emails/.test(e.reason) && sent.get(mail) === (password ?? '');
      if (!again) throw e;
      return { type: 'staged', unverified: false };
    }
    if (!done.success) throw new ApiError(call, 200, { reason: done.reason });
    sent.set(mail, password ?? '');
    await w.api.renew();
    return { type: 'staged', unverified: !!done.unverified };
  },

  async poll(w, { purpose, email }) {
    clearTimeout(polling);
    const { turn } = w.state();
    const again = async () => {
      let status = 'pending';
      let wait = pollEvery;
      try {
        ({ status } = await w.api.get(statusCalls[/** @type {keyof statusCalls} */ (purpose)], { email }));
      } catch (e) {
        // A lost poll is not a lost sign-in: the next one may come through.
        if (e instanceof ApiError && e.status === 400) status = 'mustAuth';
        if (e instanceof ApiError && e.retryAfter) wait = Math.max(wait, Math.min(e.retryAfter, 60) * 1000);
      }
      if (w.state().turn !== turn || w.state().screen !== 'check_email') return;
      if (status === 'pending') polling = setTimeout(again, wait);
      else w.dispatch({ type: 'polled', status });
    };
    polling = setTimeout(again, pollEvery);
  },
  async stopPoll() {
    clearTimeout(polling);
  },

  async logout(w) {
    try {
      await w.api.post('logout', {});
    } catch (e) {
      if (!(e instanceof ApiError && e.status === 400)) throw e;
    }
    store.clearAccount();
    await forgetKeys(true);
    await w.api.session();
    return { type: 'loggedOut' };
  },

  async recordComputer(w, { state }) {
    store.setComputer(w.api.context.userid, state, Date.now());
    if (state === 'confirmed') await navigator.storage?.persist?.().catch(() => false);
  },
  async prolong(w, { password }) {
    try {
      await w.api.postText('prolong_session', password ? { pass: password } : {});
    } catch (e) {
      if (e instanceof ApiError && e.status === 401) return { type: 'proofNeeded' };
      console.error('prolong_session', e);  // costs the person no sign-in, only the longer session
    }
    return { type: 'prolonged' };
  },

  async provision(w, { email, info }) {
    const how = await provisionInFrame(w.api, email, info, mayLast(w, email));
    return { type: how === 'ok' ? 'provisioned' : 'frameFailed' };
  },
  async provisionTop(w, { email, info, after }) {
    away(w.request);
    const { add, session } = w.state();
    await provisionOnTop(w.api, { email, info, add, userid: session.userid, after, request: w.request }, mayLast(w, email));
  },
  async leave(w, { email, info, add }) {
    saveFlow({ email, info, add, userid: w.state().session.userid, request: w.request });
    const url = new URL(info.auth);
    url.searchParams.set('email', email);
    away(w.request);
    location.assign(url.href);
  },
  async primaryAuth(w, { email, info, add }) {
    const key = await loadKey(email, info.issuer);
    if (!key) return { type: 'provisionFailed' };
    const assertion = await makeAssertion(key, location.origin, w.api.now());
    const call = add ? 'add_email_with_assertion' : 'auth_with_assertion';
    const done = await w.api.post(call, add ? { assertion } : { assertion, ephemeral: !mayLast(w, email) });
    if (!done.success) throw new ApiError(call, 200, { reason: done.reason });
    const now = await readSession(w.api);
    if (!add && info.state === 'transition_to_primary')
      await w.api.post('used_address_as_primary', { email }).catch((e) => console.error('used_address_as_primary', e));
    await saveKey(key);  // it is of the account that is here now, whosever was here before
    return { type: 'primaryAuthed', ...now };
  },

  async generate(w, { email, info, trusted }) {
    const created = info.type === 'secondary' ? w.api.context.domain_key_creation_time : 0;
    let key = await loadKey(email, info.issuer);
    if (!key || !isUsable(key, w.api.now(), created, unprovedWillDo(w, info))) {
      /** @type {Record<string, unknown>} */
      const more = {};
      if (w.params.forceIssuer) more.forceIssuer = w.params.forceIssuer;
      if (w.params.allowUnverified) more.allowUnverified = true;
      try {
        key = await certify(w.api, email, info.issuer, !trusted, more);
      } catch (e) {
        // The site would do without, the service does not.
        if (e instanceof ApiError && e.status === 403 && /verification/.test(e.reason)) return { type: 'unproved' };
        throw e;
      }
    }
    return { type: 'assertion', assertion: await makeAssertion(key, w.request.origin, w.api.now()) };
  },

  async deliver(w, { assertion, email, trusted }) {
    const signedIn = w.params.rpApi === 'stateless' || w.params.rpApi.startsWith('get')
      ? { one_time: email, logged_in: undefined } : { logged_in: email, one_time: undefined };
    store.updateSite(w.request.origin, { email, ...signedIn });
    // On a computer that others use, nothing stays that could sign in once more.
    if (!trusted) await dropKey(email, w.state().info?.issuer || '');
    forgetRequest();
    deliver(w.request, w.params.returnTo, { assertion, email });
  },
  async cancel(w) {
    forgetRequest();
    deliver(w.request, w.params.returnTo, { cancel: true });
  },
  async restart(w) {
    await w.restart();
  },
};
