/** Challenges in the dialog (anti-abuse.md 4): work with its progress, and the mail where the browser
 *  cannot work. What the router would say is said here, so that each answer comes when it is wanted;
 *  the rest is the real service. */

import assert from 'node:assert/strict';
import { createHash, pbkdf2Sync } from 'node:crypto';
import { after, before, test } from 'node:test';
import { challengeOf, refuse, seed } from './lib/acting.js';
import { launch, person, screen } from './lib/browser.js';
import { confirmMail, finish, fresh, openDialog, password, signUp, typeEmail, typePassword } from './lib/flows.js';
import { startStack } from './lib/stack.js';

let stack;
let browser;
before(async () => {
  stack = await startStack({});
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await stack?.stop();
});

const zeros = (digest) => {
  const first = digest.readUInt32BE(0);
  return first === 0 ? 32 : Math.clz32(first);
};
function isSolved(proof, challenge, bits) {
  const [text, numbers] = proof.split(';n=');
  assert.equal(text, challenge);
  return numbers.split(',').every((n, part) => {
    const salt = Buffer.concat([seed, Buffer.from([part])]);
    const digest = challenge.includes('.s256.') ? createHash('sha256').update(Buffer.concat([salt, Buffer.from(n)])).digest()
      : pbkdf2Sync(n, salt, 250, 32, 'sha256');
    return zeros(digest) >= bits - 2;
  });
}

/** An account, and a browser that it does not know, at its password. */
async function stranger() {
  const email = fresh();
  const owner = await person(browser);
  await signUp(owner, await owner.newPage(), stack, email, stack.site + '/');
  await owner.close();
  const context = await person(browser);
  const page = await context.newPage();
  return { email, context, page };
}

for (const [algorithm, bits] of [['pbkdf2', 12], ['s256', 20]])
  test(`work by ${algorithm}: progress is seen, and the person signs in`, { timeout: 120000 }, async () => {
    const { email, context, page } = await stranger();
    const challenge = challengeOf(algorithm, bits);
    const proofs = [];
    await context.route('**/wsapi/authenticate_user', (route) => {
      const proof = route.request().headers()['bid-work'];
      if (!proof) return refuse(route, { kind: 'work', challenge });
      proofs.push(proof);
      return route.continue();
    });
    const dialog = await openDialog(page, stack.site + '/');
    await screen(dialog, 'email');
    const said = [];
    await dialog.exposeFunction('heard', (text, hidden) => said.push([text, hidden]));
    await dialog.evaluate(() => {
      const work = document.querySelector('#work');
      new MutationObserver(() => window.heard(work.textContent.trim(), work.hidden))
        .observe(work, { childList: true, characterData: true, subtree: true, attributes: true });
    });
    await typeEmail(dialog, email);
    await typePassword(dialog);
    await finish(dialog, page, email);
    assert.equal(proofs.length, 1);
    assert.ok(isSolved(proofs[0], challenge, bits), proofs[0]);
    assert.ok(said.some(([text, hidden]) => !hidden && /robot.*\d+ (second|minute)/.test(text)), JSON.stringify(said));
    assert.equal(said.at(-1)[1], true, 'and it is over');
    assert.deepEqual(context.faults, []);
    await context.close();
  });

test('a browser that cannot work reaches the mail, and signs in by it', { timeout: 120000 }, async () => {
  const { email, context, page } = await stranger();
  await context.addInitScript(() => {
    window.Worker = function Worker() {
      throw new Error('not here');
    };
  });
  const first = await stack.mail(email);
  const asked = [];
  let opened = false;
  await context.route('**/wsapi/authenticate_user', (route) => {
    const proof = route.request().headers()['bid-work'];
    asked.push(proof);
    if (opened) return route.continue();
    return proof === 'wait' ? refuse(route, { kind: 'mail' }) : refuse(route, { kind: 'work', challenge: challengeOf('pbkdf2', 8) });
  });
  const dialog = await openDialog(page, stack.site + '/');
  await typeEmail(dialog, email);
  await typePassword(dialog);
  await screen(dialog, 'prove');
  assert.deepEqual(asked, [undefined, 'wait']);
  await dialog.click('[data-screen=prove] button.main');
  await screen(dialog, 'prove_sent');
  const mail = await confirmMail(context, stack, email, { after: first.id });
  assert.match(mail.link, /\/unblock\?token=/);
  opened = true;
  await dialog.click('[data-screen=prove_sent] button.main');
  await finish(dialog, page, email);
  await context.close();
});

test('a wait is shown in seconds and then over', { timeout: 60000 }, async () => {
  const { email, context, page } = await stranger();
  await context.addInitScript(() => delete window.Worker);
  const asked = [];
  await context.route('**/wsapi/address_info*', (route) => {
    const proof = route.request().headers()['bid-work'];
    asked.push(proof);
    if (proof === 'w1.ticket') return route.continue();
    return proof === 'wait' ? refuse(route, { kind: 'wait', ticket: 'w1.ticket', wait_ms: 2500 })
      : refuse(route, { kind: 'work', challenge: challengeOf('pbkdf2', 8) });
  });
  const dialog = await openDialog(page, stack.site + '/');
  await typeEmail(dialog, email);
  await dialog.getByText(/About 2 seconds left/).waitFor({ state: 'visible' });
  await screen(dialog, 'password');
  assert.deepEqual(asked, [undefined, 'wait', 'w1.ticket']);
  await typePassword(dialog, password);
  await finish(dialog, page, email);
  await context.close();
});
