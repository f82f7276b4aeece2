/** One sign-up and one sign-in over the host's own TLS listener. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { launch, person, screen } from './lib/browser.js';
import { fresh, openDialog, signedIn, signUp } from './lib/flows.js';
import { startStack } from './lib/stack.js';

test('over TLS: Secure cookies, HSTS, no mixed content', { timeout: 120000 }, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'persona-tls-'));
  const files = { certificate_file: join(dir, 'cert.pem'), key_file: join(dir, 'key.pem') };
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=login.localhost',
    '-addext', 'subjectAltName=DNS:login.localhost', '-out', files.certificate_file, '-keyout', files.key_file], { stdio: 'ignore' });
  const stack = await startStack({ tls: files });
  const browser = await launch();
  try {
    const context = await person(browser);
    const page = await context.newPage();
    const email = fresh();
    await signUp(context, page, stack, email);
    const cookies = await context.cookies(stack.service + '/wsapi/session_context');
    const session = cookies.find((c) => c.name.startsWith('browserid_state'));
    assert.ok(session, 'there is a session');
    assert.ok(session.secure && session.httpOnly, JSON.stringify(session));
    assert.equal(session.sameSite, 'Lax');
    assert.ok(cookies.every((c) => c.secure), 'the probe too');
    await page.click('#sign-out');
    const dialog = await openDialog(page);
    await screen(dialog, 'pick_email');
    const response = await dialog.reload();
    assert.equal(response.headers()['strict-transport-security'], 'max-age=31536000; includeSubDomains');
    await dialog.close();
    const again = await openDialog(page);
    await screen(again, 'pick_email');
    await again.click('[data-screen=pick_email] button.main');
    await signedIn(page, email);
    assert.deepEqual(context.faults, []);
  } finally {
    await browser.close();
    await stack.stop();
    rmSync(dir, { recursive: true });
  }
});
