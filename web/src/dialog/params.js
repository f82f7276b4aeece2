/** Validation of what a site asked for (frontend.md 1.3). A violation is the site's mistake: the
 *  dialog says so and answers nothing. Pure: no DOM. */

/** @typedef {{siteName?: string, siteLogo?: string, backgroundColor?: string, termsOfService?: string,
 *  privacyPolicy?: string, returnTo: string, email?: string, rpApi: string, startTime?: number,
 *  forceAuthentication: boolean, allowUnverified: boolean, forceIssuer?: string,
 *  userAssertedClaims?: Record<string, unknown>}} Params */

export class ImproperUsage extends Error {}

/** @param {string} name @param {string} rule @returns {never} */
const refuse = (name, rule) => {
  throw new ImproperUsage(`${name}: ${rule}`);
};

const apis = ['stateless', 'watch_with_onready', 'watch_without_onready', 'get', 'getVerifiedEmail', 'internal'];
const logoLimit = 128 * 1024;

/** @param {string} name @param {unknown} value */
function text(name, value) {
  if (typeof value !== 'string') return refuse(name, 'must be a string');
  return value;
}

/** An http(s) URL of the site: absolute, an absolute path, or without scheme.
 *  @param {string} name @param {unknown} value @param {string} origin */
export function siteUrl(name, value, origin) {
  const written = text(name, value);
  if (written.length > 2083) refuse(name, 'is longer than 2083 characters');
  if (!/^(https?:\/\/|\/)/i.test(written)) refuse(name, 'must be an http(s) URL or an absolute path');
  let url;
  try {
    url = new URL(written, origin);
  } catch {
    return refuse(name, 'is not a URL');
  }
  if (!/^https?:$/.test(url.protocol) || url.username || url.password) refuse(name, 'must be a plain http(s) URL');
  if (url.href.length > 2083 || url.pathname.length > 2048) refuse(name, 'is too long');
  return url.href;
}

/** @param {unknown} value @param {string} origin */
export function siteLogo(value, origin) {
  const written = text('siteLogo', value);
  if (/^data:/i.test(written)) {
    const form = /^data:image\/(png|gif|jpg|jpeg|svg\+xml);base64,([A-Za-z0-9+/]*={0,2})$/.exec(written);
    if (!form) return refuse('siteLogo', 'data URI must be a base64 PNG, GIF, JPEG or SVG image');
    if ((form[2].length * 3) / 4 > logoLimit) refuse('siteLogo', 'data URI is larger than 128 KiB');
    return written;
  }
  const url = siteUrl('siteLogo', written, origin);
  // Plain http would be mixed content here, and tell the network who signs in where.
  if (!url.startsWith('https://')) refuse('siteLogo', 'must be served over https');
  return url;
}

/** @param {unknown} value six lower-case digits come back */
export function backgroundColor(value) {
  const match = /^#?([0-9a-f]{3}|[0-9a-f]{6})$/i.exec(text('backgroundColor', value));
  if (!match) return refuse('backgroundColor', 'must be 3 or 6 hexadecimal digits');
  const digits = match[1].toLowerCase();
  return digits.length === 6 ? digits : [...digits].map((d) => d + d).join('');
}

/** @param {unknown} value @param {string} origin */
export function returnTo(value, origin) {
  const written = text('returnTo', value);
  if (written.length > 2083) refuse('returnTo', 'is longer than 2083 characters');
  if (!/^\/(?![/\\])/.test(written)) refuse('returnTo', 'must be an absolute path');
  const url = new URL(written, origin);
  if (url.origin !== origin) refuse('returnTo', 'must stay on the site');
  // Servers that tidy such a path up may answer with a redirect to the host that it seems to name.
  if (/^\/(\/|\\|%2f|%5c)/i.test(url.pathname)) refuse('returnTo', 'must not begin with two slashes');
  url.hash = '';  // the fragment carries the answer
  return url.href;
}

/** @param {unknown} value */
export function emailHint(value) {
  const written = text('email', value);
  const at = written.lastIndexOf('@');
  const domain = written.slice(at + 1);
  const good = at > 0 && at <= 64 && written.length <= 254 && domain.length <= 253 &&
    domain.includes('.') && !/[\s<>"']/.test(written) && !domain.startsWith('.') && !domain.endsWith('.');
  return good ? written : refuse('email', 'is not an e-mail address');
}

/** Sites write `email: known || ''`. @param {unknown} value */
const given = (value) => value !== undefined && value !== null && value !== '';

/** @param {string} name @param {unknown} value */
function boolean(name, value) {
  if (value === undefined) return false;
  return typeof value === 'boolean' ? value : refuse(name, 'must be true or false');
}

/** @param {unknown} raw @param {string} origin of the site, as the browser says it
 *  @returns {Params} throws ImproperUsage */
export function validate(raw, origin) {
  if (!/^https?:\/\/[^/]+$/.test(origin)) refuse('origin', 'the page has none that can be named');
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) return refuse('params', 'must be an object');
  const o = /** @type {Record<string, unknown>} */ (raw);
  /** @type {Params} */
  const p = {
    rpApi: apis.includes(/** @type {string} */ (o.rp_api)) ? String(o.rp_api) : refuse('rp_api', 'is unknown'),
    returnTo: returnTo(given(o.returnTo) ? o.returnTo : '/', origin),
    forceAuthentication: boolean('experimental_forceAuthentication', o.experimental_forceAuthentication),
    allowUnverified: boolean('experimental_allowUnverified', o.experimental_allowUnverified),
  };
  if (given(o.siteName)) p.siteName = text('siteName', o.siteName).trim().slice(0, 100);
  if (given(o.siteLogo)) p.siteLogo = siteLogo(o.siteLogo, origin);
  if (given(o.backgroundColor)) p.backgroundColor = backgroundColor(o.backgroundColor);
  if (given(o.termsOfService) && given(o.privacyPolicy)) {
    p.termsOfService = siteUrl('termsOfService', o.termsOfService, origin);
    p.privacyPolicy = siteUrl('privacyPolicy', o.privacyPolicy, origin);
  }
  if (given(o.email)) p.email = emailHint(o.email);
  if (o.start_time !== undefined) {
    if (typeof o.start_time !== 'number' || !Number.isFinite(o.start_time)) refuse('start_time', 'must be a number');
    p.startTime = /** @type {number} */ (o.start_time);
  }
  if (o.experimental_forceIssuer !== undefined) {
    const issuer = text('experimental_forceIssuer', o.experimental_forceIssuer);
    if (!/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?$/i.test(issuer)) refuse('experimental_forceIssuer', 'must be a host name');
    p.forceIssuer = issuer;
  }
  if (o.experimental_userAssertedClaims !== undefined) {
    const claims = o.experimental_userAssertedClaims;
    if (p.rpApi !== 'internal') refuse('experimental_userAssertedClaims', 'is for user agents');
    if (typeof claims !== 'object' || claims === null || Array.isArray(claims)) refuse('experimental_userAssertedClaims', 'must be an object');
    p.userAssertedClaims = /** @type {Record<string, unknown>} */ (claims);
  }
  return p;
}

/** Text colour for a background, and whether the pair can be read (WCAG 2.2, 4.5 to 1).
 *  @param {string} hex six digits */
export function textColor(hex) {
  const channel = (/** @type {number} */ i) => {
    const c = parseInt(hex.slice(i, i + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  };
  const luminance = 0.2126 * channel(0) + 0.7152 * channel(2) + 0.0722 * channel(4);
  const onWhite = 1.05 / (luminance + 0.05);
  const onBlack = (luminance + 0.05) / 0.05;
  return { color: onBlack > onWhite ? '#000000' : '#ffffff', contrast: Math.max(onWhite, onBlack) };
}
