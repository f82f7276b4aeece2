/** The wires between sites' pages, the dialog's window and the frame, where they are cut or abused. */

import assert from 'node:assert/strict';
import { screen } from './lib/browser.js';
import { fresh, signedIn, signUp } from './lib/flows.js';
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
