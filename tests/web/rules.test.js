/** What sites may pass, what the dialog takes, which event the frame fires: by table. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { domainOf, normalise, passwordFits } from '../../web/src/lib/address.js';
import { decode, decodeJson, encode, encodeJson } from '../../web/src/lib/base64url.js';
import { fill } from '../../web/src/lib/i18n.js';
import { chooseAlgorithm, certificateFits, isUsable } from '../../web/src/lib/keys.js';
import { textColor, validate } from '../../web/src/dialog/params.js';
import { decide, isNews } from '../../web/src/frame/decide.js';
import { apiOf, checkWatch, getOptions, requestParams } from '../../web/src/rp/options.js';

const f = () => {};

test('watch: rules and their order', () => {
  console.warn = f;
  for (const [options, wrong] of [
    [{ onlogin: 1 }, /onlogin/], [{ onlogin: f, onlogout: 'x' }, /onlogout/], [{ onlogin: f, onready: {} }, /onready/],
    [{}, /onlogin is required/], [{ onlogin: f, onmatch: f }, /stateless/], [{ onlogin: f, loggedInUser: undefined }, /stateless/],
    [{ onlogin: f, onlogout: f, loggedInUser: 1 }, /loggedInUser/], [{ onlogin: f, onlogout: f, loggedInUser: {} }, /loggedInUser/],
    [{ onlogin: f, onlogout: f, loggedInUser: null, loggedInEmail: null }, /both/],
  ]) assert.throws(() => checkWatch(options), wrong);
  assert.equal(checkWatch({ onlogin: f, onlogout: f, loggedInUser: false }).loggedInUser, null);
  assert.equal(checkWatch({ onlogin: f, onlogout: f, loggedInEmail: 'a@b.c' }).loggedInUser, 'a@b.c');
  assert.equal(checkWatch({ onlogin: f, loggedInEmail: 'a@b.c' }).loggedInUser, 'a@b.c', 'only the new name takes onlogout');
  assert.equal(checkWatch({ onlogin: f, onlogout: f, loggedInEmail: undefined, loggedInUser: 'a@b.c' }).loggedInUser, 'a@b.c');
  assert.equal(checkWatch({ onlogin: f, onlogout: f, loggedInEmail: 'a@b.c', loggedInUser: undefined }).loggedInUser, 'a@b.c');
  assert.equal(apiOf({ onlogin: f }), 'stateless');
  assert.equal(apiOf({ onlogout: f, onready: f }), 'watch_with_onready');
  assert.equal(apiOf({ onlogout: f }), 'watch_without_onready');
});

test('request: old names, pairs, what watch said wins', () => {
  const p = requestParams({ tosURL: '/t', privacyURL: '/p', requiredEmail: 'x', oncancel: f, siteName: 'no' }, { siteName: 'yes' }, '/here');
  assert.deepEqual(p, { siteName: 'yes', termsOfService: '/t', privacyPolicy: '/p', returnTo: '/here' });
  assert.deepEqual(requestParams({ termsOfService: '/t' }, {}, '/'), { returnTo: '/' });
  assert.throws(() => requestParams({ tosURL: '/a', termsOfService: '/b' }, {}, '/'), /both/);
  const empty = { email: '', siteLogo: '', siteName: null, tosURL: '', privacyURL: '', returnTo: '', experimental_emailHint: '' };
  assert.deepEqual(requestParams(empty, {}, '/here'), { returnTo: '/here' });
  assert.deepEqual(requestParams({ siteName: 'x', email: '', experimental_emailHint: 'a@b.c' }, { siteName: '' }, '/'),
    { siteName: 'x', email: 'a@b.c', returnTo: '/' });
  assert.deepEqual(requestParams({ tosURL: undefined, termsOfService: '/t', privacyPolicy: '/p' }, {}, '/'),
    { termsOfService: '/t', privacyPolicy: '/p', returnTo: '/' });
  assert.deepEqual(requestParams({ start_time: 0, siteName: false }, {}, '/'), { start_time: 0, siteName: false, returnTo: '/' }, 'wrong is not empty');
  assert.deepEqual(getOptions({ siteName: 'x', returnTo: '/y', silent: true }), { siteName: 'x' });
});

const origin = 'https://site.example';
const good = { rp_api: 'stateless' };

test('dialog parameters', () => {
  const ok = validate({ ...good, returnTo: '/a?b#c', backgroundColor: '#AbC', siteLogo: '/l.png', termsOfService: '//x.example/t', privacyPolicy: 'http://x.example/p', email: 'a@b.example' }, origin);
  const vague = validate({ ...good, email: '', siteLogo: '', siteName: null, backgroundColor: '', termsOfService: '', privacyPolicy: '' }, origin);
  assert.deepEqual(vague, validate(good, origin), 'nothing given');
  assert.equal(ok.returnTo, 'https://site.example/a?b');
  assert.equal(ok.backgroundColor, 'aabbcc');
  assert.equal(ok.siteLogo, 'https://site.example/l.png');
  assert.equal(ok.termsOfService, 'https://x.example/t');
  for (const bad of [
    { rp_api: 'other' }, { rp_api: undefined }, { returnTo: 'a' }, { returnTo: '//x' }, { returnTo: '/\\x' }, { returnTo: 1 },
    { siteLogo: 'http://x.example/a' }, { siteLogo: 'data:image/bmp;base64,AA' }, { siteLogo: 'data:image/png,AA' }, { siteLogo: 'javascript:1' },
    { siteLogo: `data:image/png;base64,${'A'.repeat(174768 + 8)}` }, { siteLogo: 'https://u:p@x.example/' },
    { backgroundColor: 'red' }, { backgroundColor: '#1234' }, { termsOfService: 'javascript:1', privacyPolicy: '/' },
    { termsOfService: 'ftp://x', privacyPolicy: '/' }, { termsOfService: '/' + 'a'.repeat(2048), privacyPolicy: '/' },
    { email: 'x' }, { email: 'x@y' }, { email: `${'a'.repeat(65)}@b.example` }, { siteName: 1 }, { start_time: '1' },
    { experimental_forceAuthentication: 1 }, { experimental_allowUnverified: 'true' }, { experimental_forceIssuer: 'https://x' },
    { experimental_userAssertedClaims: {} },
  ]) assert.throws(() => validate({ ...good, ...bad }, origin), JSON.stringify(bad).slice(0, 80));
  for (const bad of ['null', 'file://', '', 'app://x']) assert.throws(() => validate(good, bad), bad);
  for (const bad of [null, 1, [], 'x']) assert.throws(() => validate(bad, origin));
  assert.throws(() => validate({ ...good, siteLogo: '/x.png' }, 'http://plain.example'), /https/);
});

test('the colour of text on any background can be read', () => {
  for (let i = 0; i < 4096; i++) {
    const hex = i.toString(16).padStart(3, '0').replace(/./g, '$&$&');
    assert.ok(textColor(hex).contrast >= 4.5, hex);
  }
  assert.equal(textColor('ffffff').color, '#000000');
});

test('events of the frame', () => {
  const base = { cookies: true, shared: true, authenticated: true };
  for (const [facts, event, believed] of [
    [{ ...base, cookies: false, believed: 'a' }, '', 'a'],
    [{ ...base, believed: 'a', email: 'a' }, 'match', 'a'],
    [{ ...base, believed: null, email: null }, 'match', null],
    [{ ...base, believed: 'a', email: 'b', assertion: 'x' }, 'login', 'b'],
    [{ ...base, believed: undefined, email: 'b', assertion: 'x' }, 'login', 'b'],
    [{ ...base, believed: 'a', email: null }, 'logout', null],
    [{ ...base, believed: undefined, email: null }, 'logout', null],
    [{ ...base, shared: false, believed: 'a' }, '', 'a'],
    [{ ...base, shared: false, authenticated: false, believed: 'a' }, 'logout', null],
    [{ ...base, shared: false, authenticated: false, believed: undefined }, 'logout', null],
    [{ ...base, shared: false, authenticated: false, believed: null }, 'match', null],
  ]) assert.deepEqual(decide(facts), { event, believed }, JSON.stringify(facts));
});

test('news for a site: its own record, the addresses, nothing else', () => {
  const ours = 'https://ours.example';
  const sites = (own, other) => JSON.stringify({ ...(own && { [ours]: own }), 'https://other.example': { logged_in: other } });
  const emails = (list, userid) => JSON.stringify({ list, userid });
  const record = { logged_in: 'a@b.example' };
  for (const [key, oldValue, newValue, expected] of [
    ['siteInfo', sites(record, 'x'), sites(record, 'y'), false], ['siteInfo', null, sites(undefined, 'y'), false],
    ['siteInfo', sites(record, 'x'), sites({}, 'x'), true], ['siteInfo', sites(record, 'x'), null, true],
    ['siteInfo', sites(undefined, 'x'), sites(record, 'x'), true], ['siteInfo', '{', sites(record, 'x'), true],
    ['emails', emails(['a'], 1), emails(['a'], 2), false], ['emails', emails(['a'], 1), emails(['a', 'b'], 1), true],
    ['emails', null, emails(['a'], 1), true], ['emails', emails(['a'], 1), null, true],
    ['usersComputer', null, '{}', false], [null, null, null, true],
  ]) assert.equal(isNews({ key, oldValue, newValue }, ours), expected, `${key} ${oldValue} ${newValue}`);
});

test('addresses and passwords', () => {
  assert.equal(normalise(' Ann@Example.ORG '), 'Ann@example.org');
  assert.equal(normalise('a@bücher.example'), 'a@xn--bcher-kva.example');
  for (const bad of ['', 'a', '@b.example', 'a@b', 'a b@c.example', 'a@-b.example', 'a..b@c.example', `${'a'.repeat(65)}@b.example`, 'a@b..example', 'ä@b.example'])
    assert.equal(normalise(bad), null, bad);
  assert.equal(domainOf('a@b.example'), 'b.example');
  assert.deepEqual(['1234567', '12345678', 'x'.repeat(80), 'x'.repeat(81)].map(passwordFits), [false, true, true, false]);
});

test('base64url', () => {
  assert.equal(encode(new Uint8Array([251, 255, 254])), '-__-');
  assert.deepEqual(decode('-__-'), new Uint8Array([251, 255, 254]));
  assert.deepEqual(decodeJson(encodeJson({ a: 'ü' })), { a: 'ü' });
  for (const bad of ['a', 'a=', 'a+', '/a']) assert.throws(() => decode(bad), bad);
});

test('certificates: for this key, this address, and long enough', () => {
  const key = JSON.stringify({ algorithm: 'ES', crv: 'P-256', x: 'a', y: 'b' });
  const cert = (change = {}) => ['{}', JSON.stringify({ 'public-key': JSON.parse(key), principal: { email: 'A@b.example' }, exp: 125000, iat: 100, ...change }), 'x']
    .map((p) => encode(new TextEncoder().encode(p))).join('.');
  assert.ok(certificateFits(cert(), key, 'a@b.example', 1000));
  assert.ok(!certificateFits(cert(), key, 'a@b.example', 5001), 'it would not be used');
  assert.ok(!certificateFits(cert({ principal: { email: 'x@b.example' } }), key, 'a@b.example', 1000));
  assert.ok(!certificateFits(cert({ 'public-key': { ...JSON.parse(key), x: 'z' } }), key, 'a@b.example', 1000));
  assert.ok(!certificateFits('nonsense', key, 'a@b.example', 1000));
  const usable = (change, now, created) => isUsable({ cert: cert(change) }, now, created);
  assert.ok(usable({ exp: 200000 }, 1000, 0));
  assert.ok(!usable({ exp: 120000 }, 1000, 0), 'two minutes are too few');
  assert.ok(!usable({ exp: 900000, iat: 100 }, 1000, 200), 'older than the domain key');
  const unproved = cert({ exp: 900000, principal: { 'unverified-email': 'a@b.example' } });
  assert.ok(!isUsable({ cert: unproved }, 1000, 0), 'nobody proved the address');
  assert.ok(isUsable({ cert: unproved }, 1000, 0, true));
  assert.equal(chooseAlgorithm(undefined), 'ES256');
  assert.equal(chooseAlgorithm(['Ed25519', 'RS256', 'ES256']), 'RS256');
});

test('placeholders', () => {
  assert.equal(fill('{a} {b} {a}', { a: 1 }), '1 {b} 1');
});
