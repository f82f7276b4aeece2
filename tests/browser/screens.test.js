/** Every screen: axe finds nothing in light, in dark, at 320 pixels and at four times the size, in
 *  English and in Arabic; a picture of each in every language is kept for people to look at. */

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { act, challengeOf, links, refuse, signedIn } from './lib/acting.js';
import { launch, person, screen } from './lib/browser.js';
import { openDialog, typeEmail } from './lib/flows.js';
import { startStack } from './lib/stack.js';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const pictures = process.env.PERSONA_SCREENSHOTS || '/tmp/persona-screenshots';
const languages = ['en', 'de', 'es', 'fr', 'pt', 'ja', 'ar', 'en-XA'];

let stack;
let browser;
before(async () => {
  mkdirSync(pictures, { recursive: true });
  stack = await startStack();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await stack?.stop();
});

const submit = (page, name) => page.click(`[data-screen=${name}] form button.main`);
const dialogAt = async (page) => {
  const dialog = await openDialog(page, stack.site + '/');
  return dialog;
};
const typed = (local, then) => async (page, context) => {
  await act(context, stack);
  const dialog = await dialogAt(page);
  await typeEmail(dialog, `${local}@example.org`);
  return then ? then(dialog, context) : dialog;
};
const picker = (more, then) => async (page, context) => {
  await act(context, stack, { ...signedIn(), ...more });
  const dialog = await dialogAt(page);
  await screen(dialog, 'pick_email');
  return then ? then(dialog, context) : dialog;
};

/** A sign-in that the anti-abuse chain answers with that. */
const challenged = (body, then) => async (page, context) => {
  await act(context, stack, { authenticate_user: (route) => refuse(route, body), stage_unblock: { success: true } });
  const dialog = await dialogAt(page);
  await typeEmail(dialog, 'known@example.org');
  await dialog.fill('#password', 'whatever');
  await submit(dialog, 'password');
  return then ? then(dialog) : dialog;
};

/** How to get to each screen: name -> [what must be visible, way]. */
const ways = {
  'dialog-loading': ['[data-screen=loading]', async (page, context) => {
    await act(context, stack, { session_context: 'never' });
    return dialogAt(page);
  }],
  'dialog-email': ['[data-screen=email]', async (page, context) => {
    await act(context, stack);
    return dialogAt(page);
  }],
  'dialog-email-fault': ['#email-fault', typed('nobody', async (dialog) => {
    await dialog.click('#back');
    await dialog.fill('#email', 'no address');
    await submit(dialog, 'email');
    return dialog;
  })],
  'dialog-from-site': ['#leave-text', async (page, context) => {
    await act(context, stack);
    await page.goto(stack.site + '/redirect');
    await page.click('#sign-in');
    await screen(page, 'email');
    return page;
  }],
  'dialog-password': ['[data-screen=password]', typed('known')],
  'dialog-password-wrong': ['#password-fault', typed('known', async (dialog) => {
    await dialog.fill('#password', 'wrong one');
    await submit(dialog, 'password');
    return dialog;
  })],
  'dialog-too-many': ['[data-screen=password] [data-notice]', async (page, context) => {
    await act(context, stack, { authenticate_user: 429 });
    const dialog = await dialogAt(page);
    await typeEmail(dialog, 'known@example.org');
    await dialog.fill('#password', 'whatever');
    await submit(dialog, 'password');
    return dialog;
  }],
  'dialog-work': ['#work', challenged({ kind: 'work', challenge: challengeOf('pbkdf2', 24) })],
  'dialog-wait': ['#work', challenged({ kind: 'wait', ticket: 'w1.ticket', wait_ms: 600000 })],
  'dialog-prove': ['[data-screen=prove]', challenged({ kind: 'mail' })],
  'dialog-prove-sent': ['[data-screen=prove_sent]', challenged({ kind: 'mail' }, async (dialog) => {
    await screen(dialog, 'prove');
    await submit(dialog, 'prove');
    return dialog;
  })],
  'dialog-forgot': ['[data-screen=forgot]', typed('known', async (dialog) => {
    await dialog.click('[data-event=forgot]');
    return dialog;
  })],
  'dialog-set-password': ['[data-screen=set_password]', typed('unknown')],
  'dialog-set-password-transition': ['[data-screen=set_password]', typed('transition_no_password')],
  'dialog-check-email': ['[data-screen=check_email]', typed('unknown', async (dialog) => {
    await dialog.fill('#set-password', 'correct horse battery');
    await submit(dialog, 'set_password');
    return dialog;
  })],
  'dialog-just-sent': ['[data-screen=set_password] [data-notice]', async (page, context) => {
    await act(context, stack, { stage_user: (route) => route.fulfill({ status: 429, headers: { 'retry-after': '42' },
      body: 'Too Many Requests: Too many emails sent to that address, try again later.' }) });
    const dialog = await dialogAt(page);
    await typeEmail(dialog, 'unknown@example.org');
    await dialog.fill('#set-password', 'correct horse battery');
    await submit(dialog, 'set_password');
    return dialog;
  }],
  'dialog-pick': ['[data-screen=pick_email]', picker({}, async (dialog) => {
    await dialog.check('input[value="ann@example.org"]');
    return dialog;
  })],
  'dialog-add': ['[data-screen=add_email]', picker({}, async (dialog) => {
    await dialog.click('[data-event=add]');
    return dialog;
  })],
  'dialog-verify': ['[data-screen=primary_verify]', typed('transition_to_primary')],
  'dialog-leaving': ['[data-screen=primary_leaving]', typed('primary')],
  'dialog-offline': ['[data-screen=primary_offline]', typed('offline')],
  'dialog-failed': ['[data-screen=primary_failed]', async (page, context) => {
    await act(context, stack);
    await page.goto(stack.service + '/about');
    await page.evaluate((flow) => sessionStorage.setItem('bid_flow', JSON.stringify(flow)), {
      email: 'ann@provider.example', add: false, after: 'auth', state: 's', created: Date.now(),
      info: { type: 'primary', issuer: 'provider.example' },
      request: { transport: 'popup', origin: stack.site, id: '1', state: 's', params: { rp_api: 'stateless', siteName: 'Three Things' } },
    });
    await page.goto(stack.service + '/sign_in#bidc=e30');
    return page;
  }],
  'dialog-computer': ['[data-screen=computer]', async (page, context) => {
    await page.goto(stack.service + '/about');
    await page.evaluate(() => localStorage.setItem('usersComputer', JSON.stringify({ 7: { state: 'seen', updated: Date.now() - 90000 } })));
    return picker({ address_info: { type: 'secondary', state: 'known', issuer: 'login.localhost' } }, async (dialog) => {
      await dialog.check('input[value="ann@example.org"]');
      await submit(dialog, 'pick_email');
      return dialog;
    })(page, context);
  }],
  'dialog-signing-in': ['[data-screen=signing_in]', picker({ cert_key: 'never', address_info: { type: 'secondary', state: 'known', issuer: 'login.localhost' } }, async (dialog) => {
    await dialog.check('input[value="ann@example.org"]');
    await submit(dialog, 'pick_email');
    return dialog;
  })],
  'dialog-busy': ['[data-screen=error]', async (page, context) => {
    await act(context, stack, { session_context: 503 });
    return dialogAt(page);
  }],
  'dialog-cookies': ['[data-screen=error]', async (page, context) => {
    await act(context, stack, { session_context: { ...signedIn().session_context, authenticated: false, cookies: false } });
    return dialogAt(page);
  }],
  'dialog-improper': ['[data-screen=error]', async (page, context) => {
    await act(context, stack);
    await page.goto(stack.site + '/console');
    await page.evaluate(() => navigator.id.watch({ onlogin() {} }));
    const [dialog] = await Promise.all([page.waitForEvent('popup'), page.evaluate(() => navigator.id.request({ backgroundColor: 'red' }))]);
    return dialog;
  }],
  'dialog-no-site': ['[data-screen=error]', async (page, context) => {
    await act(context, stack);
    await page.goto(stack.service + '/sign_in');
    return page;
  }],
  'dialog-unvouched': ['[data-screen=error]', async (page, context) => {
    await act(context, stack);
    const request = { v: 1, origin: stack.site, state: 's', params: { rp_api: 'stateless' } };
    await page.goto(stack.service + '/sign_in#bid=' + Buffer.from(JSON.stringify(request)).toString('base64url'));
    return page;
  }],
  'home': ['#signed-out', async (page, context) => {
    await act(context, stack);
    await page.goto(stack.service + '/');
    return page;
  }],
  'account': ['#signed-in', async (page, context) => {
    await act(context, stack, signedIn());
    await page.goto(stack.service + '/');
    await page.locator('#signed-in').waitFor({ state: 'visible' });
    await page.click('#password-open');
    return page;
  }],
  'account-confirm': ['#confirm', async (page, context) => {
    await act(context, stack, signedIn());
    await page.goto(stack.service + '/');
    await page.locator('#signed-in').waitFor({ state: 'visible' });
    await page.click('#cancel-account');
    return page;
  }],
};
for (const [name, path, part, answers, go] of [
  ['token-confirm', '/verify_email_address', 'confirm'],
  ['token-password', '/verify_email_address', 'password', { email_for_token: { success: true, email: 'ann@example.org', must_auth: true } }],
  ['token-done', '/verify_email_address', 'done', {}, true],
  ['token-fault', '/confirm', 'fault', { email_for_token: { success: false } }],
  ['reset', '/reset_password', 'password'],
  ['unblock', '/unblock', 'confirm'],
  ['not-me', '/not_me', 'confirm'],
  ['not-me-done', '/not_me', 'done', {}, true],
])
  ways[name] = [`[data-part=${part}]`, async (page, context) => {
    await act(context, stack, answers);
    await page.goto(links.url(stack, path));
    if (go) await page.click('[data-part=confirm] button.main');
    return page;
  }];
for (const [name, path] of [['about', '/about'], ['tos', '/LANG/tos'], ['privacy', '/LANG/privacy'], ['missing', '/no-such-page'],
  ['unsupported', '/unsupported_dialog'], ['unsupported-without-watch', '/unsupported_dialog_without_watch'], ['cookies-disabled', '/cookies_disabled'],
  ['auth', '/auth?email=ann@example.org']])
  ways[name] = ['main h1', async (page, context, language) => {
    await act(context, stack);
    await page.goto(stack.service + path.replace('LANG', language));
    return page;
  }];

/** Shows a screen to `look`. */
async function visit(name, language, options, look) {
  const context = await person(browser, { locale: language, viewport: { width: 440, height: 660 }, reducedMotion: 'reduce', bypassCSP: false, ...options });
  try {
    const page = await context.newPage();
    const [selector, way] = ways[name];
    const shown = await way(page, context, language);
    if (shown !== page) await shown.setViewportSize(options.viewport || { width: 440, height: 660 });
    await shown.locator(selector).first().waitFor({ state: 'visible' });
    await look(shown);
    assert.deepEqual(context.faults, []);
  } finally {
    await context.close();
  }
}

/** What axe finds, in the words of a person who has to mend it. axe runs in an isolated world: the
 *  page's policy forbids foreign scripts, as it should. */
async function violations(page) {
  const session = await page.context().newCDPSession(page);
  const { frameTree } = await session.send('Page.getFrameTree');
  const { executionContextId } = await session.send('Page.createIsolatedWorld', { frameId: frameTree.frame.id, worldName: 'axe' });
  await session.send('Runtime.evaluate', { expression: axe, contextId: executionContextId });
  const { result } = await session.send('Runtime.evaluate', {
    contextId: executionContextId, awaitPromise: true, returnByValue: true,
    expression: `axe.run(document, { iframes: false }).then((r) => JSON.stringify(r.violations.map((v) => v.id + ': ' + v.nodes.map((n) => n.target.join(' ') + ' ' + n.failureSummary).join(' | '))))`,
  });
  await session.detach();
  return JSON.parse(result.value);
}

/** Content wider than the window: what makes a person scroll sideways. */
const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

const settings = [
  ['light', 'en', {}], ['dark', 'en', { colorScheme: 'dark' }], ['narrow', 'en', { viewport: { width: 320, height: 600 } }],
  // 400 % of a window of 1280 pixels.
  ['zoomed', 'de', { viewport: { width: 320, height: 256 } }], ['arabic', 'ar', {}], ['arabic-dark-narrow', 'ar', { colorScheme: 'dark', viewport: { width: 320, height: 600 } }],
];
/** Fewer of everything while one works on a page: names separated by commas. */
const chosen = (variable, all, name = (x) => x) => {
  const names = process.env[variable]?.split(',');
  return names ? all.filter((x) => names.includes(name(x))) : all;
};
const wanted = chosen('PERSONA_SCREENS', Object.keys(ways));

for (const name of wanted)
  test(`screen ${name}`, { timeout: 180000 }, async (t) => {
    for (const [setting, language, options] of chosen('PERSONA_SETTINGS', settings, ([setting]) => setting))
      await t.test(setting, () => visit(name, language, options, async (page) => {
        await page.screenshot({ path: `${pictures}/${name}-${setting}.png`, fullPage: true });
        assert.deepEqual(await violations(page), []);
        assert.ok((await overflow(page)) <= 0, 'the page is wider than its window');
        assert.equal(await page.locator('h1:visible').count(), 1, 'one heading');
      }));
    for (const language of chosen('PERSONA_LANGUAGES', languages))
      await t.test(`picture ${language}`, () => visit(name, language, {}, async (page) => {
        await page.screenshot({ path: `${pictures}/${name}-in-${language}.png`, fullPage: true });
        assert.ok((await overflow(page)) <= 0, 'the page is wider than its window');
      }));
  });
