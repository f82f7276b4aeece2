/** What the service's origin remembers, with a storage of the test's own. */

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import * as store from '../../web/src/lib/store.js';

/** @type {Map<string, string>} */
const content = new Map();
globalThis.localStorage = {
  getItem: (name) => content.get(name) ?? null,
  setItem: (name, text) => content.set(name, text),
  removeItem: (name) => content.delete(name),
};
beforeEach(() => content.clear());

test('a mailed link leads on to the site where its own address was begun', () => {
  store.setReturnTo('a@x.example', 'https://one.example/in', 'https://one.example');
  store.setReturnTo('b@x.example', 'https://two.example/', 'https://two.example');
  assert.deepEqual(store.returnTo('A@x.example'), { url: 'https://one.example/in', origin: 'https://one.example' });
  assert.equal(store.returnTo('b@x.example').origin, 'https://two.example');
  assert.equal(store.returnTo('c@x.example'), null);
  store.setReturnTo('a@x.example', 'https://three.example/', 'https://three.example');
  assert.equal(store.returnTo('a@x.example').origin, 'https://three.example', 'the last one counts');
  store.clearReturnTo('a@x.example');
  assert.equal(store.returnTo('a@x.example'), null);
  assert.equal(store.returnTo('b@x.example').origin, 'https://two.example');
});

test('where to lead on: two hours, few entries, no other origin, no spoilt record', (t) => {
  const begun = Date.now();
  for (let i = 0; i < 12; i++) store.setReturnTo(`p${i}@x.example`, 'https://one.example/', 'https://one.example');
  assert.equal(store.returnTo('p0@x.example'), null);
  assert.ok(store.returnTo('p11@x.example'));
  t.mock.method(Date, 'now', () => begun + 2 * 3600 * 1000 + 60000);
  assert.equal(store.returnTo('p11@x.example'), null);
  t.mock.restoreAll();
  store.setReturnTo('a@x.example', 'https://evil.example/', 'https://one.example');
  assert.equal(store.returnTo('a@x.example'), null);
  for (const spoilt of ['{', '[]', '{"list":1}', '{"list":[null,{}]}', `{"at":${begun},"url":"https://one.example/","origin":"https://one.example"}`]) {
    content.set('returnTo', spoilt);
    assert.equal(store.returnTo('a@x.example'), null, spoilt);
  }
});

test('whose addresses they are', () => {
  assert.ok(!store.isOther(7), 'nothing is kept');
  store.setEmails(['a@x.example'], 7);
  assert.ok(!store.isOther(7));
  assert.ok(store.isOther(8));
  store.clearAccount();
  assert.ok(!store.isOther(8));
});
