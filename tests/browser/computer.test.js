/** Scenario 8: whose computer it is, and how long what is made on it lasts. */

import assert from 'node:assert/strict';
import { person as personIn, popupOf, screen } from './lib/browser.js';
import { fresh, openDialog, signedIn, signUp, typeEmail, typePassword } from './lib/flows.js';
import { browser, scenario, stack } from './lib/scenario.js';

const hour = 3600;

/** A person with an account, who has just signed in to the site, and what he can do there. */
async function newcomer(context, page) {
  const email = fresh();
  await signUp(context, page, stack, email);
  const dialog = async () => {
    await page.click('#sign-out');
    const window = await openDialog(page);
    await screen(window, 'pick_email');
    return window;
  };
  return {
    email,
    done: () => signedIn(page, email),
    /** Signs out at the site and picks the address again. */
    async pick() {
      const window = await dialog();
      await window.click('[data-screen=pick_email] button.main');
      return window;
    },
    /** Signs out of the service too, and comes back by password. */
    async byPassword() {
      const window = await dialog();
      await window.click('[data-event=not_me]');
      await typeEmail(window, email);
      await typePassword(window);
      return window;
    },
    async answer(window, which) {
      await screen(window, 'computer');
      await window.click(which === 'mine' ? '[data-screen=computer] button.main' : '[data-event=shared]');
    },
    /** Makes what was said of this computer as old as that, another thing if `state` is given; what it is. */
    async said(ago, state = '') {
      const other = await context.newPage();
      await other.goto(stack.service + '/about');
      const states = await other.evaluate(([s, ms]) => {
        const all = JSON.parse(localStorage.getItem('usersComputer') || '{}');
        for (const id of Object.keys(all)) all[id] = { state: s || all[id].state, updated: Date.now() - ms };
        localStorage.setItem('usersComputer', JSON.stringify(all));
        return Object.values(all).map((r) => r.state);
      }, [state, ago * 1000]);
      await other.close();
      return states;
    },
    /** Seconds that the session has left. */
    async lasts() {
      const cookies = await context.cookies(stack.service + '/wsapi/');
      return cookies.find((c) => c.name.startsWith('browserid_state')).expires - Date.now() / 1000;
    },
  };
}

scenario('8: "is this your computer": asked later, yes and no are remembered', async ({ context, page }) => {
  const person = await newcomer(context, page);
  await person.pick();
  await person.done();  // seen for the first time: not asked
  assert.deepEqual(await person.said(61), ['seen']);
  await person.answer(await person.pick(), 'shared');
  await person.done();
  assert.deepEqual(await person.said(25 * hour), ['denied']);
  await person.answer(await person.pick(), 'mine');
  await person.done();
  assert.deepEqual(await person.said(0), ['confirmed']);
});

scenario('8b: on a computer of one\'s own the session lasts for weeks', async ({ context, page }) => {
  const person = await newcomer(context, page);
  const isLong = async (when) => assert.ok((await person.lasts()) > 7 * 24 * hour, when);
  await person.pick();
  await person.done();
  await person.said(0, 'confirmed');
  await person.byPassword();
  await person.done();
  await isLong('by password on a confirmed computer');
  // Seen a while ago: the question comes after the password, which "mine" takes along.
  await person.said(61, 'seen');
  const asked = await person.byPassword();
  await screen(asked, 'computer');
  assert.ok((await person.lasts()) < 2 * hour, 'short before the question');
  await person.answer(asked, 'mine');
  await person.done();
  await isLong('after the answer');
  // No password at hand: it is asked for.
  await person.said(61, 'seen');
  await person.answer(await person.byPassword(), 'shared');
  await person.done();
  await person.said(61, 'seen');
  const again = await person.pick();
  await person.answer(again, 'mine');
  await typePassword(again);
  await person.done();
  await isLong('after the proof');
});

scenario('8c: what its owner said of a computer does not count for who signs in beside him', async ({ context, page }) => {
  const elsewhere = await personIn(browser);
  const guest = await newcomer(elsewhere, await elsewhere.newPage());
  await elsewhere.close();
  const owner = await newcomer(context, page);
  await owner.pick();
  await owner.done();
  await owner.said(0, 'confirmed');
  const dialog = await popupOf(page, () => page.evaluate(() =>
    navigator.id.request({ experimental_forceAuthentication: true })));
  await typeEmail(dialog, guest.email);
  await typePassword(dialog);
  await page.locator(`body[data-email="${guest.email}"]`).waitFor({ state: 'attached' });
  assert.ok((await owner.lasts()) < 2 * hour, 'a guest has an hour');
});
