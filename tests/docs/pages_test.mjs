// The scripts of docs/sites.md and docs/providers.md, as a page would run them, with the browser's part played here:
// what they call, in which order, with what. The pages must hold what the scripts look for.
//
// Usage: node --test pages_test.mjs (the checkout is two folders up)
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import vm from 'node:vm';

const MARKER = '<!-- tested: tests/docs/pages_test.mjs -->\n';

function blocks(page) {
  const text = readFileSync(new URL(`../../docs/${page}`, import.meta.url), 'utf8');
  return text.split(MARKER).slice(1).map((part) => part.match(/^```\w+\n(.*?)```/s)[1]);
}

const script = (html) => html.match(/<script>\n(.*?)<\/script>/s)[1];
const settled = () => new Promise((resolve) => setImmediate(resolve));

// A fetch that knows `answers` by path, and what was asked.
function fetcher(answers) {
  const asked = [];
  const fetch = async (path, options = {}) => {
    asked.push({ path, ...options, body: options.body && JSON.parse(options.body) });
    const answer = answers[path];
    return { ok: answer !== undefined, json: async () => answer };
  };
  return { asked, fetch };
}

test('sites.md: a click asks, the assertion goes to the own server', async () => {
  const [html, code] = blocks('sites.md');
  assert.match(html, /src="https:\/\/login\.example\/include\.js"/);
  for (const [answers, reloads, alerts] of [[{ '/sign-in': {} }, 1, 0], [{}, 0, 1]]) {
    const { asked, fetch } = fetcher(answers);
    const seen = { reloads: 0, alerts: 0, requests: [] };
    let watched, clicked;
    vm.runInNewContext(code, {
      fetch,
      navigator: { id: { watch: (options) => { watched = options; }, request: (options) => seen.requests.push(options) } },
      document: { getElementById: (id) => {
        assert.ok(html.includes(`id="${id}"`), 'the page has that element');
        return { addEventListener: (event, listener) => { assert.equal(event, 'click'); clicked = listener; } };
      } },
      location: { reload: () => { seen.reloads += 1; } },
      alert: () => { seen.alerts += 1; },
    });
    assert.equal(seen.requests.length, 0, 'no window opens by itself');
    clicked();
    assert.equal(seen.requests.length, 1);
    await watched.onlogin('an~assertion');
    assert.equal(asked.length, 1);
    assert.deepEqual([asked[0].path, asked[0].method, { ...asked[0].body }], ['/sign-in', 'POST', { assertion: 'an~assertion' }]);
    assert.deepEqual([seen.reloads, seen.alerts], [reloads, alerts]);
  }
});

test('providers.md: provisioning certifies the key of whoever is signed in, and nobody else', async () => {
  const [html] = blocks('providers.md');
  assert.match(html, /src="https:\/\/login\.example\/provisioning_api\.js"/);
  for (const who of ['ann@example.org', 'bob@example.org']) {
    const { asked, fetch } = fetcher({ '/api/whoami': { email: who }, '/api/cert_key': { cert: 'the certificate' } });
    const seen = { registered: [], failures: [] };
    vm.runInNewContext(script(html), { fetch, navigator: { id: {
      beginProvisioning: (begin) => begin('ann@example.org', 3600),
      genKeyPair: (then) => then('the public key'),
      registerCertificate: (certificate) => seen.registered.push(certificate),
      raiseProvisioningFailure: (why) => seen.failures.push(why),
    } } });
    for (let i = 0; i < 10; i += 1) await settled();
    if (who === 'ann@example.org') {
      assert.deepEqual(seen, { registered: ['the certificate'], failures: [] });
      assert.deepEqual({ ...asked[1].body }, { email: 'ann@example.org', pubkey: 'the public key', duration: 3600 });
    } else {
      assert.equal(asked.length, 1, 'no key is certified');
      assert.deepEqual([seen.registered.length, seen.failures.length], [0, 1]);
    }
  }
});

test('providers.md: the sign-in page begins an authentication', () => {
  const html = blocks('providers.md')[1];
  assert.match(html, /src="https:\/\/login\.example\/authentication_api\.js"/);
  let began = 0;
  vm.runInNewContext(script(html), { navigator: { id: { beginAuthentication: (show) => { began += 1; show('ann@example.org'); } } } });
  assert.equal(began, 1);
  // What it names in its remarks is what the service's script has.
  const api = readFileSync(new URL('../../web/src/idp/authentication_api.js', import.meta.url), 'utf8');
  for (const [, name] of html.matchAll(/navigator\.id\.(\w+)/g)) assert.ok(api.includes(name), name);
});
