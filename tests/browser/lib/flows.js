/** What people do, in steps that several scenarios share. */

import { popupOf, screen } from './browser.js';

export const password = 'correct horse battery';

/** Opens the dialog from the site's button. */
export async function openDialog(page, url) {
  if (url) await page.goto(url);
  await page.locator('#sign-in').waitFor({ state: 'visible' });
  return popupOf(page, () => page.click('#sign-in'));
}

export async function typeEmail(dialog, email) {
  await screen(dialog, 'email');
  await dialog.fill('#email', email);
  await dialog.click('[data-screen=email] button.main');
}

export async function typePassword(dialog, text = password) {
  await screen(dialog, 'password');
  await dialog.fill('#password', text);
  await dialog.click('[data-screen=password] button.main');
}

export async function choosePassword(dialog, text = password) {
  await screen(dialog, 'set_password');
  await dialog.fill('#set-password', text);
  await dialog.click('[data-screen=set_password] button.main');
}

/** Opens the link of the newest mail and confirms. */
export async function confirmMail(context, stack, email, { after = '', secret } = {}) {
  const mail = await stack.mail(email, after);
  const page = await context.newPage();
  await page.goto(mail.link);
  if (secret) {
    await page.locator('[data-part=password]').waitFor({ state: 'visible' });
    await page.fill('#token-password', secret);
    await page.click('[data-part=password] button.main');
  } else {
    await page.locator('[data-part=confirm]').waitFor({ state: 'visible' });
    await page.click('[data-part=confirm] button.main');
  }
  await page.locator('[data-part=done]').waitFor({ state: 'visible' });
  await page.close();
  return mail;
}

export const signedIn = (page, email) => page.locator(`body[data-email="${email}"]`).waitFor({ state: 'attached' });

/** A new account, signed in at the page. */
export async function signUp(context, page, stack, email, url = stack.site + '/stateless') {
  const dialog = await openDialog(page, url);
  await typeEmail(dialog, email);
  await choosePassword(dialog);
  await screen(dialog, 'check_email');
  await confirmMail(context, stack, email);
  await signedIn(page, email);
}

/** Says whose computer it is, where the dialog asks; waits for the end of the dialog. */
export async function finish(dialog, page, email, mine = true) {
  const asked = dialog.locator('[data-screen=computer]');
  const done = signedIn(page, email).then(() => 'done');
  const first = await Promise.race([done, asked.waitFor({ state: 'visible' }).then(() => 'asked').catch(() => 'closed')]);
  if (first === 'asked') await dialog.click(mine ? '[data-screen=computer] button.main' : '[data-event=shared]');
  await done;
}

/** The provider's sign-in page, in the dialog's window. */
export async function signInAtProvider(dialog, stack) {
  await dialog.waitForURL(`${stack.provider}/auth*`);
  await dialog.click('#form button.main');
}

let count = 0;
/** An address that no other test has. */
export const fresh = (domain = 'fallback.example') => `p${process.pid}-${++count}@${domain}`;
