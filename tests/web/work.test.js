/** Proof of work in the browser's script: the numbers that libs/pow finds too (tests/libs/pow). */

import assert from 'node:assert/strict';
import { createHash, randomBytes, webcrypto } from 'node:crypto';
import { test } from 'node:test';
import { sha256Head, tries } from '../../web/src/work/hash.js';
import { answer, readChallenge } from '../../web/src/lib/work.js';
import { Wsapi } from '../../web/src/lib/wsapi.js';

globalThis.crypto ??= webcrypto;  // Node 18 has none

const seed = Uint8Array.from({ length: 16 }, (_, i) => i * 7);

test('SHA-256 of all lengths of a block', () => {
  for (let length = 0; length <= 55; length++) {
    const text = randomBytes(length);
    assert.equal(sha256Head(text), createHash('sha256').update(text).digest().readUInt32BE(0), `${length} octets`);
  }
});

async function solve(algorithm, zeros) {
  const found = [];
  for (let part = 0; part < 4; part++) {
    const attempt = tries({ algorithm, iterations: 3, seed }, part);
    let n = 0;
    while ((await attempt(n)) >>> (32 - zeros) !== 0) n++;
    found.push(n);
  }
  return found.join(',');
}

test('known answers', async () => {
  assert.equal(await solve('pbkdf2', 8), '491,320,708,165');
  assert.equal(await solve('s256', 10), '383,1563,845,206');
});

test('a challenge is read strictly', () => {
  const good = 'v1.pbkdf2.250.4.10.1800000000.5.AAAAAAAAAAA.AAcOFRwjKjE4P0ZNVFtiaQ.20833.BBBBBBBBBBBBBBBBBBBBBB';
  const c = readChallenge(good);
  assert.equal(c.zeros, 8);
  assert.equal(c.count, 4);
  assert.deepEqual(c.puzzle, { algorithm: 'pbkdf2', iterations: 250, seed });
  for (const bad of ['', 'v1', good + '.x', good.replace('v1', 'v2'), good.replace('.4.10.', '.4.99.'), good.replace('.4.10.', '.99.10.')])
    assert.throws(() => readChallenge(bad), bad);
});

test('a wait is waited for, and says for how long', async () => {
  const told = [];
  const begun = Date.now();
  const ticket = await answer({ kind: 'wait', ticket: 'w1.x', waitMs: 1200 }, (seconds) => told.push(seconds));
  assert.equal(ticket, 'w1.x');
  assert.ok(Date.now() - begun >= 1199);
  assert.equal(told[0], 2);
  assert.equal(told.at(-1), 0, 'and that it is over');
});

test('where no worker can be had, a ticket is asked for; a mail is nothing to work on', async () => {
  assert.equal(await answer({ kind: 'work', challenge: 'v1.unknown' }), 'wait');
  assert.equal(await answer({ kind: 'mail' }), '');
});

test('a call that nobody waits for any more is not sent again', async () => {
  let sent = 0;
  const told = [];
  const body = { success: false, reason: 'challenge', kind: 'wait', ticket: 'w1.x', wait_ms: 60000 };
  const api = new Wsapi({
    fetch: async () => (sent++, new Response(JSON.stringify(body), { status: 429 })),
    onWork: (seconds) => told.push(seconds),
  });
  const begun = Date.now();
  const asked = api.get('address_info', { email: 'a@b.example' });
  setTimeout(() => api.abandon(), 50);
  await assert.rejects(asked, /challenge/);
  assert.equal(sent, 1);
  assert.equal(told.at(-1), 0, 'the bar is gone');
  assert.ok(Date.now() - begun < 5000);
  // What is asked afterwards is asked as ever.
  body.wait_ms = 1;
  await assert.rejects(api.get('address_info', { email: 'a@b.example' }), /challenge/);
  assert.equal(sent, 5, 'three challenges are answered');
});
