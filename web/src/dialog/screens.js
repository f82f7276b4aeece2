/** Shows a state: fills the screen that the page carries, moves the focus, says it aloud. */

import { every, fault, make, one } from '../lib/dom.js';
import { duration, nodes, t } from '../lib/i18n.js';
import { domainOf } from '../lib/address.js';
import { canGoBack } from './machine.js';
import { textColor } from './params.js';

/** @typedef {import('./machine.js').State} State */
/** @typedef {import('./params.js').Params} Params */

/** @param {string} origin over the network without TLS */
function isPlain(origin) {
  if (!origin.startsWith('http:')) return false;
  const { hostname } = new URL(origin);
  return !/^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}

/** Who asks: the host name first and always, whatever else the site got wrong. @param {string} origin */
export function paintHost(origin) {
  const host = /^https?:/.test(origin) ? new URL(origin).host : origin;  // A-labels: look-alike letters show
  // Without TLS anybody on the way may be asking in that name: it is not shown as the site that has it.
  one('#asker-host').textContent = isPlain(origin) ? origin : host;
  one('#asker').hidden = false;
  return host;
}

/** What the site calls itself, which is only its word. @param {string} origin @param {Params} params */
export function paintAsker(origin, params) {
  const host = paintHost(origin);
  const name = one('#asker-name');
  if (params.siteName && params.siteName.toLowerCase() !== host) {
    name.textContent = params.siteName;
    name.hidden = false;
  }
  if (params.backgroundColor) {
    const { color, contrast } = textColor(params.backgroundColor);
    if (contrast >= 4.5) {
      one('#asker').style.setProperty('--asker-ground', '#' + params.backgroundColor);
      one('#asker').style.setProperty('--asker-ink', color);
    }
  }
  const logo = one('#asker-logo');
  if (params.siteLogo) {
    logo.addEventListener('error', () => (logo.hidden = true));
    logo.addEventListener('load', () => (logo.hidden = false));
    logo.src = params.siteLogo;
  }
  if (params.termsOfService && params.privacyPolicy) {
    for (const place of every('[data-agree]')) {
      const link = (/** @type {string} */ href, /** @type {string} */ text) =>
        make('a', { href, target: '_blank', rel: 'noopener noreferrer' }, text);
      place.replaceChildren(nodes('agree', {
        site: make('bdi', { dir: 'ltr' }, host),
        terms: link(params.termsOfService, t('agree_terms')),
        privacy: link(params.privacyPolicy, t('agree_privacy')),
      }));
      place.hidden = false;
    }
  }
}

/** What the browser is busy with while it proves that it is no robot, and for how long.
 *  @param {number} seconds @param {number} part */
export function paintWork(seconds, part) {
  one('#work').hidden = !seconds;
  if (!seconds) return;
  one('#work-bar').value = part;
  const text = t('work', { wait: duration(seconds) });
  if (one('#work-text').textContent !== text) one('#work-text').textContent = text;
}

let shown = '';

/** @param {State} s @param {boolean} armed whether clicks count */
export function show(s, armed) {
  const screen = one(`[data-screen="${s.screen}"]`);
  const changed = shown !== s.screen;
  for (const other of every('[data-screen]')) other.hidden = other !== screen;
  paintBack(s);
  fillScreen(s, screen, changed);
  for (const button of every('button', screen)) button.setAttribute('aria-disabled', String(s.busy || !armed));
  const notice = screen.querySelector('[data-notice]');
  if (notice) {
    notice.hidden = !s.notice;
    one('p', notice).textContent = s.notice ? `${s.notice.text} ${s.notice.remedy}` : '';
  }
  for (const place of every('[data-fault]', screen)) {
    const mine = s.fault?.field === place.dataset.fault;
    const input = document.getElementById(place.dataset.fault || '');
    const text = mine ? t(s.fault.key, s.fault.values) : '';
    if (input instanceof HTMLInputElement) fault(input, place, text);
    else {
      place.textContent = text;
      place.hidden = !text;
    }
  }
  if (!changed) return;
  shown = s.screen;
  const heading = one('h1', screen);
  document.title = [heading.textContent, one('#asker-host').textContent].filter(Boolean).join(' – ');
  one('#announce').textContent = heading.textContent;
  // The field that is to be filled in, or the heading where there is none; never a scroll jump.
  const field = screen.querySelector('input:not([readonly]):not([type=radio])');
  (field || heading).focus({ preventScroll: !field });
}

/** @param {State} s */
function paintBack(s) {
  one('#back').hidden = !canGoBack(s);
  const leaves = !s.stack.length && !!s.options.leave;
  one('#back-text').hidden = leaves;
  one('#leave-text').hidden = !leaves;
  if (leaves) one('#leave-text').replaceChildren(leaveWords(s));
}
/** @param {State} s */
const leaveWords = (s) => nodes('leave', { site: make('bdi', { dir: 'ltr' }, s.options.leave) });

/** @param {State} s @param {HTMLElement} screen @param {boolean} changed */
function fillScreen(s, screen, changed) {
  for (const place of every('[data-email]', screen)) place.value = s.email;
  for (const place of every('[data-email-text]', screen)) place.textContent = s.email;
  if (changed) for (const input of every('input[type=password], .with-button input', screen)) input.value = '';
  if (s.screen === 'email' && changed) one('#email').value = s.email;
  if (s.screen === 'add_email' && changed) one('#add').value = '';
  if (s.screen === 'set_password')
    one('[data-set-text]', screen).textContent = t(`set.${s.purpose}`);
  if (s.screen === 'primary_leaving') one('[data-provider]', screen).textContent = domainOf(s.email);
  if (s.screen === 'pick_email' && changed) paintChoices(s);
  if (s.screen === 'error') paintError(s);
}

/** @param {State} s */
function paintChoices(s) {
  const sorted = [...s.emails].sort((a, b) => a.localeCompare(b));
  one('#choices').replaceChildren(...sorted.map((email) =>
    make('label', { class: 'choice' },
      make('input', { type: 'radio', name: 'choice', value: email, checked: email === s.email }),
      make('bdi', { dir: 'ltr' }, email))));
}

/** @param {State} s */
function paintError(s) {
  const { error } = s;
  const words = error.words || { title: t(`error.${error.code}.title`), text: t(`error.${error.code}.text`), remedy: t(`error.${error.code}.remedy`) };
  one('[data-error-title]').textContent = words.title;
  one('[data-error-text]').textContent = words.text;
  one('[data-error-remedy]').textContent = words.remedy;
  one('[data-error-button]').replaceChildren(!error.fatal ? t('again') : s.options.leave ? leaveWords(s) : t('close'));
  const details = one('#error-details');
  details.hidden = !error.details;
  one('dl', details).replaceChildren(...Object.entries(error.details || {}).flatMap(([name, value]) =>
    [make('dt', {}, name), make('dd', {}, String(value))]));
}
