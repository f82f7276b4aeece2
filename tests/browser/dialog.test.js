/** What the dialog and its pages do when a person takes another way than the plain one: goes back,
 *  reloads, begins at two sites at once. */

import assert from 'node:assert/strict';
import { act, links } from './lib/acting.js';
import { screen } from './lib/browser.js';
import { choosePassword, fresh, openDialog, typeEmail } from './lib/flows.js';
import { scenario, stack } from './lib/scenario.js';

/** A new account's mail is on its way, and the dialog is closed over it. */
async function beginAccount(page, email, url = stack.site + '/stateless') {
  const dialog = await openDialog(page, url);
  await typeEmail(dialog, email);
  await choosePassword(dialog);
  await screen(dialog, 'check_email');
  await dialog.close();
}

for (const path of ['/unblock', '/not_me'])
  scenario(`${path} says that it is done while a sign-in waits for its mail, which still leads on`, async ({ context, page }) => {
    await beginAccount(page, fresh());
    await act(context, stack);
    const tab = await context.newPage();
    await tab.goto(links.url(stack, path));
    await tab.click('[data-part=confirm] button.main');
    await tab.locator('[data-part=done]').waitFor({ state: 'visible' });
    assert.equal(await tab.getAttribute('[data-onward]', 'href'), '/', 'it has nothing to do with the site');
    assert.ok(await tab.evaluate(() => localStorage.getItem('returnTo')), 'the other link is still to come');
  });

scenario('back does not wait: what was asked for before it changes nothing any more', async ({ context, page }) => {
  let release;
  const asked = new Promise((resolve) => (release = resolve));
  const calls = [];
  context.on('request', (r) => calls.push(new URL(r.url()).pathname));
  let reached;
  const staged = new Promise((resolve) => (reached = resolve));
  await act(context, stack, {
    stage_user: async (route) => {
      reached();
      await asked;
      await route.fulfill({ contentType: 'application/json', body: '{"success":true}' });
    },
  });
  const dialog = await openDialog(page, stack.site + '/stateless');
  await typeEmail(dialog, 'unknown@example.org');
  await choosePassword(dialog);
  await staged;
  await dialog.click('#back');
  await screen(dialog, 'email');
  const answered = dialog.waitForResponse('**/wsapi/session_context');  // what follows a mail that is on its way
  release();
  await answered;
  await dialog.waitForTimeout(3500);  // a poll comes every three seconds
  await screen(dialog, 'email');
  assert.deepEqual(calls.filter((path) => /status|undefined/.test(path)), []);
});
