/** What went wrong in words, and the words of every language. */

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { explain } from '../../web/src/lib/explain.js';
import { AccountChanged, ApiError } from '../../web/src/lib/wsapi.js';

const web = fileURLToPath(new URL('../../web', import.meta.url));
const catalogue = (tag) => JSON.parse(readFileSync(join(web, 'locales', tag + '.json'), 'utf8'));
const tags = readdirSync(join(web, 'locales')).map((file) => file.slice(0, -5));

/** Texts of a page: those of scripts, without their prefix. */
const texts = Object.fromEntries(Object.entries(catalogue('en')).filter(([name]) => name.startsWith('js.')).map(([name, text]) => [name.slice(3), text]));
globalThis.document = { getElementById: () => ({ textContent: JSON.stringify(texts) }), documentElement: { lang: 'en' } };
Object.defineProperty(globalThis, 'navigator', { value: { onLine: true }, configurable: true });

test('what an error is called', () => {
  const throttle = 'Too Many Requests: Too many emails sent to that address, try again later.';
  for (const [call, status, reason, code] of [
    ['stage_user', 429, throttle, 'just_sent'], ['stage_user', 429, 'too many requests', 'too_many'], ['stage_email', 429, 'challenge', 'too_many'],
    ['authenticate_user', 429, 'too many requests', 'too_many'],
    ['stage_user', 403, 'Forbidden: no cookie', 'cookies'], ['stage_user', 403, 'not allowed', 'refused'],
    ['cert_key', 403, 'Forbidden: that email requires (re)verification', 'general'], ['x', 403, '', 'general'],
    ['list_emails', 400, 'Bad Request: requires authentication', 'session'], ['x', 400, 'email: ValidatorError: Invalid email', 'general'],
    ['x', 0, '', 'network'], ['x', 503, '', 'busy'], ['x', 502, '', 'busy'], ['x', 500, '', 'general'],
  ]) assert.equal(explain(new ApiError(call, status, { reason })).code, code, `${call} ${status} ${reason}`);
  assert.equal(explain(new AccountChanged('')).code, 'session');
  assert.equal(explain(new Error('x')).code, 'general');
  assert.match(explain(new ApiError('x', 429, { retryAfter: 42 })).remedy, /42 seconds/);
});

test('every language has all its plural forms', () => {
  for (const tag of tags) {
    const forms = new Intl.PluralRules(tag).resolvedOptions().pluralCategories;
    for (const [name, text] of Object.entries(catalogue(tag))) {
      if (typeof text === 'string') continue;
      for (const form of forms) assert.ok(text[form], `${tag} ${name} ${form}`);
    }
  }
});
