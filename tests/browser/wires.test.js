/** The wires between sites' pages, the dialog's window and the frame, where they are cut or abused. */

import assert from 'node:assert/strict';
import { screen } from './lib/browser.js';
import { fresh, openDialog, signedIn, signInAtProvider, signUp, typeEmail } from './lib/flows.js';
import { scenario, stack } from './lib/scenario.js';

/** A request in the site's name, as anybody can write it. */
const forged = (params = {}) => `${stack.service}/sign_in#bid=` + Buffer.from(JSON.stringify({
  v: 1, origin: stack.site, state: 'x', params: { rp_api: 'stateless', returnTo: '/stateless?u=x', ...params },
})).toString('base64url');

scenario('a request by navigation that the site did not send is refused', async ({ context, page }) => {
  await signUp(context, page, stack, fresh());
  const follow = (policy) => page.evaluate(([href, referrerPolicy]) =>
    Object.assign(document.createElement('a'), { href, referrerPolicy }).click(), [forged(), policy]);
  const refused = async () => {
    await screen(page, 'error');
    assert.match(await page.locator('[data-error-title]').textContent(), /could not be confirmed/);
    assert.ok(!(await page.locator('#asker').isVisible()), 'no site is named');
  };
  await page.goto(stack.provider + '/');
  await follow('unsafe-url');
  await refused();
  await page.goto(stack.site + '/stateless');
  await follow('no-referrer');
  await refused();
  await page.goto('about:blank');
  await page.goto(forged());
  await refused();
  // A stranger's link on the site's own page comes back to the path alone.
  await page.goto(stack.site + '/stateless');
  await follow('origin');
  await screen(page, 'pick_email');
  await page.click('[data-screen=pick_email] button.main');
  await page.waitForURL(stack.site + '/stateless');
});

scenario('a site that sends no referrers still signs in by navigation', async ({ context, page }) => {
  const email = fresh();
  await signUp(context, page, stack, email);
  await page.click('#sign-out');
  await page.goto(stack.site + '/redirect');
  await page.evaluate(() => document.head.append(Object.assign(document.createElement('meta'), { name: 'referrer', content: 'no-referrer' })));
  await page.click('#sign-in');
  await screen(page, 'pick_email');
  await page.click('[data-screen=pick_email] button.main');
  await page.waitForURL(stack.site + '/redirect');
  await signedIn(page, email);
});

scenario('an answer that came back to the site is not for a tab that never asked', async ({ context, page }) => {
  const dialog = await openDialog(page, stack.site + '/stateless');
  await screen(dialog, 'email');
  const other = await context.newPage();
  let taken = 0;
  other.on('request', (request) => request.url().endsWith('/api/sign-in') && taken++);
  await other.goto(stack.site + '/stateless');
  const third = await context.newPage();
  await third.goto(stack.site + '/tos');
  const answer = (state) => third.evaluate((s) => new BroadcastChannel('bid').postMessage(
    { t: 'bid:answer', state: s, assertion: 'x', email: 'ann@site.example' }), state);
  const [state] = await third.evaluate(() => Object.keys(JSON.parse(localStorage.getItem('bid_states'))));
  const asked = page.waitForRequest('**/api/sign-in');
  await answer(state);
  await asked;
  // Once more, when the tab that asked is gone: the popup's own page will take it.
  await page.evaluate((s) => localStorage.setItem('bid_states', JSON.stringify({ [s]: Date.now() })), state);
  await page.goto('about:blank');
  await answer(state);
  await other.waitForTimeout(500);
  assert.equal(taken, 0);
});

for (const path of ['/', '/get'])
  scenario(`a provider that cuts the opener off is no cancel: ${path}`, async ({ page }) => {
    await stack.control({ mode: 'ask', coop: true, deny_frames: true });
    try {
      const email = fresh('provider.example');
      let dialog = await openDialog(page, stack.site + path);
      await typeEmail(dialog, email);
      await dialog.waitForURL(`${stack.provider}/auth*`);
      await page.waitForTimeout(1500);  // three polls
      assert.equal(await page.getAttribute('body', 'data-cancelled'), null);
      // Gone for good cannot be told from cut off: the button asks anew.
      await dialog.close();
      dialog = await openDialog(page);
      await page.evaluate(() => delete document.body.dataset.cancelled);
      await typeEmail(dialog, email);
      await signInAtProvider(dialog, stack);
      await signedIn(page, email);
      assert.equal(await page.getAttribute('body', 'data-cancelled'), null);
    } finally {
      await stack.control({ mode: 'ask', coop: false, deny_frames: false });
    }
  });

scenario('a dialog that is back from a provider and closed is a cancel', async ({ page }) => {
  const dialog = await openDialog(page, stack.site + '/');
  await typeEmail(dialog, fresh('provider.example'));
  await dialog.waitForURL(`${stack.provider}/auth*`);
  await dialog.evaluate((url) => location.assign(url), stack.service + '/sign_in?AUTH_RETURN_CANCEL');
  await screen(dialog, 'email');
  await dialog.close();
  await page.locator('body[data-cancelled=yes]').waitFor({ state: 'attached' });
});

scenario('get() where no window opens: the callback comes, with null', async ({ page }) => {
  await page.addInitScript(() => (window.open = () => null));
  await page.goto(stack.site + '/get');
  await page.click('#sign-in');
  await page.locator('body[data-cancelled=yes]').waitFor({ state: 'attached' });
});

scenario('neither window nor storage: oncancel', async ({ page }) => {
  await page.addInitScript(() => {
    window.open = () => null;
    Storage.prototype.setItem = () => {
      throw new Error('blocked');
    };
  });
  await page.goto(stack.site + '/redirect');
  await page.click('#sign-in');
  await page.locator('body[data-cancelled=yes]').waitFor({ state: 'attached' });
});

scenario('a slow window of get() is waited for', async ({ context, page }) => {
  await context.route(stack.service + '/sign_in', async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 9000));
    await route.continue();
  });
  const dialog = await openDialog(page, stack.site + '/get');
  await screen(dialog, 'email');
  assert.equal(await page.getAttribute('body', 'data-cancelled'), null);
});

for (const answer of [{ error: 'cancelled' }, { assertion: 'x', email: 'ann@site.example' }])
  scenario(`a page that an answer came back to hears of its visitor as any other: ${Object.keys(answer)[0]}`, async ({ page }) => {
    await page.goto(stack.site + '/tos');
    await page.evaluate(() => localStorage.setItem('bid_states', JSON.stringify({ known: Date.now() })));
    const content = Buffer.from(JSON.stringify({ state: 'known', ...answer })).toString('base64url');
    await page.goto(`${stack.site}/#bid_response=${content}`);
    // Well before the page gives the frame up, which takes ten seconds.
    await page.locator('body[data-ready=yes]').waitFor({ state: 'attached', timeout: 7000 });
    assert.deepEqual(await page.evaluate(() => localStorage.getItem('bid_states')), '{}');
  });

scenario('watch() of what is no object leaves get() as it was', async ({ page }) => {
  await page.goto(stack.site + '/get');
  await page.evaluate(() => navigator.id.watch('nothing'));
  await screen(await openDialog(page), 'email');
});

scenario('a page that was loaded anew takes the answer of its dialog, once', async ({ context, page }) => {
  const email = fresh();
  await signUp(context, page, stack, email);
  await page.click('#sign-out');
  const dialog = await openDialog(page);
  await screen(dialog, 'pick_email');
  await page.reload();
  const [closed] = await Promise.all([dialog.waitForEvent('close'), dialog.click('[data-screen=pick_email] button.main')]);
  assert.ok(closed);
  await signedIn(page, email);
  assert.equal(await page.evaluate(() => localStorage.getItem('bid_states')), '{}');
});

/** The page does not hear the first message of that kind. */
const loseFirst = (page, kind) => page.addInitScript((wanted) => {
  let lost = false;
  addEventListener('message', (event) => {
    if (lost || (event.data?.op ?? event.data?.t) !== wanted) return;
    lost = true;
    event.stopImmediatePropagation();
  }, true);
}, kind);

for (const kind of ['ready', 'bid:ready'])
  scenario(`the first word of the other side may be lost: ${kind}`, async ({ context, page }) => {
    await loseFirst(page, kind);
    const email = fresh();
    await signUp(context, page, stack, email, stack.site + '/old');
    await page.click('#sign-out');
    await page.locator('#sign-in').waitFor({ state: 'visible' });
  });
