/** Calls to the service's API (wsapi.md 4). One object a page: it holds the CSRF token and the
 *  difference between the server's clock and this computer's. */

import { ability, answer } from './work.js';

/** Why a call failed, in a form that screens turn into words. */
export class ApiError extends Error {
  /** @param {string} call @param {number} status 0: no answer came
   *  @param {{retryAfter?: number, reason?: string, challenge?: import('./work.js').Challenge}} [more] */
  constructor(call, status, more = {}) {
    super(`${call}: ${status} ${more.reason || ''}`);
    this.call = call;
    this.status = status;
    this.retryAfter = more.retryAfter;
    this.reason = more.reason || '';
    this.challenge = more.challenge;
  }
}

/** Another tab signed in as somebody else, or out: what a person began here was meant for the account of
 *  then. Nothing was sent. */
export class AccountChanged extends Error {}

const slowAfter = 10000;
const patience = 60000;
const mostChallenges = 3;

export class Wsapi {
  /** @param {{onSlow?: (slow: boolean) => void, onWork?: import('./work.js').Progress, fetch?: typeof fetch,
   *  language?: string}} [options] */
  constructor(options = {}) {
    this.options = options;
    /** @type {any} */
    this.context = null;
    this.clockOffset = 0;
    /** The site that the dialog serves; mails name no other (docs/decisions/0022). */
    this.origin = '';
    this.turning = new AbortController();
  }

  /** The person turned away: a call that is being paid for, or waits for its time, is not sent again.
   *  What is on its way already cannot be called back. */
  abandon() {
    this.turning.abort();
    this.turning = new AbortController();
  }

  /** The server's time, ms; this computer's clock may be years off. */
  now() {
    return Date.now() + this.clockOffset;
  }

  /** Sends a call; what the service asks for in between is done, and the call sent again.
   *  @param {string} call @param {RequestInit} init @param {string} query */
  async send(call, init, query = '') {
    const { signal } = this.turning;
    let headers = { ...init.headers, ...ability() };
    for (let round = 0; ; round++) {
      try {
        return await this.sendOnce(call, { ...init, headers }, query);
      } catch (e) {
        if (!(e instanceof ApiError) || !e.challenge || round === mostChallenges) throw e;
        const proof = await answer(e.challenge, this.options.onWork, signal);
        if (!proof) throw e;
        headers = { ...headers, 'BID-Work': proof };
      }
    }
  }

  /** @param {string} call @param {RequestInit} init @param {string} query */
  async sendOnce(call, init, query) {
    const { onSlow } = this.options;
    const slow = setTimeout(() => onSlow?.(true), slowAfter);
    const stop = new AbortController();
    const giveUp = setTimeout(() => stop.abort(), patience);
    try {
      const response = await (this.options.fetch || fetch)('/wsapi/' + call + query, {
        credentials: 'same-origin', cache: 'no-store', redirect: 'error', signal: stop.signal, ...init,
      });
      const text = await response.text();
      if (response.ok) return text;
      /** @type {any} */
      let body = {};
      try {
        body = JSON.parse(text);
      } catch {
        body = { reason: text };
      }
      const wait = Number(response.headers.get('retry-after'));
      const { kind, challenge, ticket, wait_ms: waitMs } = body || {};
      throw new ApiError(call, response.status, {
        retryAfter: wait > 0 ? wait : undefined, reason: body?.reason,
        challenge: response.status === 429 && body?.reason === 'challenge' ? { kind, challenge, ticket, waitMs } : undefined,
      });
    } catch (e) {
      if (e instanceof ApiError) throw e;
      throw new ApiError(call, 0, { reason: String(e) });
    } finally {
      clearTimeout(slow);
      clearTimeout(giveUp);
      onSlow?.(false);
    }
  }

  /** @param {string} call @param {Record<string, string>} [args] @returns {Promise<any>} */
  async get(call, args) {
    const query = args ? '?' + new URLSearchParams(args) : '';
    return this.parse(call, await this.send(call, { headers: { Accept: 'application/json' } }, query));
  }

  /** The body as text: certificates and `OK`. @param {string} call @param {Record<string, unknown>} args */
  async postText(call, args) {
    if (!this.context) await this.session();
    /** @param {string} csrf */
    const post = (csrf) => this.send(call, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
      body: JSON.stringify({ ...args, csrf }),
    });
    try {
      return await post(this.context.csrf_token);
    } catch (e) {
      // The session changed under this page: once more with its new token, if the account is the same.
      const stale = e instanceof ApiError &&
        ((e.status === 403 && /no cookie/.test(e.reason)) || (e.status === 400 && /CSRF/.test(e.reason)));
      if (!stale) throw e;
      await this.sameAccount();
      return post(this.context.csrf_token);
    }
  }

  /** @param {string} call @param {Record<string, unknown>} args @returns {Promise<any>} */
  async post(call, args) {
    return this.parse(call, await this.postText(call, args));
  }

  /** @param {string} call @param {string} text */
  parse(call, text) {
    try {
      return JSON.parse(text);
    } catch {
      throw new ApiError(call, 0, { reason: 'the answer is not JSON' });
    }
  }

  /** session_context, with the cookie probe. */
  async session() {
    document.cookie = 'can_set_cookies=1; path=/; SameSite=Lax' + (location.protocol === 'https:' ? '; Secure' : '');
    const before = Date.now();
    this.context = await this.get('session_context', this.origin ? { origin: this.origin } : undefined);
    // Half of the way there and back is a better guess than the moment of either end.
    this.clockOffset = this.context.server_time - (before + Date.now()) / 2;
    return this.context;
  }

  /** The session as it is now; throws AccountChanged when that is another account's. */
  async sameAccount() {
    const before = this.context?.authenticated ? this.context.userid : null;
    const { authenticated, userid } = await this.session();
    if ((authenticated ? userid : null) !== before) throw new AccountChanged('the account changed');
  }

  /** Addresses of the account; empty when nobody is signed in. @returns {Promise<string[]>} */
  async emails() {
    return this.context?.authenticated ? (await this.get('list_emails')).emails : [];
  }

  /** A call that changed the session made a new CSRF token. @param {Record<string, any>} change */
  async renew(change = {}) {
    Object.assign(this.context || {}, change);
    return this.session();
  }
}
