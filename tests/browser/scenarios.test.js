/** The acceptance scenarios of the front end's specification, section 9, against the real service. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { person, screen } from './lib/browser.js';
import { choosePassword, confirmMail, finish, fresh, openDialog, password, signedIn, signInAtProvider, signUp, typeEmail, typePassword } from './lib/flows.js';
import { browser, scenario, stack } from './lib/scenario.js';

scenario('1a: a new address, the link opened in the same browser', async ({ context, page }) => {
  await signUp(context, page, stack, fresh(), stack.site + '/');
});

scenario('1b: the link opened in another browser asks for the password; the first signs in by itself', async ({ page }) => {
  const email = fresh();
  const dialog = await openDialog(page, stack.site + '/');
  await typeEmail(dialog, email);
  await choosePassword(dialog);
  await screen(dialog, 'check_email');
  const other = await person(browser);
  await confirmMail(other, stack, email, { secret: password });
  await other.close();
  await signedIn(page, email);
});

scenario('a GET of the link spends nothing', async ({ context, page }) => {
  const email = fresh();
  const dialog = await openDialog(page, stack.site + '/');
  await typeEmail(dialog, email);
  await choosePassword(dialog);
  const mail = await stack.mail(email);
  for (let i = 0; i < 3; i++) assert.equal((await fetch(stack.plain(mail.link))).status, 200);
  const tab = await context.newPage();
  await tab.goto(mail.link);
  await tab.locator('[data-part=confirm]').waitFor({ state: 'visible' });
  assert.ok(!tab.url().includes('token'), 'the token is out of the address bar');
  await tab.reload();
  await tab.locator('[data-part=fault]').waitFor({ state: 'visible' });
  await confirmMail(context, stack, email);
  await signedIn(page, email);
});

scenario('2: a new primary address: the provider asks, no mail is sent', async ({ page }) => {
  const email = fresh('provider.example');
  await stack.control({ mode: 'ask' });
  const dialog = await openDialog(page, stack.site + '/');
  await typeEmail(dialog, email);
  await signInAtProvider(dialog, stack);
  await finish(dialog, page, email);
});

scenario('2b: a new primary address, signed in at its provider already', async ({ page }) => {
  const email = fresh('provider.example');
  await stack.control({ mode: 'always' });
  const dialog = await openDialog(page, stack.site + '/');
  await typeEmail(dialog, email);
  await finish(dialog, page, email);
  await stack.control({ mode: 'ask' });
});

scenario('3: returning: the only address is preselected, one click signs in', async ({ context, page }) => {
  const email = fresh();
  await signUp(context, page, stack, email);
  await page.click('#sign-out');
  const dialog = await openDialog(page);
  await screen(dialog, 'pick_email');
  assert.equal(await dialog.locator('input[name=choice]:checked').inputValue(), email);
  await dialog.click('[data-screen=pick_email] button.main');
  await finish(dialog, page, email);
});

scenario('3b: several addresses: nothing preselected at a new site, the last one at a known one', async ({ context, page }) => {
  const [one, two] = [fresh(), fresh()];
  await signUp(context, page, stack, one);
  await page.click('#sign-out');
  let dialog = await openDialog(page);
  await screen(dialog, 'pick_email');
  await dialog.click('[data-event=add]');
  await screen(dialog, 'add_email');
  await dialog.fill('#add', two);
  await dialog.click('[data-screen=add_email] button.main');
  await screen(dialog, 'check_email');
  await confirmMail(context, stack, two);
  await finish(dialog, page, two);
  await page.click('#sign-out');
  dialog = await openDialog(page);
  await screen(dialog, 'pick_email');
  assert.equal(await dialog.locator('input[name=choice]').count(), 2);
  assert.equal(await dialog.locator('input[name=choice]:checked').inputValue(), two);
  await dialog.close();
  // At another site nothing is.
  const elsewhere = await context.newPage();
  await elsewhere.goto(stack.provider + '/');
  const [asked] = await Promise.all([elsewhere.waitForEvent('popup'), elsewhere.evaluate((service) => {
    const popup = open(service + '/sign_in', 'x', 'popup');
    addEventListener('message', (e) => e.data.t === 'bid:ready' &&
      popup.postMessage({ t: 'bid:request', v: 1, id: '1', params: { rp_api: 'get', returnTo: '/' } }, service));
  }, stack.service)]);
  await screen(asked, 'pick_email');
  assert.equal(await asked.locator('input[name=choice]:checked').count(), 0);
  await asked.click('[data-screen=pick_email] button.main');
  await asked.locator('[data-fault=choices]').waitFor({ state: 'visible' });
});

scenario('4: a primary address added to a fallback account', async ({ context, page }) => {
  const [email, primary] = [fresh(), fresh('provider.example')];
  await stack.control({ mode: 'ask' });
  await signUp(context, page, stack, email);
  await page.click('#sign-out');
  const dialog = await openDialog(page);
  await screen(dialog, 'pick_email');
  await dialog.click('[data-event=add]');
  await dialog.fill('#add', primary);
  await dialog.click('[data-screen=add_email] button.main');
  await signInAtProvider(dialog, stack);
  await finish(dialog, page, primary);
  const home = await context.newPage();
  await home.goto(stack.service + '/');
  await home.locator('#addresses li').nth(1).waitFor();
  assert.deepEqual(await home.locator('#addresses .address').allTextContents(), [email, primary]);
});

scenario('5: a forgotten password', async ({ context, page }) => {
  const email = fresh();
  await signUp(context, page, stack, email);
  const other = await person(browser);
  const tab = await other.newPage();
  const dialog = await openDialog(tab, stack.site + '/stateless');
  await typeEmail(dialog, email);
  await typePassword(dialog, 'quite another one');
  await dialog.locator('#password-fault').waitFor({ state: 'visible' });
  await dialog.click('[data-event=forgot]');
  await screen(dialog, 'forgot');
  const before = (await stack.mail(email)).id;
  await dialog.click('[data-screen=forgot] button.main');
  await screen(dialog, 'check_email');
  const mail = await stack.mail(email, before);
  const page2 = await other.newPage();
  await page2.goto(mail.link);
  await page2.locator('[data-part=password]').waitFor({ state: 'visible' });
  await page2.fill('#token-password', 'short');
  await page2.click('[data-part=password] button.main');
  await page2.locator('#password-fault').waitFor({ state: 'visible' });
  await page2.fill('#token-password', 'a brand new password');
  await page2.click('[data-part=password] button.main');
  await page2.locator('[data-part=done]').waitFor({ state: 'visible' });
  await signedIn(tab, email);
  await other.close();
});

scenario('7: a provider that does not answer: offline, and back to the address', async ({ page }) => {
  const email = fresh('provider.example');
  await stack.control({ mode: 'always' });
  let dialog = await openDialog(page, stack.site + '/stateless');
  await typeEmail(dialog, email);
  await finish(dialog, page, email);
  await stack.control({ mode: 'error' });
  try {
    const other = await person(browser);
    const tab = await other.newPage();
    dialog = await openDialog(tab, stack.site + '/stateless');
    await screen(dialog, 'email');
    // The document is remembered for ten seconds at least, so the outage shows a little later.
    for (let i = 0; i < 60; i++) {
      const info = await dialog.evaluate((e) => fetch('/wsapi/address_info?email=' + e).then((r) => r.json()), email);
      if (info.state === 'offline') break;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    await typeEmail(dialog, email);
    await screen(dialog, 'primary_offline');
    await dialog.click('[data-screen=primary_offline] button.main');
    await screen(dialog, 'email');
    await other.close();
  } finally {
    await stack.control({ mode: 'ask' });
  }
});

scenario('9: closing the dialog cancels; the button works again', async ({ page }) => {
  let dialog = await openDialog(page, stack.site + '/');
  await screen(dialog, 'email');
  await dialog.close();
  await page.locator('body[data-cancelled=yes]').waitFor({ state: 'attached' });
  dialog = await openDialog(page);
  await screen(dialog, 'email');
});

scenario('10: account: change of password, removal of an address, cancelling', async ({ context, page }) => {
  const email = fresh();
  await signUp(context, page, stack, email);
  const home = await context.newPage();
  await home.goto(stack.service + '/');
  await home.locator('#signed-in').waitFor({ state: 'visible' });
  await home.click('#password-open');
  const change = async (old, now) => {
    await home.fill('#old-password', old);
    await home.fill('#new-password', now);
    await home.click('#password-form button.main');
  };
  await change('wrong password', 'another password');
  await home.locator('#old-password-fault').waitFor({ state: 'visible' });
  await change(password, 'short');
  await home.locator('#new-password-fault').waitFor({ state: 'visible' });
  await change(password, password);
  await home.locator('#new-password-fault').waitFor({ state: 'visible' });
  await change(password, 'another password');
  await home.locator('#account-done').waitFor({ state: 'visible' });
  // The last address is the account.
  await home.click('#addresses button');
  await home.locator('#confirm').waitFor({ state: 'visible' });
  await home.keyboard.press('Escape');
  assert.equal(await home.locator('#addresses li').count(), 1);
  await home.click('#cancel-account');
  await home.click('#confirm-yes');
  await home.locator('#signed-out').waitFor({ state: 'visible' });
  await home.reload();
  await home.locator('#signed-out').waitFor({ state: 'visible' });
});

scenario('11: cookies disabled', async ({ context, page }) => {
  // What a browser that refuses cookies looks like to the page: it sets one, and it is not there.
  await context.addInitScript(() => Object.defineProperty(Document.prototype, 'cookie', { get: () => '', set() {} }));
  const dialog = await openDialog(page, stack.site + '/stateless');
  await screen(dialog, 'error');
  assert.match(await dialog.locator('[data-error-title]').textContent(), /Cookies/);
});

test('12: improper usage is shown, and the site hears nothing', { timeout: 600000 }, async (t) => {
  const wrong = {
    'logo over http': { siteLogo: 'http://logo.example/x.png' },
    'logo of a wrong type': { siteLogo: 'data:text/html;base64,AAAA' },
    'logo too large': { siteLogo: 'data:image/png;base64,' + 'A'.repeat(180000) },
    'a colour that is none': { backgroundColor: 'red' },
    'terms that are a script': { termsOfService: 'javascript:alert(1)', privacyPolicy: '/p' },
    'terms too long': { termsOfService: '/' + 'a'.repeat(2100), privacyPolicy: '/p' },
    'returnTo elsewhere': { returnTo: 'https://evil.example/' },
    'returnTo without scheme': { returnTo: '//evil.example/' },
    'an email that is none': { email: 'nobody' },
    'a flag that is a text': { experimental_forceAuthentication: 'yes' },
    'an issuer with a path': { experimental_forceIssuer: 'a.example/b' },
    'claims from a site': { experimental_userAssertedClaims: { a: 1 } },
  };
  const context = await person(browser);
  for (const [name, options] of Object.entries(wrong)) {
    await t.test(name, async () => {
      const page = await context.newPage();
      await page.goto(stack.site + '/console');
      await page.evaluate(() => {
        window.heard = [];
        addEventListener('message', (e) => e.data?.t !== 'bid:ready' && e.data?.t !== 'bid:frame' && window.heard.push(e.data));
        navigator.id.watch({ onlogin() {} });
      });
      const [dialog] = await Promise.all([page.waitForEvent('popup'), page.evaluate((o) => navigator.id.request(o), options)]);
      await screen(dialog, 'error');
      assert.match(await dialog.locator('[data-error-title]').textContent(), /mistake/);
      assert.deepEqual(await page.evaluate(() => window.heard), []);
      await page.close();
    });
  }
  await t.test('markup in siteName is inert', async () => {
    const page = await context.newPage();
    await page.goto(stack.site + '/console');
    await page.evaluate(() => navigator.id.watch({ onlogin() {} }));
    const [dialog] = await Promise.all([page.waitForEvent('popup'),
      page.evaluate(() => navigator.id.request({ siteName: '<img src=x onerror=alert(1)><b>Bank</b>' }))]);
    await screen(dialog, 'email');
    assert.equal(await dialog.locator('#asker-name').textContent(), '<img src=x onerror=alert(1)><b>Bank</b>');
    assert.equal(await dialog.locator('#asker b').count(), 0);
    assert.equal(await dialog.locator('#asker-host').textContent(), new URL(stack.site).host);
  });
  assert.deepEqual(context.faults, []);
  await context.close();
});

scenario('13: messages from elsewhere are ignored, the audience is the asking page', async ({ context, page }) => {
  const email = fresh();
  await signUp(context, page, stack, email);
  // A window of another origin opens the dialog and claims to be the site.
  const evil = await context.newPage();
  await evil.goto(stack.provider + '/');
  const [dialog] = await Promise.all([evil.waitForEvent('popup'), evil.evaluate((service) => {
    window.heard = [];
    window.popup = open(service + '/sign_in', 'x', 'popup');
    addEventListener('message', (e) => {
      window.heard.push({ origin: e.origin, data: e.data });
      if (e.data.t !== 'bid:ready') return;
      const params = { rp_api: 'get', returnTo: '/', origin: 'http://site.localhost', audience: 'http://site.localhost' };
      window.popup.postMessage({ t: 'bid:request', v: 1, id: 'first', params }, service);
      window.popup.postMessage({ t: 'bid:request', v: 1, id: 'second', params: { ...params, siteName: 'Second' } }, service);
    });
  }, stack.service)]);
  await screen(dialog, 'pick_email');
  assert.equal(await dialog.locator('#asker-host').textContent(), new URL(stack.provider).host);
  assert.ok(!(await dialog.locator('#asker-name').isVisible()), 'the second request was not taken');
  await dialog.click('[data-screen=pick_email] button.main');
  await evil.waitForFunction(() => window.heard.some((m) => m.data.t === 'bid:response'));
  const response = (await evil.evaluate(() => window.heard)).find((m) => m.data.t === 'bid:response');
  assert.equal(response.data.id, 'first');
  const payload = JSON.parse(Buffer.from(response.data.assertion.split('~')[1].split('.')[1], 'base64url'));
  assert.equal(payload.aud, stack.provider);
  // The site's page takes no answer but from its own popup at the service's origin.
  await page.click('#sign-out');
  const real = await openDialog(page);
  await screen(real, 'pick_email');
  await page.evaluate((bundle) => {
    window.postMessage({ t: 'bid:response', id: 'first', assertion: bundle, email: 'x@y.example' }, '*');
  }, response.data.assertion);
  await page.waitForTimeout(300);
  assert.equal(await page.getAttribute('body', 'data-email'), '');
  assert.ok(!real.isClosed());
});

scenario('14a: without a popup: there and back by navigation, the state serves once', async ({ context, page }) => {
  const email = fresh();
  await signUp(context, page, stack, email);
  await page.click('#sign-out');
  let back = '';
  page.on('request', (r) => r.isNavigationRequest() && r.url().includes('bid_response') && (back = r.url()));
  page.on('framenavigated', (f) => f.url().includes('bid_response') && (back = f.url()));
  await page.goto(stack.site + '/redirect');
  await page.click('#sign-in');
  await page.waitForURL(stack.service + '/sign_in*');
  await screen(page, 'pick_email');
  await page.click('[data-screen=pick_email] button.main');
  await page.waitForURL(stack.site + '/redirect');
  await signedIn(page, email);
  assert.ok(!page.url().includes('#'), 'the fragment is gone');
  await page.click('#sign-out');
  // The same answer again, and one of nobody's state: neither is believed.
  for (const state of ['AAAAAAAAAAAAAAAAAAAAAA']) {
    const forged = Buffer.from(JSON.stringify({ state, assertion: 'x', email })).toString('base64url');
    await page.goto(`${stack.site}/redirect#bid_response=${forged}`);
    await page.reload();
    await page.waitForTimeout(500);
    assert.equal(await page.getAttribute('body', 'data-email'), '');
  }
  if (back) {
    await page.goto('about:blank');
    await page.goto(back);
    await page.waitForTimeout(500);
    assert.equal(await page.getAttribute('body', 'data-email'), '');
  }
});

scenario('14b: a page isolated by its opener policy goes the other way by itself', async ({ context, page }) => {
  const email = fresh();
  await signUp(context, page, stack, email);
  await page.click('#sign-out');
  await page.goto(stack.site + '/isolated');
  await page.locator('#sign-in').waitFor({ state: 'visible' });
  await page.click('#sign-in');
  await page.waitForURL(stack.service + '/sign_in*');
  await screen(page, 'pick_email');
  await page.click('[data-screen=pick_email] button.main');
  await page.waitForURL(stack.site + '/isolated');
  await signedIn(page, email);
});

scenario('14c: a provider that cuts the opener off: the answer comes through the site', async ({ page }) => {
  const email = fresh('provider.example');
  await stack.control({ mode: 'ask', coop: true, deny_frames: true });
  try {
    const dialog = await openDialog(page, stack.site + '/stateless');
    await typeEmail(dialog, email);
    await signInAtProvider(dialog, stack);
    await signedIn(page, email);
  } finally {
    await stack.control({ mode: 'ask', coop: false, deny_frames: false });
  }
});

for (const [path, name] of [['/get', 'get()'], ['/old', 'code of 2012']])
  scenario(`an old site works unchanged: ${name}`, async ({ context, page }) => {
    const email = fresh();
    await signUp(context, page, stack, email, stack.site + path);
    await page.click('#sign-out');
    await page.locator('#sign-in').waitFor({ state: 'visible' });
  });

scenario('keyboard alone: a new account', async ({ context, page }) => {
  const email = fresh();
  await page.goto(stack.site + '/stateless');
  await page.focus('#sign-in');
  const [dialog] = await Promise.all([page.waitForEvent('popup'), page.keyboard.press('Enter')]);
  await screen(dialog, 'email');
  await dialog.keyboard.type(email);
  await dialog.keyboard.press('Enter');
  await screen(dialog, 'set_password');
  await dialog.keyboard.press('Escape');
  await screen(dialog, 'email');
  await dialog.keyboard.press('Enter');
  await screen(dialog, 'set_password');
  await dialog.keyboard.type(password);
  await dialog.keyboard.press('Tab');
  assert.equal(await dialog.evaluate(() => document.activeElement.dataset.reveal), 'set-password');
  await dialog.keyboard.press('Tab');
  await dialog.keyboard.press('Enter');
  await screen(dialog, 'check_email');
  const mail = await stack.mail(email);
  const tab = await context.newPage();
  await tab.goto(mail.link);
  await tab.locator('[data-part=confirm]').waitFor({ state: 'visible' });
  await tab.keyboard.press('Tab');
  await tab.keyboard.press('Enter');
  await tab.locator('[data-part=done]').waitFor({ state: 'visible' });
  await signedIn(page, email);
});

scenario('a returning person with a certificate: no request between the click and the answer', async ({ context, page }) => {
  const email = fresh();
  await signUp(context, page, stack, email);
  const make = async () => {
    await page.click('#sign-out');
    const dialog = await openDialog(page);
    await screen(dialog, 'pick_email');
    await dialog.waitForLoadState('networkidle');
    return dialog;
  };
  // Trust the computer, so that key and certificate are kept.
  const own = await context.newPage();
  await own.goto(stack.service + '/about');
  await own.evaluate(() => {
    const all = JSON.parse(localStorage.getItem('usersComputer'));
    for (const id of Object.keys(all)) all[id] = { state: 'confirmed', updated: Date.now() };
    localStorage.setItem('usersComputer', JSON.stringify(all));
  });
  await own.close();
  const count = async (dialog) => {
    const seen = [];
    dialog.on('request', (r) => seen.push(new URL(r.url()).pathname));
    await dialog.click('[data-screen=pick_email] button.main');
    await signedIn(page, email);
    return seen;
  };
  assert.deepEqual(await count(await make()), ['/wsapi/cert_key'], 'without a certificate: one');
  assert.deepEqual(await count(await make()), [], 'with one: none');
});

for (const [locale, lang, dir] of [['tlh', 'en', 'ltr'], ['de-CH', 'de', 'ltr'], ['ar', 'ar', 'rtl'], ['ja', 'ja', 'ltr'], ['en-XA', 'en-XA', 'ltr']])
  scenario(`17: locale ${locale}`, async ({ page }) => {
    const dialog = await openDialog(page, stack.site + '/stateless');
    await screen(dialog, 'email');
    assert.equal(await dialog.getAttribute('html', 'lang'), lang);
    assert.equal(await dialog.getAttribute('html', 'dir'), dir);
    const heading = await dialog.locator('[data-screen=email] h1').textContent();
    if (lang === 'en-XA') assert.match(heading, /^\[.*~\]?/);
    else if (lang !== 'en') assert.notEqual(heading, 'What is your email address?');
  }, { locale });
