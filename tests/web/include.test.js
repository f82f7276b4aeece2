/** navigator.id on a page, without a browser: windows that close, pages that are left and come back. */

import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { afterEach, test } from 'node:test';
import { makePage, restore, service } from './lib/page.js';

globalThis.crypto ??= webcrypto;  // Node 18 has none
afterEach(restore);
const f = () => {};

/** @param {any} page @param {string[]} heard */
const watched = (page, heard) => page.id.watch({
  onlogin: () => heard.push('login'), onlogout: () => heard.push('logout'), onready: () => heard.push('ready'), loggedInUser: null,
});

/** A page that has asked for the dialog, whose window has not said anything. */
async function asking() {
  const page = await makePage();
  /** @type {string[]} */
  const heard = [];
  watched(page, heard);
  const popup = page.newPopup();
  page.id.request({ oncancel: () => heard.push('cancel') });
  return { page, heard, popup };
}

test('a slow window that a person closes is a cancel, and the page stays', async () => {
  const { page, heard, popup } = await asking();
  page.time.pass(600);
  popup.closed = true;
  page.time.pass(3000);
  assert.deepEqual(heard, ['cancel']);
  assert.equal(page.links.length, 0);
});

test('a window that its own page cut off after a while lies in front: the page goes itself', async () => {
  const { page, heard, popup } = await asking();
  page.focused = false;
  page.time.pass(1600);
  popup.closed = true;
  page.time.pass(600);
  assert.equal(page.links.length, 1);
  assert.deepEqual(heard, []);
});

test('a window that is gone at the first look was cut off: the page goes itself', async () => {
  const { page, heard, popup } = await asking();
  popup.closed = true;
  page.time.pass(600);
  assert.equal(page.links.length, 1);
  assert.ok(page.links[0].href.startsWith(service + '/sign_in#bid='));
  assert.deepEqual(heard, []);
});

test('"Back" to the page that left for the dialog is a cancel, and the frame goes on', async () => {
  const page = await makePage();
  const heard = [];
  watched(page, heard);
  page.say({ op: 'ready' });
  page.newPopup();
  page.id.request({ oncancel: () => heard.push('cancel') });
  page.time.pass(8500);
  assert.equal(page.links.length, 1, 'the window said nothing');
  page.fire('pageshow', { persisted: false });
  assert.deepEqual(heard, []);
  for (let i = 0; i < 2; i++) page.fire('pageshow', { persisted: true });
  assert.deepEqual(heard, ['cancel']);
  assert.deepEqual(page.told(), ['watch', 'running', 'complete']);
});

test('get() while the dialog is open: the second callback comes, later and with null', async () => {
  const page = await makePage();
  const popup = page.newPopup();
  const heard = [];
  page.id.get((a) => heard.push(['first', a]));
  page.id.get((a) => heard.push(['second', a]));
  assert.deepEqual(heard, []);
  page.time.pass(0);
  assert.deepEqual(heard, [['second', null]]);
  page.time.pass(600);
  popup.closed = true;
  page.time.pass(2000);
  assert.deepEqual(heard, [['second', null], ['first', null]]);
});

test('getVerifiedEmail() that failed leaves no trace in get()', async () => {
  const page = await makePage();
  assert.throws(() => page.id.getVerifiedEmail(), /callback/);
  const popup = page.newPopup();
  let asked;
  popup.postMessage = (m) => (asked = m.params.rp_api);
  page.id.get(f);
  page.fire('message', { source: popup, origin: service, data: { t: 'bid:ready', v: 1 } });
  assert.equal(asked, 'get');
});

test('onready comes though logout() made the frame long before', async () => {
  const page = await makePage();
  page.id.logout();
  page.time.pass(12000);
  const heard = [];
  watched(page, heard);
  page.time.pass(9000);
  assert.deepEqual(heard, []);
  page.time.pass(2000);
  assert.deepEqual(heard, ['ready'], 'the frame is blocked');
});

test('a logout that the frame did not hear is told to that of the next page, before all else', async () => {
  const left = await makePage();
  watched(left, []);
  left.id.logout();
  assert.deepEqual(left.told(), []);
  const next = await makePage(left.storage);
  watched(next, []);
  next.say({ op: 'ready' });
  assert.deepEqual(next.told(), ['logout', 'watch']);
  next.say({ op: 'loggedOut' });
  const third = await makePage(left.storage);
  watched(third, []);
  third.say({ op: 'ready' });
  assert.deepEqual(third.told(), ['watch']);
});

test('logout() is told once, with and without a storage', async () => {
  const page = await makePage();
  page.id.logout();
  page.say({ op: 'ready' });
  assert.deepEqual(page.told(), ['logout']);
  const forgetful = new Map();
  forgetful.set = () => {
    throw new Error('blocked');
  };
  const blocked = await makePage(forgetful);
  blocked.id.logout();
  blocked.say({ op: 'ready' });
  assert.deepEqual(blocked.told(), ['logout']);
});

test('who signs in after an unheard logout stays signed in', async () => {
  const page = await makePage();
  watched(page, []);
  page.id.logout();
  const popup = page.newPopup();
  let request;
  popup.postMessage = (m) => (request = m);
  page.id.request();
  page.fire('message', { source: popup, origin: service, data: { t: 'bid:ready', v: 1 } });
  page.fire('message', { source: popup, origin: service, data: { t: 'bid:response', id: request.id, state: request.state, assertion: 'x', email: 'a@b.example' } });
  const next = await makePage(page.storage);
  watched(next, []);
  next.say({ op: 'ready' });
  assert.deepEqual(next.told(), ['watch']);
});
