/** Debian's Chromium, driven headless, in a fresh profile. */

import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

const executablePath = process.env.CHROMIUM || '/usr/bin/chromium';
const args = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];

export async function launch() {
  if (!existsSync(executablePath)) throw new Error(`no ${executablePath}; run scripts/packages test, or set CHROMIUM`);
  return chromium.launch({ executablePath, headless: true, args });
}

/** A context of its own: cookies, storage and window size of one person. Requests to anywhere but
 *  the hosts in `allowed` end the test. */
export async function person(browser, options = {}) {
  const context = await browser.newContext({ locale: 'en-US', viewport: { width: 1000, height: 760 }, ignoreHTTPSErrors: true, ...options });
  context.setDefaultTimeout(45000);
  context.faults = [];
  context.on('request', (request) => {
    const url = new URL(request.url());
    const local = ['localhost', '127.0.0.1'].includes(url.hostname) || url.hostname.endsWith('.localhost');
    if (/^https?:$/.test(url.protocol) && !local) context.faults.push(`request to ${url.origin}`);
  });
  context.on('weberror', (error) => context.faults.push(`page error: ${error.error()}`));
  context.on('console', (entry) => {
    // A provider that forbids framing is a case of its own, and not a fault of ours.
    if (/X-Frame-Options/.test(entry.text())) return;
    if (/Content Security Policy|Refused to|TrustedHTML|Mixed Content/i.test(entry.text())) context.faults.push(`console: ${entry.text()}`);
  });
  return context;
}

/** The popup that a click opens. */
export async function popupOf(page, click) {
  const [popup] = await Promise.all([page.waitForEvent('popup'), click()]);
  return popup;
}

/** Waits until the dialog shows that screen. */
export const screen = (dialog, name) => dialog.locator(`[data-screen="${name}"]`).waitFor({ state: 'visible' });
