/** The dialog as a pure function: next(state, event) gives the state to show and the effects to run
 *  (frontend.md 3). Nothing here touches the page, the network or the clock. */

import { message } from '../lib/i18n.js';

/** @typedef {{type?: string, state?: string, issuer?: string, auth?: string, prov?: string,
 *  normalizedEmail?: string, disabled?: boolean}} Info address_info's answer */
/** @typedef {{authenticated: boolean, level?: string, hasPassword?: boolean, userid?: unknown,
 *  computer: {state: string, age: number} | null}} Session */
/** @typedef {'new_user' | 'add' | 'reset' | 'reverify' | 'transition'} Purpose */
/** @typedef {Record<string, any>} Event with `type` */
/** @typedef {Record<string, any>} Effect with `run` */
/** @typedef {{screen: string, email: string, info: Info | null, purpose: Purpose | '', add: boolean,
 *  required: boolean}} Place what going back restores */
/** @typedef {Place & {session: Session, emails: string[], options: {hint: string, lastEmail: string,
 *  forceAuthentication: boolean, allowUnverified: boolean, leave: string}, password: string, completedHere: boolean,
 *  trusted: boolean, busy: boolean, notice: any, fault: any, error: any, stack: Place[],
 *  turn: number}} State `turn` counts the times that a person turned away from what was begun */

const minute = 60 * 1000;
const day = 24 * 60 * minute;
const month = 30 * day;

/** @type {Session} */
const nobody = { authenticated: false, computer: null };

/** @returns {State} */
export const initial = () => ({
  screen: 'loading', email: '', info: null, purpose: '', add: false, required: false,
  session: nobody, emails: [], options: { hint: '', lastEmail: '', forceAuthentication: false, allowUnverified: false, leave: '' },
  password: '', completedHere: false, trusted: false, busy: false, notice: null, fault: null, error: null, stack: [], turn: 0,
});

/** @typedef {[State, Effect[]]} Step */

/** @param {State} s @param {Partial<State>} change @param {...Effect} effects @returns {Step} */
const stay = (s, change, ...effects) => [{ ...s, notice: null, fault: null, ...change }, effects];

/** A screen to which "back" returns from here. @param {State} s @param {Partial<State>} change
 *  @param {...Effect} effects @returns {Step} */
function enter(s, change, ...effects) {
  const { screen, email, info, purpose, add, required } = s;
  const stack = screen === 'loading' ? s.stack : [...s.stack, { screen, email, info, purpose, add, required }];
  return stay(s, { busy: false, stack, ...change }, ...effects);
}

/** @param {State} s @param {...Effect} effects @returns {Step} */
const wait = (s, ...effects) => stay(s, { busy: true }, ...effects);

/** A field's fault. @param {State} s @param {string} field @param {any} what @returns {Step} */
const wrong = (s, field, what) => stay(s, { busy: false, fault: { field, ...what } });

/** @param {State} s @param {Event} e @returns {Session} */
const sessionOf = (s, e) => e.session || s.session;

// Where a person goes whom we know, and whom we do not.

/** @param {State} s @returns {Step} */
const start = (s) => {
  const known = s.session.authenticated && !s.options.forceAuthentication;
  if (known && !s.emails.length) return stay(s, { screen: 'loading' }, { run: 'logout' });
  if (known) return stay(s, { screen: 'pick_email', stack: [], busy: false, email: preselected(s) });
  // Whoever is signed in gives that up only for an address that he wrote himself.
  const email = s.session.authenticated ? ownOf(s, s.options.hint) : s.options.hint;
  return stay(s, { screen: 'email', stack: [], busy: false, email, required: false, add: false });
};

/** The account's address that differs from this one in nothing but case; '' where it has none.
 *  @param {State} s @param {string} email */
const ownOf = (s, email) => s.emails.find((one) => one.toLowerCase() === email.toLowerCase()) || '';

/** Nothing is chosen for a person with several addresses at a site that they never saw.
 *  @param {State} s */
function preselected(s) {
  const { hint, lastEmail } = s.options;
  if (ownOf(s, hint)) return ownOf(s, hint);
  if (s.emails.includes(lastEmail)) return lastEmail;
  return s.emails.length === 1 ? s.emails[0] : '';
}

/** Looks an address up before anything is decided about it. @param {State} s @param {string} email
 *  @param {string} why @returns {Step} */
const lookUp = (s, email, why) => stay(s, { email, busy: true }, { run: 'addressInfo', email, why });

/** @param {State} s @param {string} email @returns {Step} */
const chosen = (s, email) => lookUp(s, email, 'chosen');

/** Asks for the password of an address that cannot be exchanged for another here.
 *  @param {State} s @returns {Step} */
const askPassword = (s) => enter(s, { screen: 'password', required: true, password: '' });

/** @param {State} s @param {Purpose} purpose @returns {Step} */
const setPassword = (s, purpose) => enter(s, { screen: 'set_password', purpose });

/** @param {State} s @param {Purpose} purpose @param {string} [password] @returns {Step} */
const stage = (s, purpose, password) =>
  stay(s, { busy: true, purpose, password: password || s.password },
    { run: 'stage', purpose, email: s.email, password });

/** @param {State} s @param {boolean} [add] @returns {Step} */
const provision = (s, add = false) =>
  enter(s, { screen: 'primary_leaving', add }, { run: 'provision', email: s.email, info: s.info });

/** The address is proved; only the question of the computer may be left. @param {State} s @returns {Step} */
function ready(s) {
  const c = s.session.computer;
  const ask = !s.completedHere && !s.trusted && !!c && (c.state === 'unreadable' || (c.state === 'seen' && c.age > minute) ||
    (c.state === 'denied' && c.age > day) || (c.state === 'confirmed' && c.age > month));
  if (ask) return enter(s, { screen: 'computer' });
  const trusted = s.trusted || (c?.state === 'confirmed' && !ask);
  return generate({ ...s, trusted }, c ? [] : [{ run: 'recordComputer', state: 'seen' }]);
}

/** @param {State} s @param {Effect[]} before @returns {Step} */
const generate = (s, before = []) =>
  stay(s, { screen: 'signing_in', busy: true }, ...before, { run: 'generate', email: s.email, info: s.info, trusted: s.trusted });

/** What an address's state means when it was typed (frontend.md 3.2, "authenticate: email").
 *  @param {State} s @param {Info} info @returns {Step} */
function typed(s, info) {
  if (info.state === 'offline') return enter(s, { screen: 'primary_offline' });
  if (info.type === 'secondary') {
    if (['known', 'unverified', 'transition_to_secondary'].includes(info.state || ''))
      return enter(s, { screen: 'password', required: false });
    if (info.state === 'unknown') return setPassword(s, 'new_user');
  }
  return decide(s, info, false);
}

/** ... when it is the one to sign in with ("email_chosen"). @param {State} s @param {Info} info
 *  @param {boolean} usable a good certificate is at hand @returns {Step} */
function decide(s, info, usable) {
  if (info.state === 'offline') return enter(s, { screen: 'primary_offline' });
  if (usable) return ready(s);
  if (info.state === 'transition_to_primary') return enter(s, { screen: 'primary_verify' });
  if (info.type === 'primary') return provision(s);
  if (info.state === 'transition_to_secondary') return s.password ? stage(s, 'transition', s.password) : askPassword(s);
  if (info.state === 'transition_no_password') return setPassword(s, 'transition');
  if (info.state === 'unverified' && !s.options.allowUnverified)
    return s.session.authenticated ? stage(s, 'reverify') : askPassword(s);
  if (info.state === 'unknown' && !s.session.authenticated) return setPassword(s, 'new_user');
  if (s.session.level !== 'password') return askPassword(s);
  return ready(s);
}

/** ... when it is to be added to the account. @param {State} s @param {Info} info @returns {Step} */
function adding(s, info) {
  if (info.state === 'offline') return enter(s, { screen: 'primary_offline' });
  if (info.type === 'primary') return provision(s, true);
  return s.session.hasPassword ? stage(s, 'add') : setPassword(s, 'add');
}

/** The call has ended the session: its addresses are nobody's to choose from, here or by "back".
 *  @param {State} s @returns {State} */
const signedOut = (s) => ({
  ...s, session: nobody, emails: [],
  stack: s.stack.filter((p) => p.screen !== 'add_email').map((p) => (p.screen === 'pick_email' ? { ...p, screen: 'email' } : p)),
});

/** @type {Record<string, (s: State, e: Event) => Step>} */
const handlers = {
  /** Everything that start-up found out. */
  start(s, e) {
    const begun = { ...s, session: e.session, emails: e.emails, options: { ...s.options, ...e.options } };
    // An address is added to the account that wanted it, and to no other that is here now.
    const strayed = e.returning?.add && e.returning.userid !== e.session.userid;
    const back = strayed ? null : e.returning;
    if (!back) return start(begun);
    const [home] = start({ ...begun, add: false });
    if (back.kind === 'cancelled')
      return back.add ? enter(home, { screen: 'add_email', email: '' }) : stay(home, { email: back.email });
    // Under the provider's turn lies the first screen, so that "back" leads somewhere.
    const [there] = enter(home, { screen: 'primary_leaving', email: back.email, info: back.info, add: !!back.add });
    if (back.kind === 'authenticated')
      return wait(there, { run: 'provisionTop', email: back.email, info: back.info, after: 'auth' });
    if (back.kind === 'provisioned') return handlers.provisioned(there, e);
    return back.after === 'auth' ? handlers.provisionFailed(there, e) : handlers.notProvisioned(there, e);
  },

  // The person's doings.
  email: (s, e) => lookUp({ ...s, password: '' }, e.email, 'typed'),
  password: (s, e) => wait({ ...s, password: e.password }, { run: 'authenticate', email: s.email, password: e.password, why: 'typed' }),
  forgot: (s) => enter(s, { screen: 'forgot' }),
  /** Strangers tried this account's password; the owner's way in is a mail. */
  prove: (s) => enter(s, { screen: 'prove' }),
  prove_send: (s) => wait(s, { run: 'unblock', email: s.email }),
  unblockSent: (s) => stay(s, { busy: false, screen: 'prove_sent' }),
  prove_done: (s) => (!s.password ? askPassword(s) : wait(s, { run: 'authenticate', email: s.email, password: s.password, why: 'typed' })),
  reset: (s) => stage({ ...s, password: '' }, 'reset'),
  new_password: (s, e) => stage(s, /** @type {Purpose} */ (s.purpose), e.password),
  pick: (s, e) => (e.email ? chosen(s, e.email) : wrong(s, 'choices', message('field.choose'))),
  add: (s) => enter(s, { screen: 'add_email', email: '' }),
  add_email(s, e) {
    return ownOf(s, e.email) ? wrong(s, 'add', message('field.owned')) : lookUp(s, e.email, 'add');
  },
  not_me: (s) => wait(s, { run: 'logout' }),
  verify: (s) => enter(s, { screen: 'primary_leaving' }, { run: 'leave', email: s.email, info: s.info, add: s.add }),
  mine: (s) => stay(s, { trusted: true, busy: true },
    { run: 'recordComputer', state: 'confirmed' }, { run: 'prolong', password: s.password }),
  shared: (s) => generate({ ...s, trusted: false }, [{ run: 'recordComputer', state: 'denied' }]),
  back(s) {
    const stack = [...s.stack];
    let place = stack.pop();
    // Where something was awaited that has come, or will not any more, nobody stays.
    while (place && ['primary_leaving', 'signing_in', 'loading', 'check_email'].includes(place.screen)) place = stack.pop();
    const turn = s.turn + 1;
    if (!place) return stay(s, { turn }, { run: 'cancel' });
    return stay(s, { ...place, stack, turn, busy: false, password: '' }, { run: 'stopPoll' });
  },
  dismiss: (s) => (s.error?.fatal ? stay(s, {}, { run: 'cancel' }) : stay(initial(), { turn: s.turn + 1 }, { run: 'restart' })),

  // What effects report.
  info(s, e) {
    const at = { ...s, email: e.info.normalizedEmail || s.email, info: e.info, busy: false };
    if (e.why === 'typed') return typed(at, e.info);
    if (e.why === 'add') return adding(at, e.info);
    return decide(at, e.info, !!e.usable);
  },
  authenticated(s, e) {
    const at = { ...s, session: e.session, emails: e.emails, trusted: s.trusted || !!e.suppressAsk };
    if (e.why !== 'verified') return chosen(at, s.email);
    if (e.session.level !== 'password') return askPassword(at);
    // A just verified address may still report a transition: it is not looked up again.
    return ready({ ...at, completedHere: true, password: '' });
  },
  refused(s) {
    if (s.screen === 'check_email' || s.screen === 'prove_sent') return askPassword({ ...s, password: '' });
    return wrong({ ...s, password: '' }, 'password', message('field.password_wrong'));
  },
  loggedOut: (s) => start({ ...initial(), turn: s.turn, options: { ...s.options, hint: '' }, session: nobody }),
  staged(s, e) {
    if (e.unverified) return wait(s, { run: 'authenticate', email: s.email, password: s.password, why: 'typed' });
    const keeps = ['add', 'reverify'].includes(s.purpose);
    return enter(keeps ? s : signedOut(s), { screen: 'check_email' }, { run: 'poll', purpose: s.purpose, email: s.email });
  },
  polled(s, e) {
    if (s.screen !== 'check_email' || e.status === 'pending') return [s, []];
    // The password typed here signs in wherever the link was opened.
    if (s.password && ['complete', 'mustAuth'].includes(e.status))
      return stay(s, {}, { run: 'authenticate', email: s.email, password: s.password, why: 'verified' });
    if (e.status === 'complete') return stay(s, {}, { run: 'refresh', why: 'verified' });
    if (e.status === 'mustAuth') return askPassword(s);
    return stay(s, { screen: 'error', error: { code: 'link_gone' } });
  },
  provisioned(s, e) {
    const session = sessionOf(s, e);
    const mine = session.authenticated && s.emails.includes(s.email);
    if (mine && s.info?.state !== 'transition_to_primary') return chosen(s, s.email);
    return wait(s, { run: 'primaryAuth', email: s.email, info: s.info, add: s.add && session.authenticated });
  },
  primaryAuthed: (s, e) => chosen({ ...s, session: e.session, emails: e.emails, add: false }, s.email),
  prolonged: (s) => generate(s),
  /** A short session becomes a long one for whoever shows again who he is. @param {State} s */
  proofNeeded: (s) => (s.info?.type === 'primary'
    ? wait(s, { run: 'primaryAuth', email: s.email, info: s.info, add: false }) : askPassword(s)),
  /** The hidden frame got nowhere: the page may not see its cookies there. */
  frameFailed: (s) => wait(s, { run: 'provisionTop', email: s.email, info: s.info, after: 'frame' }),
  notProvisioned: (s) => stay(s, { screen: 'primary_leaving', busy: true }, { run: 'leave', email: s.email, info: s.info, add: s.add }),
  provisionFailed: (s) => stay(s, { screen: 'primary_failed', busy: false }),
  unproved: (s) => stage(s, 'reverify'),
  assertion: (s, e) =>
    stay(s, { screen: 'signing_in', busy: true, password: '' }, { run: 'deliver', assertion: e.assertion, email: s.email, trusted: s.trusted }),
  failed(s, e) {
    const form = ['prove', 'prove_sent', 'email', 'password', 'forgot', 'set_password', 'pick_email', 'add_email'].includes(s.screen);
    return form && !e.fatal
      ? stay(s, { busy: false, notice: e.words })
      : stay(s, { busy: false, screen: 'error', error: e });
  },
};

/** An event that answers an effect bears the turn in which that was asked for: once the person has
 *  turned away, what comes is of another address or purpose than the screen's, and is dropped.
 *  @param {State} state @param {Event} event @returns {Step} */
export function next(state, event) {
  if (event.turn !== undefined && event.turn !== state.turn) return [state, []];
  const handler = handlers[event.type];
  if (!handler) throw new Error(`the dialog knows no event '${event.type}'`);
  return handler(state, event);
}

/** Whether this screen shows a way back; from the first one it leads to the site, in a window that
 *  came from there. @param {State} s */
export const canGoBack = (s) => (s.stack.length > 0 || !!s.options.leave) &&
  !['signing_in', 'loading', 'primary_leaving', 'error'].includes(s.screen);
