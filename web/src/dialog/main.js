/** The dialog: start-up, and the loop of state, screen and effects (frontend.md 3). */

import { normalise, passwordFits } from '../lib/address.js';
import { decodeJson } from '../lib/base64url.js';
import { every, one, wireReveals } from '../lib/dom.js';
import { explain } from '../lib/explain.js';
import { message, t } from '../lib/i18n.js';
import * as store from '../lib/store.js';
import { AccountChanged, ApiError, Wsapi } from '../lib/wsapi.js';
import { requestFromFragment, requestFromOpener } from './channel.js';
import { effects, lookUpEarly, readSession } from './effects.js';
import { forgetRequest, keepRequest, keptRequest, takeFlow } from './flow.js';
import { initial, next } from './machine.js';
import { ImproperUsage, validate } from './params.js';
import { finishOnTop } from './provision.js';
import { paintAsker, paintHost, paintWork, show } from './screens.js';

const api = new Wsapi({
  onSlow: (slow) => (one('#slow').textContent = slow ? t('slow') : ''),
  onWork: (seconds, part) => paintWork(seconds, part),
});
let state = initial();
/** @type {import('./effects.js').World} */
let world;  // from when a site asked properly
/** @type {import('./channel.js').Request | null} */
let asked = null;

/** @param {Record<string, any>} event */
function dispatch(event) {
  const [after, wanted] = next(state, event);
  if (after === state) return;
  if (after.turn !== state.turn) api.abandon();
  state = after;
  show(state, armed);
  if (event.type === 'start') comeUp();
  for (const effect of wanted) run(effect);
  if (event.type === 'start' && state.screen === 'pick_email' && state.email) lookUpEarly(world, state.email);
}

/** @param {Record<string, any>} effect */
async function run(effect) {
  const { turn } = state;
  try {
    const event = await effects[effect.run](world, effect);
    if (event) dispatch({ ...event, turn });
  } catch (e) {
    report(e, effect.run, turn);
  }
}

/** @param {unknown} error @param {string} action @param {number} [turn] in which it was asked for */
function report(error, action, turn = state.turn) {
  console.error(action, error);
  if (error instanceof AccountChanged) return dispatch({ type: 'dismiss', turn });
  if (error instanceof ImproperUsage) return stop('improper', error.message);
  const e = error instanceof ApiError ? error : null;
  if (e?.challenge?.kind === 'mail') return dispatch({ type: 'prove', turn });
  const details = { action, time: new Date().toISOString(), call: e?.call ?? '-', status: e?.status ?? '-', reason: (e?.reason || String(error)).slice(0, 200) };
  dispatch({ type: 'failed', words: explain(error), details, turn });
}

/** The host that this window itself came from and goes back to; '' in a window of its own. */
const wayBack = () => (asked?.transport === 'redirect' ? new URL(asked.origin).host : '');

/** The person reads why nothing can be done here, and leaves.
 *  @param {string} code @param {string} [reason] */
function stop(code, reason) {
  const options = { ...state.options, leave: wayBack() };
  state = { ...state, options, screen: 'error', error: { code, fatal: true, details: reason ? { reason } : undefined } };
  comeUp();
}

/** To the site, with word that it was cancelled where the site asked properly. A window that has a
 *  history does not close for a script. */
function leave() {
  if (world) return run({ run: 'cancel' });
  forgetRequest();
  window.close();
  location.replace(wayBack() && asked ? asked.origin : '/');
}

/** @param {string} kind @param {import('./flow.js').Flow} flow */
async function returned(kind, flow) {
  const back = { email: flow.email, info: flow.info, add: flow.add, userid: flow.userid, after: flow.after };
  if (kind !== 'certificate') return { ...back, kind };
  const match = /^#bidc=([A-Za-z0-9_-]+)$/.exec(fragment);
  let answer = null;
  try {
    answer = match ? decodeJson(match[1]) : null;
  } catch {
    // as if nothing had come
  }
  return { ...back, kind: (await finishOnTop(api, flow, answer)) ? 'provisioned' : 'refused' };
}

const fragment = location.hash;
const query = location.search;

async function begin() {
  store.markStorage();
  history.replaceState(null, '', location.pathname);
  const kind = query.startsWith('?AUTH_RETURN_CANCEL') ? 'cancelled' : query.startsWith('?AUTH_RETURN') ? 'authenticated'
    : fragment.startsWith('#bidc=') ? 'certificate' : '';
  const flow = takeFlow();  // gone, whatever this window was opened for
  const known = readSession(api).catch((e) => e);  // while the opener is being asked
  const request = kind ? flow?.request || keptRequest()
    : requestFromFragment(fragment, document.referrer) || (await requestFromOpener()) || (fragment ? null : keptRequest());
  if (!request && kind) return stop('flow_lost');
  if (!request) {
    if (window.name === '__persona_dialog') window.close();
    one('#asker').hidden = true;
    return stop('no_site');
  }
  if (request.unvouched) {
    one('#asker').hidden = true;
    return stop('unvouched');
  }
  asked = request;
  api.origin = request.origin;
  keepRequest(request);
  paintHost(request.origin);
  let params;
  try {
    params = validate(request.params, request.origin);
  } catch (e) {
    if (!(e instanceof ImproperUsage)) throw e;
    return stop('improper', e.message);
  }
  world = { api, request, params, state: () => state, dispatch, restart: () => enterFlow(null, readSession(api).catch((e) => e)) };
  paintAsker(request.origin, params);
  await enterFlow(kind && flow ? { kind, flow } : null, known);
}

/** @param {{kind: string, flow: import('./flow.js').Flow} | null} back
 *  @param {Promise<any>} known what readSession gives, or why it gave nothing */
async function enterFlow(back, known) {
  const found = await known;
  if (found instanceof Error) return report(found, 'start');
  if (!api.context.cookies) return stop('cookies');
  const { params, request } = world;
  const options = {
    hint: params.email || '', lastEmail: store.site(request.origin).email || '',
    forceAuthentication: params.forceAuthentication, allowUnverified: params.allowUnverified, leave: wayBack(),
  };
  dispatch({ type: 'start', ...found, options, returning: back ? await returned(back.kind, back.flow) : null });
}

// What a person does, as events. Nothing is taken while an answer is awaited, nor in the first moment of
// a window that came up under the pointer: that click was meant for what lay there before. Whoever types
// has seen it.

const firstMoment = 400;
let armed = false;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let arming;

function arm() {
  clearTimeout(arming);
  if (armed) return;
  armed = true;
  show(state, armed);
}
function comeUp() {
  clearTimeout(arming);
  armed = false;
  show(state, armed);
  arming = setTimeout(arm, firstMoment);
}
addEventListener('focus', comeUp);
document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && comeUp());
addEventListener('input', arm, true);
addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && event.repeat) event.preventDefault();  // held down since another window
}, true);

/** @param {string} id @param {ReturnType<typeof message>} what */
const complain = (id, what) => {
  state = { ...state, fault: { field: id, ...what } };
  show(state, armed);
};

/** @type {Record<string, () => Record<string, any> | void>} */
const readers = {
  email: () => address('email'),
  add_email: () => address('add'),
  password: () => (one('#password').value ? { password: one('#password').value } : complain('password', message('field.password_missing'))),
  new_password: () => (passwordFits(one('#set-password').value)
    ? { password: one('#set-password').value } : complain('set-password', message('field.password_length'))),
  pick: () => ({ email: document.querySelector('input[name=choice]:checked')?.getAttribute('value') || '' }),
};

/** @param {string} id */
function address(id) {
  const typed = one('#' + id).value;
  if (!typed.trim()) return complain(id, message('field.email_missing'));
  const email = normalise(typed);
  return email ? { email } : complain(id, message('field.email_bad'));
}

/** @param {string} type */
function act(type) {
  if (state.error?.fatal) return leave();
  if (state.busy || !armed) return;
  clearTimeout(choosing);
  const read = readers[type];
  const more = read ? read() : {};
  if (more) dispatch({ type, ...more });
}

for (const form of every('form[data-event]'))
  form.addEventListener('submit', (/** @type {Event} */ event) => {
    event.preventDefault();
    act(form.dataset.event);
  });
for (const button of every('button[data-event]')) button.addEventListener('click', () => act(button.dataset.event));
/** @type {ReturnType<typeof setTimeout> | undefined} */
let choosing;
one('#choices').addEventListener('change', (/** @type {any} */ event) => {
  clearTimeout(choosing);  // arrow keys pass by other addresses
  choosing = setTimeout(() => lookUpEarly(world, event.target.value), 200);
});
one('#back').addEventListener('click', () => {
  state = { ...state, busy: false };
  dispatch({ type: 'back' });
});
addEventListener('keydown', (event) => {
  // Only within the dialog: nobody leaves it for the site by a key.
  if (event.key === 'Escape' && state.stack.length && !one('#back').hidden) one('#back').click();
});
for (const input of every('input'))
  input.addEventListener('input', () => {
    if (input.getAttribute('aria-invalid') !== 'true') return;
    state = { ...state, fault: null };
    input.removeAttribute('aria-invalid');
    for (const place of every(`[data-fault="${input.id}"]`)) place.hidden = true;
  });
// A browser that shows a page as it was left, shows one that waits for what will not come.
addEventListener('pageshow', (event) => event.persisted && location.reload());
comeUp();
wireReveals((shown) => (shown ? t('hide') : t('show')));
begin().catch((e) => {
  console.error(e);
  stop('general');
});
