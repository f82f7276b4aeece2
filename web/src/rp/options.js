/** What sites may pass to watch, request and get (frontend.md 1.1 to 1.4). No DOM in here. */

/** @typedef {Record<string, any>} Options */

/** @param {string} text */
const fail = (text) => {
  throw new Error(text);
};

/** @param {string} text */
const warn = (text) => console.warn('navigator.id: ' + text);

/** Moves a deprecated name to its successor; giving both is an error.
 *  @param {Options} o @param {string} old @param {string} now */
function rename(o, old, now) {
  const value = o[old];
  delete o[old];
  if (value === undefined) return;
  if (o[now] !== undefined) fail(`you cannot supply both "${old}" and "${now}"; use "${now}"`);
  warn(`"${old}" is deprecated; use "${now}"`);
  o[now] = value;
}

/** Sites write `email: known || ''`: what is empty was not given. @param {any} value */
const isGiven = (value) => value !== undefined && value !== null && value !== '';

/** @param {any} o */
export const isObject = (o) => typeof o === 'object' && o !== null;

/** Checks in the order that old sites' tests know. Returns what is to be remembered.
 *  @param {Options} given */
export function checkWatch(given) {
  const o = { ...given };
  for (const name of ['onlogin', 'onlogout', 'onmatch', 'onready'])
    if (o[name] && typeof o[name] !== 'function') fail(`${name} must be a function`);
  if (!o.onlogin) fail('onlogin is required');
  if ((o.onmatch || 'loggedInUser' in o) && !o.onlogout)
    fail('stateless use allows only onlogin and onready; give onlogout, or leave out onmatch and loggedInUser');
  rename(o, 'loggedInEmail', 'loggedInUser');
  if (o.loggedInUser === false) o.loggedInUser = null;
  const user = o.loggedInUser;
  if (user !== undefined && user !== null && typeof user !== 'string')
    fail('loggedInUser must be null, undefined or a string');
  return o;
}

/** What is sent to the dialog, which validates it again: a shim is no border.
 *  @param {Options} given @param {Options} branding what watch() said; it wins
 *  @param {string} path default of returnTo */
export function requestParams(given, branding, path) {
  const o = { ...given };
  for (const name of ['siteName', 'siteLogo', 'backgroundColor']) {
    if (isGiven(branding[name])) o[name] = branding[name];
  }
  // Functions cannot be sent.
  for (const name of Object.keys(o)) if (typeof o[name] === 'function' || !isGiven(o[name])) delete o[name];
  if ('requiredEmail' in o) {
    warn('"requiredEmail" is ignored');
    delete o.requiredEmail;
  }
  rename(o, 'tosURL', 'termsOfService');
  rename(o, 'privacyURL', 'privacyPolicy');
  rename(o, 'experimental_emailHint', 'email');
  if (!o.termsOfService !== !o.privacyPolicy) {
    warn('termsOfService and privacyPolicy are used only together; ignored');
    delete o.termsOfService;
    delete o.privacyPolicy;
  }
  if (o.returnTo === undefined) o.returnTo = path;
  delete o.oncancel;
  delete o.transport;
  return o;
}

const forGet = ['privacyPolicy', 'termsOfService', 'tosURL', 'privacyURL', 'email',
  'experimental_emailHint', 'siteName', 'siteLogo', 'backgroundColor'];

/** @param {any} given */
export function getOptions(given) {
  /** @type {Options} */
  const o = {};
  if (isObject(given)) for (const name of forGet) if (given[name] !== undefined) o[name] = given[name];
  return o;
}

/** @param {Options} o checked options of watch() */
export const apiOf = (o) =>
  !o.onlogout ? 'stateless' : o.onready ? 'watch_with_onready' : 'watch_without_onready';
