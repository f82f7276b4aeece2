/** Whose request the dialog takes, and where an answer by navigation goes. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deliver, requestFromFragment } from '../../web/src/dialog/channel.js';
import { returnTo } from '../../web/src/dialog/params.js';
import { decodeJson, encodeJson } from '../../web/src/lib/base64url.js';

const site = 'https://site.example';
const fragment = (change = {}) => '#bid=' + encodeJson({ v: 1, origin: site, state: 's', params: { rp_api: 'stateless' }, ...change });

test('a request in the fragment is vouched for by the browser alone', () => {
  for (const referrer of [site + '/', site + '/page?a#b'])
    assert.ok(requestFromFragment(fragment(), referrer) && !requestFromFragment(fragment(), referrer).unvouched, referrer);
  for (const referrer of ['', 'https://evil.example/', 'http://site.example/', 'https://site.example:444/', 'https://site.example.evil.example/', 'null', undefined])
    assert.equal(requestFromFragment(fragment(), referrer).unvouched, true, referrer);
  for (const bad of ['', '#bid=', '#bid=e30', fragment({ origin: 'null' }), fragment({ origin: site + '/' }), fragment({ v: 2 })])
    assert.equal(requestFromFragment(bad, site + '/'), null, bad);
});

test('returnTo names no host, however it is written', () => {
  for (const bad of ['/..//evil.example', '/.//evil.example', '/a/..//evil.example', '/%2e%2e//evil.example', '/..\\\\evil.example', '/%2Fevil.example', '/%5cevil.example', '/\t/evil.example'])
    assert.throws(() => returnTo(bad, site), /returnTo/, bad);
  assert.equal(returnTo('/a//b?c', site), site + '/a//b?c');
});

test('an answer by navigation: a request that was a link comes back without a query', () => {
  let gone = '';
  globalThis.window = { opener: null };
  globalThis.location = { replace: (url) => (gone = url) };
  try {
    const request = { transport: 'redirect', origin: site, id: '', state: 's', params: {} };
    deliver(request, site + '/out?u=https://evil.example/', { assertion: 'a', email: 'e' });
    assert.equal(gone.split('#')[0], site + '/out');
    assert.deepEqual(decodeJson(gone.split('bid_response=')[1]), { state: 's', assertion: 'a', email: 'e' });
    deliver({ ...request, transport: 'popup' }, site + '/page?tab=1', { cancel: true });
    assert.equal(gone.split('#')[0], site + '/page?tab=1');
    assert.throws(() => deliver(request, 'https://evil.example/', { cancel: true }));
  } finally {
    delete globalThis.window;
    delete globalThis.location;
  }
});
