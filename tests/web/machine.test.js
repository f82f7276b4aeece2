/** The dialog's state machine by table: screens that follow, and what is asked of the world. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canGoBack, initial, next } from '../../web/src/dialog/machine.js';

const nobody = { authenticated: false, computer: null };
const somebody = { authenticated: true, level: 'password', hasPassword: true, userid: 7, computer: { state: 'seen', age: 1000 } };
const secondary = (state) => ({ type: 'secondary', state, issuer: 'login.example' });
const primary = (state = 'known') => ({ type: 'primary', state, issuer: 'p.example', auth: 'https://p.example/a', prov: 'https://p.example/p' });

/** Runs events; returns the last state and the effects of the last one. */
function run(...events) {
  let state = initial();
  let effects = [];
  for (const event of events) [state, effects] = next(state, event);
  return { state, effects, runs: effects.map((e) => e.run) };
}
const start = (session = nobody, emails = [], options = {}, more = {}) => ({ type: 'start', session, emails, options, ...more });
const email = { type: 'email', email: 'a@b.example' };
const info = (i, why = 'typed', usable = false) => ({ type: 'info', info: i, why, usable });

test('start: nobody, somebody, forced authentication, an account without addresses', () => {
  assert.equal(run(start()).state.screen, 'email');
  assert.equal(run(start(somebody, ['a@b.example'])).state.screen, 'pick_email');
  assert.equal(run(start(somebody, ['a@b.example'], { forceAuthentication: true })).state.screen, 'email');
  assert.deepEqual(run(start(somebody, [])).runs, ['logout']);
});

test('what is preselected', () => {
  const emails = ['a@b.example', 'c@d.example'];
  assert.equal(run(start(somebody, emails)).state.email, '');
  assert.equal(run(start(somebody, emails, { lastEmail: 'c@d.example' })).state.email, 'c@d.example');
  assert.equal(run(start(somebody, emails, { lastEmail: 'c@d.example', hint: 'a@b.example' })).state.email, 'a@b.example');
  assert.equal(run(start(somebody, emails, { lastEmail: 'gone@d.example' })).state.email, '');
  assert.equal(run(start(somebody, ['a@b.example'])).state.email, 'a@b.example');
});

test('a typed address', () => {
  for (const [i, screen, runs, purpose] of [
    [secondary('known'), 'password', [], ''],
    [secondary('unverified'), 'password', [], ''],
    [secondary('transition_to_secondary'), 'password', [], ''],
    [secondary('unknown'), 'set_password', [], 'new_user'],
    [secondary('transition_no_password'), 'set_password', [], 'transition'],
    [secondary('offline'), 'primary_offline', [], ''],
    [primary('known'), 'primary_leaving', ['provision'], ''],
    [primary('unknown'), 'primary_leaving', ['provision'], ''],
    [primary('transition_to_primary'), 'primary_verify', [], ''],
  ]) {
    const r = run(start(), email, info(i));
    assert.equal(r.state.screen, screen, i.state);
    assert.deepEqual(r.runs, runs, i.state);
    assert.equal(r.state.purpose, purpose, i.state);
    assert.equal(r.state.stack[0].screen, 'email');
  }
});

test('a chosen address of a person who is signed in', () => {
  const assertion = { ...somebody, level: 'assertion' };
  for (const [session, i, usable, screen, runs] of [
    [somebody, secondary('known'), true, 'signing_in', ['generate']],
    [somebody, secondary('known'), false, 'signing_in', ['generate']],
    [assertion, secondary('known'), false, 'password', []],
    [assertion, secondary('known'), true, 'signing_in', ['generate']],
    [somebody, secondary('offline'), true, 'primary_offline', []],
    [somebody, primary('transition_to_primary'), false, 'primary_verify', []],
    [somebody, primary('known'), false, 'primary_leaving', ['provision']],
    [somebody, secondary('transition_to_secondary'), false, 'password', []],
    [somebody, secondary('transition_no_password'), false, 'set_password', []],
    [somebody, secondary('unverified'), false, 'pick_email', ['stage']],
  ]) {
    const r = run(start(session, ['a@b.example']), { type: 'pick', email: 'a@b.example' }, info(i, 'chosen', usable));
    assert.equal(r.state.screen, screen, `${i.state} ${session.level}`);
    assert.deepEqual(r.runs, runs, i.state);
  }
});

test('whose computer: asked after a minute, a day, a month, or when it cannot be read; never after a registration', () => {
  const minute = 60000;
  for (const [computer, screen] of [
    [null, 'signing_in'], [{ state: 'seen', age: 59 * 1000 }, 'signing_in'], [{ state: 'seen', age: minute + 1 }, 'computer'],
    [{ state: 'denied', age: 23 * 60 * minute }, 'signing_in'], [{ state: 'denied', age: 25 * 60 * minute }, 'computer'],
    [{ state: 'confirmed', age: 29 * 24 * 60 * minute }, 'signing_in'], [{ state: 'confirmed', age: 31 * 24 * 60 * minute }, 'computer'],
    [{ state: 'unreadable', age: 0 }, 'computer'],
  ]) {
    const r = run(start({ ...somebody, computer }, ['a@b.example']), { type: 'pick', email: 'a@b.example' }, info(secondary('known'), 'chosen'));
    assert.equal(r.state.screen, screen, JSON.stringify(computer));
    if (screen === 'signing_in') assert.equal(r.effects.at(-1).trusted, computer?.state === 'confirmed');
  }
  const staged = [start(), email, info(secondary('unknown')), { type: 'new_password', password: 'long enough' }, { type: 'staged' }];
  const done = run(...staged, { type: 'polled', status: 'complete' },
    { type: 'authenticated', why: 'verified', session: { ...somebody, computer: { state: 'seen', age: 9e9 } }, emails: ['a@b.example'] });
  assert.equal(done.state.screen, 'signing_in');
});

test('waiting for the link', () => {
  const staged = [start(), email, info(secondary('unknown')), { type: 'new_password', password: 'long enough' }, { type: 'staged' }];
  assert.deepEqual(run(...staged).runs, ['poll']);
  assert.equal(run(...staged).state.screen, 'check_email');
  for (const status of ['complete', 'mustAuth'])
    assert.deepEqual(run(...staged, { type: 'polled', status }).runs, ['authenticate'], status);
  assert.equal(run(...staged, { type: 'polled', status: 'noRegistration' }).state.screen, 'error');
  assert.deepEqual(run(...staged, { type: 'back' }).runs, ['stopPoll']);
  assert.equal(run(...staged, { type: 'back' }).state.screen, 'set_password');
  // A reset has no password to sign in with.
  const reset = [start(), email, info(secondary('known')), { type: 'forgot' }, { type: 'reset' }, { type: 'staged' }];
  assert.deepEqual(run(...reset, { type: 'polled', status: 'complete' }).runs, ['refresh']);
  assert.equal(run(...reset, { type: 'polled', status: 'mustAuth' }).state.screen, 'password');
  // A poll that comes late changes nothing.
  assert.equal(run(...reset, { type: 'back' }, { type: 'polled', status: 'complete' }).state.screen, 'forgot');
});

test('a password that is refused stays where it was typed', () => {
  const r = run(start(), email, info(secondary('known')), { type: 'password', password: 'x' }, { type: 'refused' });
  assert.equal(r.state.screen, 'password');
  assert.equal(r.state.fault.field, 'password');
  assert.equal(r.state.password, '');
});

test('transition to secondary uses the password just typed', () => {
  const r = run(start(), email, info(secondary('transition_to_secondary')), { type: 'password', password: 'typed one' },
    { type: 'authenticated', why: 'typed', session: somebody, emails: ['a@b.example'] }, info(secondary('transition_to_secondary'), 'chosen'));
  assert.deepEqual(r.effects, [{ run: 'stage', purpose: 'transition', email: 'a@b.example', password: 'typed one' }]);
});

test('adding an address', () => {
  const base = [start(somebody, ['a@b.example']), { type: 'add' }];
  assert.equal(run(...base, { type: 'add_email', email: 'A@b.example' }).state.fault.key, 'field.owned');
  const add = { type: 'add_email', email: 'n@b.example' };
  assert.deepEqual(run(...base, add, info(secondary('unknown'), 'add')).runs, ['stage']);
  assert.deepEqual(run(...base, add, info(primary(), 'add')).runs, ['provision']);
  const without = [start({ ...somebody, hasPassword: false }, ['a@b.example']), { type: 'add' }, add];
  const r = run(...without, info(secondary('unknown'), 'add'));
  assert.deepEqual([r.state.screen, r.state.purpose], ['set_password', 'add']);
});

test('a primary address: frame, then this window, then the provider; then it ends', () => {
  const left = [start(), email, info(primary())];
  assert.deepEqual(run(...left, { type: 'frameFailed' }).effects[0].after, 'frame');
  assert.deepEqual(run(...left, { type: 'provisioned' }).runs, ['primaryAuth']);
  const back = (kind, after) => start(nobody, [], {}, { returning: { kind, after, email: 'a@b.example', info: primary(), add: false } });
  assert.deepEqual(run(back('refused', 'frame')).runs, ['leave']);
  assert.deepEqual(run(back('authenticated')).effects[0].after, 'auth');
  assert.equal(run(back('refused', 'auth')).state.screen, 'primary_failed');
  assert.deepEqual(run(back('provisioned', 'auth')).runs, ['primaryAuth']);
  assert.equal(run(back('cancelled')).state.screen, 'email');
  assert.equal(run(back('cancelled')).state.email, 'a@b.example');
  const adding = start(somebody, ['x@b.example'], {}, { returning: { kind: 'cancelled', email: 'a@b.example', info: primary(), add: true, userid: 7 } });
  assert.equal(run(adding).state.screen, 'add_email');
  assert.equal(run(adding, { type: 'back' }).state.screen, 'pick_email');
});

test('a computer of one\'s own: the session is made long, with the password where it is asked for', () => {
  const asked = [start({ ...somebody, computer: { state: 'seen', age: 61000 } }, ['a@b.example']),
    { type: 'pick', email: 'a@b.example' }, info(secondary('known'), 'chosen', true)];
  assert.equal(run(...asked).state.screen, 'computer');
  assert.deepEqual(run(...asked, { type: 'mine' }).runs, ['recordComputer', 'prolong']);
  const done = run(...asked, { type: 'mine' }, { type: 'prolonged' });
  assert.deepEqual([done.runs, done.effects[0].trusted], [['generate'], true]);
  const short = run(...asked, { type: 'mine' }, { type: 'proofNeeded' });
  assert.deepEqual([short.state.screen, short.state.required, short.state.trusted], ['password', true, true]);
  const primaries = [asked[0], asked[1], info(primary(), 'chosen', true), { type: 'mine' }, { type: 'proofNeeded' }];
  assert.deepEqual(run(...primaries).runs, ['primaryAuth']);
  const typed = [start(), email, info(secondary('known')), { type: 'password', password: 'x' },
    { type: 'authenticated', why: 'typed', session: { ...somebody, computer: { state: 'seen', age: 61000 } }, emails: ['a@b.example'] },
    info(secondary('known'), 'chosen')];
  assert.equal(run(...typed).state.screen, 'computer');
  assert.equal(run(...typed, { type: 'mine' }).effects[1].password, 'x');
  assert.deepEqual(run(...asked, { type: 'shared' }).runs, ['recordComputer', 'generate']);
});

test('back leads past what was waited for, and to no account that is signed out', () => {
  const reset = [start(somebody, ['a@b.example', 'c@d.example']), { type: 'pick', email: 'a@b.example' }, info(secondary('unverified'), 'chosen'),
    { type: 'staged' }];
  assert.equal(run(...reset).state.screen, 'check_email');
  const level = { ...somebody, level: 'assertion' };
  const forgot = [start(level, ['a@b.example']), { type: 'pick', email: 'a@b.example' }, info(secondary('known'), 'chosen'), { type: 'forgot' },
    { type: 'reset' }, { type: 'staged' }];
  assert.deepEqual(run(...forgot).state.emails, []);
  const screens = [];
  for (const events = [...forgot, { type: 'polled', status: 'mustAuth' }]; screens.length < 4;) {
    events.push({ type: 'back' });
    screens.push(run(...events).state.screen);
  }
  assert.deepEqual(screens.slice(0, 3), ['forgot', 'password', 'email']);
});

test('a site that would do without proof, at a service that does not', () => {
  const chosen = [start(somebody, ['a@b.example'], { allowUnverified: true }), { type: 'pick', email: 'a@b.example' },
    info(secondary('unverified'), 'chosen')];
  assert.deepEqual(run(...chosen).runs, ['generate']);
  const r = run(...chosen, { type: 'unproved' });
  assert.deepEqual([r.runs, r.state.purpose], [['stage'], 'reverify']);
});

test('an address is added to the account that wanted it, or to none', () => {
  for (const kind of ['provisioned', 'authenticated', 'cancelled'])
    for (const userid of [8, undefined]) {
      const returning = { kind, email: 'a@b.example', info: primary(), add: true, userid };
      const r = run(start(somebody, ['x@b.example'], {}, { returning }));
      assert.equal(r.state.screen, 'pick_email', kind);
      assert.deepEqual(r.runs, [], kind);
    }
  const mine = { kind: 'provisioned', email: 'a@b.example', info: primary(), add: true, userid: 7 };
  assert.equal(run(start(somebody, ['x@b.example'], {}, { returning: mine })).effects[0].add, true);
});

test('whoever is signed in writes the address that takes the place', () => {
  const options = { forceAuthentication: true, hint: 'x@evil.example' };
  assert.equal(run(start(somebody, ['a@b.example'], options)).state.email, '');
  assert.equal(run(start(somebody, ['a@b.example'], { ...options, hint: 'a@b.example' })).state.email, 'a@b.example');
  assert.equal(run(start(somebody, ['a@b.example'], { ...options, hint: 'A@B.example' })).state.email, 'a@b.example');
  assert.equal(run(start(nobody, [], options)).state.email, 'x@evil.example');
});

test('failures: beside the form where there is one, else a screen of their own', () => {
  const words = { title: 't', text: 'x', remedy: 'r', code: 'busy' };
  assert.equal(run(start(), email, { type: 'failed', words }).state.notice, words);
  assert.equal(run(start(), email, { type: 'failed', words }).state.busy, false);
  assert.equal(run({ type: 'failed', words }).state.screen, 'error');
  assert.deepEqual(run({ type: 'failed', words }, { type: 'dismiss' }).runs, ['restart']);
  assert.deepEqual(run({ type: 'failed', words, fatal: true }, { type: 'dismiss' }).runs, ['cancel']);
});

test('back from the first screen cancels; passwords do not outlive going back', () => {
  assert.deepEqual(run(start(), { type: 'back' }).runs, ['cancel']);
  const r = run(start(), email, info(secondary('known')), { type: 'password', password: 'x' }, { type: 'back' });
  assert.deepEqual([r.state.screen, r.state.password], ['email', '']);
  assert.equal(canGoBack(run(start()).state), false);
  assert.equal(canGoBack(run(start(), email, info(secondary('known'))).state), true);
});

test('in a window that came from the site, the first screen leads back there', () => {
  for (const first of [start(nobody, [], { leave: 'site.example' }), start(somebody, ['a@b.example'], { leave: 'site.example' })]) {
    const r = run(first, { type: 'back' });
    assert.ok(canGoBack(run(first).state));
    assert.deepEqual(r.runs, ['cancel']);
  }
  const again = run(start(somebody, ['a@b.example'], { leave: 'site.example' }), { type: 'not_me' }, { type: 'loggedOut' });
  assert.ok(canGoBack(again.state));
});

test('what was asked for before the person turned away is dropped, be it a result or a failure', () => {
  const late = (turn, event) => ({ ...event, turn });
  const words = { title: 't', text: 'x', remedy: 'r', code: 'busy' };
  const signedIn = start(somebody, ['x@y.example']);
  const add = [signedIn, { type: 'add' }, { type: 'add_email', email: 'n@b.example' }];
  assert.deepEqual(run(...add, late(0, info(secondary('unknown'), 'add'))).runs, ['stage'], 'in time');
  const left = run(...add, { type: 'back' });
  for (const event of [info(secondary('unknown'), 'add'), { type: 'failed', words }, { type: 'prove' }]) {
    const r = run(...add, { type: 'back' }, late(0, event));
    assert.deepEqual(r.state, left.state, event.type);
    assert.deepEqual(r.runs, [], event.type);
  }
  // An address given up, then another: only the second one's answer counts.
  const other = [...add, { type: 'back' }, { type: 'add' }, { type: 'add_email', email: 'me@private.example' }];
  assert.deepEqual(run(...other, late(0, info(primary(), 'add'))).runs, []);
  assert.deepEqual(run(...other, late(1, info(primary(), 'add'))).runs, ['provision']);
  const password = [start(), email, info(secondary('unknown')), { type: 'new_password', password: 'secret words' }];
  assert.equal(run(...password, late(0, { type: 'staged' })).state.screen, 'check_email', 'in time');
  assert.equal(run(...password, { type: 'back' }, late(0, { type: 'staged' })).state.screen, 'email');
  // An error put away is a turn as well; signing out is none.
  assert.equal(run({ type: 'failed', words }, { type: 'dismiss' }, late(0, { type: 'failed', words })).state.screen, 'loading');
  assert.equal(run(...add, { type: 'back' }, { type: 'not_me' }, late(1, { type: 'loggedOut' })).state.screen, 'email');
});

test('unknown events are mistakes', () => {
  assert.throws(() => next(initial(), { type: 'nonsense' }), /nonsense/);
});

test('strangers tried the password: a mail to the owner, then the password once more', () => {
  const typed = [start(), email, info(secondary('known')), { type: 'password', password: 'secret words' }];
  const asked = run(...typed, { type: 'prove' });
  assert.equal(asked.state.screen, 'prove');
  assert.equal(asked.state.busy, false);
  assert.ok(canGoBack(asked.state));
  const sending = run(...typed, { type: 'prove' }, { type: 'prove_send' });
  assert.deepEqual(sending.effects, [{ run: 'unblock', email: 'a@b.example' }]);
  const sent = run(...typed, { type: 'prove' }, { type: 'prove_send' }, { type: 'unblockSent' });
  assert.equal(sent.state.screen, 'prove_sent');
  const again = run(...typed, { type: 'prove' }, { type: 'prove_send' }, { type: 'unblockSent' }, { type: 'prove_done' });
  assert.deepEqual(again.effects, [{ run: 'authenticate', email: 'a@b.example', password: 'secret words', why: 'typed' }]);
  const wrong = run(...typed, { type: 'prove' }, { type: 'prove_send' }, { type: 'unblockSent' }, { type: 'prove_done' }, { type: 'refused' });
  assert.equal(wrong.state.screen, 'password', 'a wrong one is typed anew');
});
