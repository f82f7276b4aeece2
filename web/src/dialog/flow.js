/** What the dialog must know again when its window comes back to it: kept for this window alone, one
 *  hour. The flow is used once, on the way back from a provider's page, where the private key waits in
 *  IndexedDB (frontend.md 2.2, 2.3). A request that came by navigation serves until it is answered. */

import { random } from '../lib/base64url.js';

/** @typedef {import('./channel.js').Request} Request */
/** @typedef {{email: string, add: boolean, info: any, request: Request, state: string, after?: string,
 *  userid: unknown, pubkey?: string, created: number}} Flow `userid` of whoever was signed in */

const flowName = 'bid_flow';
const requestName = 'bid_request';
const life = 3600 * 1000;

/** @param {string} name @param {object} record */
const write = (name, record) => sessionStorage.setItem(name, JSON.stringify({ ...record, created: Date.now() }));

/** @param {string} name @returns {any} */
function read(name) {
  try {
    const record = JSON.parse(sessionStorage.getItem(name) || 'null');
    return record && Date.now() - record.created < life ? record : null;
  } catch {
    return null;
  }
}

/** @param {string} name */
function remove(name) {
  try {
    sessionStorage.removeItem(name);
  } catch {
    // blocked: there was nothing
  }
}

/** @param {Omit<Flow, 'state' | 'created'>} flow @returns {string} its state */
export function saveFlow(flow) {
  const state = random();
  write(flowName, { ...flow, state });
  return state;
}

/** @returns {Flow | null} and it is gone */
export function takeFlow() {
  const flow = read(flowName);
  remove(flowName);
  return flow;
}

/** Reloading and going back lead to a window without the fragment. Only what was accepted is kept: it
 *  is believed later without the signs by which it was. @param {Request} request */
export function keepRequest(request) {
  if (request.transport !== 'redirect') return forgetRequest();
  try {
    write(requestName, { request });
  } catch {
    // blocked: reloading ends the sign-in
  }
}
/** @returns {Request | null} */
export const keptRequest = () => read(requestName)?.request || null;
export const forgetRequest = () => remove(requestName);
