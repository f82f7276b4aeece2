/** What the dialog and its pages do when a person takes another way than the plain one: goes back,
 *  reloads, begins at two sites at once. */

import assert from 'node:assert/strict';
import { act, links } from './lib/acting.js';
import { screen } from './lib/browser.js';
import { choosePassword, confirmMail, fresh, openDialog, password, signedIn, signUp, typeEmail } from './lib/flows.js';
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
    assert.equal(await tab.evaluate(() => JSON.parse(localStorage.getItem('returnTo')).list.length), 1, 'the other link is still to come');
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
  const answered = dialog.waitForResponse('**/wsapi/session_context?*');  // what follows a mail that is on its way
  release();
  await answered;
  await dialog.waitForTimeout(3500);  // a poll comes every three seconds
  await screen(dialog, 'email');
  assert.deepEqual(calls.filter((path) => /status|undefined/.test(path)), []);
});

/** From the site to the dialog in the same window. */
async function redirected(page) {
  await page.goto(stack.site + '/redirect');
  await page.click('#sign-in');
  await page.waitForURL(stack.service + '/sign_in*');
}

scenario('without a popup: reloading keeps the request; the answer ends it', async ({ context, page }) => {
  const email = fresh();
  await redirected(page);
  await typeEmail(page, email);
  await screen(page, 'set_password');
  await page.reload();
  await typeEmail(page, email);
  await screen(page, 'set_password');
  // Out of the browser's back-forward cache: as it was left, and reloaded at once.
  await Promise.all([page.waitForEvent('load'),
    page.evaluate(() => setTimeout(() => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))))]);
  await typeEmail(page, email);
  assert.equal(await page.locator('#asker-host').textContent(), new URL(stack.site).host);
  await choosePassword(page);
  await screen(page, 'check_email');
  await confirmMail(context, stack, email);
  await page.waitForURL(stack.site + '/redirect');
  await signedIn(page, email);
  await page.goto(stack.service + '/sign_in');
  await screen(page, 'error');
  await page.click('[data-error-button]');
  await page.waitForURL(stack.service + '/');
});

scenario('without a popup: the first screen leads back to the site', async ({ page }) => {
  await redirected(page);
  await screen(page, 'email');
  assert.equal(await page.locator('#back').innerText(), 'Back to ' + new URL(stack.site).host);
  await page.keyboard.press('Escape');
  await page.click('#back');
  await page.waitForURL(stack.site + '/redirect');
  await page.locator('#sign-in').waitFor({ state: 'visible' });
  await redirected(page);
  await typeEmail(page, fresh());
  await screen(page, 'set_password');
  assert.match(await page.locator('#back').innerText(), /Back$/);
});

scenario('without a popup: back from the provider is the first screen, and a lost thread too', async ({ page }) => {
  const email = fresh('provider.example');
  await stack.control({ mode: 'ask', deny_frames: true });
  try {
    await redirected(page);
    await typeEmail(page, email);
    await page.waitForURL(`${stack.provider}/auth*`);
    await page.goBack();
    await page.waitForURL(stack.service + '/sign_in*');
    await screen(page, 'email');
    assert.equal(await page.evaluate(() => sessionStorage.getItem('bid_flow')), null, 'it belongs to the way that was given up');
    await page.goto(stack.service + '/sign_in?AUTH_RETURN');
    await screen(page, 'email');
  } finally {
    await stack.control({ mode: 'ask', deny_frames: false });
  }
});

scenario('without a popup: a dialog that can do nothing leads back to the site', async ({ context, page }) => {
  await context.addInitScript(() => location.hostname === 'login.localhost' &&
    Object.defineProperty(Document.prototype, 'cookie', { get: () => '', set() {} }));
  await redirected(page);
  await screen(page, 'error');
  await page.click('[data-error-button]');
  await page.waitForURL(stack.site + '/redirect');
});

scenario('begun at two sites: each mailed link leads on to its own', async ({ context, page }) => {
  const [one, two] = [fresh(), fresh()];
  await beginAccount(page, one);
  const elsewhere = await context.newPage();
  await elsewhere.goto(stack.provider + '/');
  const [dialog] = await Promise.all([elsewhere.waitForEvent('popup'), elsewhere.evaluate((service) => {
    const popup = open(service + '/sign_in', 'x', 'popup');
    addEventListener('message', (e) => e.data.t === 'bid:ready' &&
      popup.postMessage({ t: 'bid:request', v: 1, id: '1', params: { rp_api: 'get', returnTo: '/' } }, service));
  }, stack.service)]);
  await typeEmail(dialog, two);
  await choosePassword(dialog);
  await screen(dialog, 'check_email');
  await dialog.close();
  const tab = await context.newPage();
  await tab.goto((await stack.mail(one)).link);
  // The browser keeps the secret of one address that it began; the other one's password is asked.
  await tab.fill('#token-password', password);
  await tab.click('[data-part=password] button.main');
  await tab.locator('[data-part=done]').waitFor({ state: 'visible' });
  assert.equal(await tab.getAttribute('[data-onward]', 'href'), stack.site + '/stateless');
  assert.deepEqual(await tab.evaluate(() => JSON.parse(localStorage.getItem('siteInfo'))),
    { [stack.site]: { logged_in: one, email: one } });
});

scenario('a stranger\'s page gets no certificate by way of our own pages', async ({ context, page }) => {
  const email = fresh();
  await signUp(context, page, stack, email);
  const calls = [];
  context.on('request', (r) => calls.push(new URL(r.url()).pathname));
  for (const back of ['/developers', '/sign_in?x', '/', '//evil.localhost/sign_in']) {
    const asked = { v: 1, email, duration: 3600, pubkey: '{}', return: stack.service + back, state: 's' };
    const [fault] = await Promise.all([page.waitForEvent('pageerror'),
      page.goto(`${stack.service}/provision#bidp=${Buffer.from(JSON.stringify(asked)).toString('base64url')}`)]);
    assert.match(fault.message, /way back/);
    await page.goto('about:blank');
  }
  assert.ok(!calls.includes('/wsapi/cert_key'));
  context.faults.length = 0;  // those were asked for
});

scenario('without a popup: a site that asks improperly hears nothing, and the person gets back to it', async ({ page }) => {
  await page.goto(stack.site + '/console');
  await page.evaluate(() => {
    navigator.id.watch({ onlogin() {} });
    navigator.id.request({ transport: 'redirect', backgroundColor: 'red' });
  });
  await page.waitForURL(stack.service + '/sign_in*');
  await screen(page, 'error');
  await page.reload();
  await screen(page, 'error');
  await page.click('[data-error-button]');
  await page.waitForURL(stack.site + '/');
});
