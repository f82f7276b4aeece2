/** Calls to the API when the session changes under a page. */

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { AccountChanged, Wsapi } from '../../web/src/lib/wsapi.js';

globalThis.document ??= /** @type {any} */ ({});
globalThis.location ??= /** @type {any} */ ({ protocol: 'https:' });

/** What the service has: a session, whose token a call must bear. */
let session;
/** @type {{path: string, body: any}[]} */
let calls;
beforeEach(() => {
  session = { authenticated: true, userid: 1, csrf_token: 'a', server_time: 0 };
  calls = [];
});
const api = () => new Wsapi({
  fetch: async (path, init) => {
    const body = init.body && JSON.parse(init.body);
    calls.push({ path, body });
    if (path.startsWith('/wsapi/session_context')) return new Response(JSON.stringify(session));
    return body.csrf === session.csrf_token ? new Response('{"success":true}')
      : new Response('{"reason":"CSRF violation"}', { status: 400 });
  },
});

test('a token that grew old is fetched anew, once', async () => {
  const a = api();
  await a.session();
  session.csrf_token = 'b';
  assert.deepEqual(await a.post('account_cancel', {}), { success: true });
  assert.deepEqual(calls.filter((c) => c.body).map((c) => c.body.csrf), ['a', 'b']);
});

test('what was begun in one account is not done to another', async () => {
  for (const other of [{ authenticated: true, userid: 2 }, { authenticated: false, userid: 1 }]) {
    const a = api();
    session = { ...session, authenticated: true, userid: 1, csrf_token: 'a' };
    await a.session();
    session = { ...session, ...other, csrf_token: 'b' };
    calls = [];
    await assert.rejects(a.post('account_cancel', {}), AccountChanged);
    assert.equal(calls.filter((c) => c.path.includes('account_cancel') && c.body.csrf === 'b').length, 0);
    // The page knows the new account now; what is begun in it is done.
    assert.deepEqual(await a.post('account_cancel', {}), { success: true });
  }
});

test('the service hears for which site a dialog is', async () => {
  const a = api();
  await a.session();
  a.origin = 'https://site.example';
  await a.sameAccount();
  assert.deepEqual(calls.map((c) => c.path),
    ['/wsapi/session_context', '/wsapi/session_context?origin=https%3A%2F%2Fsite.example']);
});
