/** The values that bind an answer to a request of this site. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { consume, isKnown, logoutWaits, remember, setLogoutWaits } from '../../web/src/rp/states.js';

test('a state serves once, for as long as the dialog keeps its request', () => {
  const stored = new Map();
  const now = Date.now;
  let ahead = 0;
  Date.now = () => now() + ahead;
  globalThis.localStorage = { getItem: (name) => stored.get(name) ?? null, setItem: (name, text) => stored.set(name, text) };
  try {
    for (const state of ['a', 'b']) assert.ok(remember(state));
    ahead = 59 * 60000;
    assert.ok(isKnown('a') && consume('a'));
    assert.ok(!isKnown('a') && !consume('a'), 'once');
    assert.ok(!consume('toString') && !consume(undefined));
    ahead = 61 * 60000;
    assert.ok(!isKnown('b') && !consume('b'), 'too late');
  } finally {
    Date.now = now;
    delete globalThis.localStorage;
  }
});

test('a logout waits until it was heard; where nothing can be kept, none does', () => {
  const stored = new Map();
  globalThis.localStorage = {
    getItem: (name) => stored.get(name) ?? null, setItem: (name, text) => stored.set(name, text), removeItem: (name) => stored.delete(name),
  };
  try {
    assert.ok(!logoutWaits());
    setLogoutWaits(true);
    assert.ok(logoutWaits());
    setLogoutWaits(false);
    assert.ok(!logoutWaits());
    assert.equal(stored.size, 0);
  } finally {
    delete globalThis.localStorage;
  }
  setLogoutWaits(true);
  assert.ok(!logoutWaits());
});
