/** What the dialog must know again when it comes back from a provider's page: kept for this window
 *  alone, one hour, used once (frontend.md 2.2, 2.3). The private key waits in IndexedDB. */

import { random } from '../lib/base64url.js';

/** @typedef {import('./channel.js').Request} Request */
/** @typedef {{email: string, add: boolean, info: any, request: Request, state: string, after?: string,
 *  pubkey?: string, created: number}} Flow */

const name = 'bid_flow';
const life = 3600 * 1000;

/** @param {Omit<Flow, 'state' | 'created'>} flow @returns {string} its state */
export function saveFlow(flow) {
  const state = random();
  sessionStorage.setItem(name, JSON.stringify({ ...flow, state, created: Date.now() }));
  return state;
}

/** @returns {Flow | null} and it is gone */
export function takeFlow() {
  try {
    const text = sessionStorage.getItem(name);
    sessionStorage.removeItem(name);
    const flow = text ? JSON.parse(text) : null;
    return flow && Date.now() - flow.created < life ? flow : null;
  } catch {
    return null;
  }
}
