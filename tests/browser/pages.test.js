/** The service's own pages, and the example site's, when the session ends under them or a click comes twice. */

import assert from 'node:assert/strict';
import { act, links, signedIn as session } from './lib/acting.js';
import { fresh, openDialog, signedIn, signUp } from './lib/flows.js';
import { scenario, stack } from './lib/scenario.js';

const home = async (context) => {
  const page = await context.newPage();
  await page.goto(stack.service + '/');
  await page.locator('#signed-in').waitFor({ state: 'visible' });
  return page;
};

scenario('the account page after its session ended elsewhere: it says so, and can be used again', async ({ context, page }) => {
  await signUp(context, page, stack, fresh());
  const [one, two] = [await home(context), await home(context)];
  await two.click('#sign-out');
  await two.locator('#signed-out').waitFor({ state: 'visible' });
  await one.click('#cancel-account');
  await one.locator('#confirm').waitFor({ state: 'visible' });
  assert.equal(await one.evaluate(() => document.activeElement.value), 'no', 'Enter deletes nothing');
  await one.click('#confirm-yes');
  await one.locator('#home-fault').waitFor({ state: 'visible' });
  assert.match(await one.locator('#home-fault').textContent(), /signed out elsewhere/);
  assert.ok(await one.locator('#signed-out').isVisible());
  assert.ok(!(await one.locator('#signed-in').isVisible()));
  await openDialog(one);
  assert.ok(!(await one.locator('#home-fault').isVisible()));
});

scenario('a sign-out on a page whose session ended already is no fault', async ({ context, page }) => {
  await signUp(context, page, stack, fresh());
  const [one, two] = [await home(context), await home(context)];
  for (const tab of [one, two]) {
    await tab.click('#sign-out');
    await tab.locator('#signed-out').waitFor({ state: 'visible' });
    assert.ok(!(await tab.locator('#home-fault').isVisible()));
  }
});

scenario('the account page says what failed while it is signed in', async ({ context, page }) => {
  await act(context, stack, { ...session(), logout: 503 });
  await page.goto(stack.service + '/');
  await page.click('#sign-out');
  await page.locator('#home-fault').waitFor({ state: 'visible' });
  assert.ok(await page.locator('#signed-in').isVisible());
});

/** Counts calls, and answers them a little later. */
const slow = (body) => {
  const answer = async (route) => {
    answer.count++;
    await new Promise((resolve) => setTimeout(resolve, 500));
    await route.fulfill({ contentType: 'application/json', body: JSON.stringify(body) });
  };
  answer.count = 0;
  return answer;
};

scenario('what is clicked twice is sent once', async ({ context, page }) => {
  const logout = slow({ success: true });
  const authenticate = slow({ success: false });
  await act(context, stack, { ...session(), logout, authenticate_user: authenticate });
  await page.goto(stack.service + '/');
  await page.locator('#signed-in').waitFor({ state: 'visible' });
  await page.evaluate(() => {
    for (let i = 0; i < 2; i++) document.querySelector('#sign-out').click();
  });
  await page.waitForTimeout(1200);
  assert.equal(logout.count, 1);
  await page.goto(stack.service + '/auth?email=ann@example.org');
  await page.fill('#auth-password', 'correct horse battery');
  await page.evaluate(() => {
    for (let i = 0; i < 2; i++) document.querySelector('#auth-form').requestSubmit();
  });
  await page.locator('#auth-password-fault').waitFor({ state: 'visible' });
  assert.equal(authenticate.count, 1);
});

for (const needed of [true, false])
  scenario(`the page behind a link says which password it wants: ${needed ? "the account's" : 'the one chosen for it'}`, async ({ context, page }) => {
    await act(context, stack, { email_for_token: { success: true, email: 'ann@example.org', must_auth: true, needs_password: needed } });
    await page.goto(links.url(stack, '/confirm'));
    await page.locator('[data-part=password]').waitFor({ state: 'visible' });
    assert.equal(await page.locator('[data-asked=account]').isVisible(), needed);
    assert.equal(await page.locator('[data-asked=chosen]').isVisible(), !needed);
  });

scenario('a logout that is followed by another page at once is heard', async ({ context, page }) => {
  await signUp(context, page, stack, fresh(), stack.site + '/');
  const waits = () => page.evaluate(() => localStorage.getItem('bid_logout'));
  // The frame is slow, so that it cannot have heard it before the page is gone.
  await context.route('**/communication_iframe', async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await route.continue().catch(() => {});
  });
  await page.goto(stack.site + '/');
  await page.locator('#sign-out').waitFor({ state: 'visible' });
  await page.evaluate(() => {
    navigator.id.logout();
    location.assign('/tos');
  });
  await page.waitForURL(stack.site + '/tos');
  assert.equal(await waits(), '1');
  await page.goto(stack.site + '/');
  await page.waitForFunction(() => localStorage.getItem('bid_logout') === null);
});

scenario('the example site: what was refused does not look done', async ({ context, page }) => {
  const email = fresh();
  await signUp(context, page, stack, email, stack.site + '/stateless');
  await page.fill('#text', 'water the plants');
  await page.press('#text', 'Enter');
  const box = page.locator('#items input').first();
  await box.waitFor();
  await page.route('**/api/todo', (route) => route.fulfill({ status: 502, body: 'no' }));
  await box.click();
  await page.locator('#fault').waitFor({ state: 'visible' });
  assert.match(await page.locator('#fault').textContent(), /502/);
  assert.ok(!(await box.isChecked()));
  assert.equal(await page.getAttribute('body', 'data-email'), email);
  await page.unroute('**/api/todo');
  await context.clearCookies();
  await box.click();
  await signedIn(page, '');
  await page.locator('#fault').waitFor({ state: 'visible' });
  await page.locator('#sign-in').waitFor({ state: 'visible' });
});

scenario('the example site: without an answer of its server the page is not blank', async ({ page }) => {
  await page.route('**/api/session', (route) => route.fulfill({ status: 502, body: 'no' }));
  await page.goto(stack.site + '/');
  await page.locator('#fault').waitFor({ state: 'visible' });
});
