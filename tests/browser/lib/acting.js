/** Answers of the API as this test wants them, so that every screen can be reached at once. For how
 *  screens look and whether they can be used; what the service really answers is in the scenarios. */

const token = 'a'.repeat(48);
export const links = { token, url: (stack, path) => `${stack.service}${path}?token=${token}` };

export const seed = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');
/** A challenge as the router's chain words it; `bits` say how long it takes. */
export const challengeOf = (algorithm, bits) =>
  `v1.${algorithm}.250.4.${bits}.1900000000.5.AAAAAAAAAAA.${seed.toString('base64url')}.20833.BBBBBBBBBBBBBBBBBBBBBB`;

/** The router's answer to a request that is to be paid for. `body`: kind, and challenge or ticket and wait_ms. */
export const refuse = (route, body) => route.fulfill({
  status: 429, headers: { 'Retry-After': '1', 'BID-Challenge': body.challenge || body.kind },
  contentType: 'application/json', body: JSON.stringify({ success: false, reason: 'challenge', ...body }),
});

/** @param {any} context @param {any} stack @param {Record<string, any>} own answers by call: a value, a status, 'never', or a function that answers the route */
export async function act(context, stack, own = {}) {
  const answers = {
    session_context: { csrf_token: 'x', server_time: Date.now(), authenticated: false, cookies: true, has_password: false,
      domain_key_creation_time: 0, data_sample_rate: 0, user_key_algs: ['ES256'], random_seed: '' },
    list_emails: { success: true, emails: ['ann@example.org', 'bea.with-a-rather-long-name@an-even-longer-domain.example', 'anne@work.example'] },
    stage_user: { success: true }, stage_reset: { success: true }, stage_email: { success: true },
    user_creation_status: { status: 'pending' }, password_reset_status: { status: 'pending' },
    email_for_token: { success: true, email: 'ann@example.org', must_auth: false, needs_password: false },
    complete_user_creation: { success: true }, complete_reset: { success: true }, complete_unblock: { success: true }, report_not_me: { success: true },
    authenticate_user: { success: false, reason: 'authentication failed' },
    ...own,
  };
  await context.unroute('**/wsapi/**').catch(() => {});
  await context.route('**/wsapi/**', async (route) => {
    const url = new URL(route.request().url());
    const call = url.pathname.split('/').pop();
    let answer = answers[call];
    if (call === 'address_info' && !answer) {
      const state = (url.searchParams.get('email') || '').split('@')[0];
      const primary = ['primary', 'transition_to_primary'].includes(state);
      answer = primary
        ? { type: 'primary', state: state === 'primary' ? 'known' : state, issuer: 'provider.example', auth: stack.provider + '/auth', prov: stack.provider + '/nothing-here' }
        : { type: 'secondary', state, issuer: 'login.localhost', disabled: false };
    }
    if (answer === 'never') return;
    if (typeof answer === 'function') return answer(route);
    if (typeof answer === 'number') return route.fulfill({ status: answer, headers: { 'retry-after': '42' }, body: 'no' });
    if (answer === undefined) return route.fulfill({ status: 404, body: call });
    await route.fulfill({ contentType: 'application/json', body: JSON.stringify(answer) });
  });
}

export const signedIn = (level = 'password') => ({
  session_context: { csrf_token: 'x', server_time: Date.now(), authenticated: true, auth_level: level, cookies: true, has_password: true,
    domain_key_creation_time: 0, userid: 7, data_sample_rate: 0, user_key_algs: ['ES256'], random_seed: '' },
});
