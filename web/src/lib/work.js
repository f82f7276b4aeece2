/** Answers a challenge of the service (anti-abuse.md 4): by work in the background, or by waiting
 *  where the browser cannot. The solver is a script of its own, fetched when it is needed. */

import { decode } from './base64url.js';

/** @typedef {{kind: string, challenge?: string, ticket?: string, waitMs?: number}} Challenge */
/** @typedef {(seconds: number, part: number) => void} Progress what is left, about, and what is done of
 *  the whole, 0 to 1; seconds 0: over */

/** What a client says of itself before it is challenged. @returns {Record<string, string>} */
export const ability = () => (globalThis.crypto?.subtle ? {} : { 'BID-Work-Alg': 's256' });

/** The value of BID-Work for the request when it is sent again; empty: nothing can be done here, or
 *  nobody wants it any more.
 *  @param {Challenge} c @param {Progress} [progress] @param {AbortSignal} [signal] @returns {Promise<string>} */
export async function answer(c, progress = () => {}, signal) {
  if (signal?.aborted) return '';
  try {
    if (c.kind === 'work' && c.challenge)
      return await solve(c.challenge, progress, signal).catch(() => (signal?.aborted ? '' : 'wait'));
    if (c.kind === 'wait' && c.ticket) return await pause(c.ticket, c.waitMs || 10000, progress, signal);
    return '';
  } finally {
    progress(0, 1);
  }
}

/** @param {string} ticket @param {number} ms @param {Progress} progress @param {AbortSignal} [signal] */
async function pause(ticket, ms, progress, signal) {
  const end = Date.now() + ms;
  for (let left = ms; left > 0; left = end - Date.now()) {
    progress(Math.ceil(left / 1000), 1 - left / ms);
    await new Promise((resolve) => {
      setTimeout(resolve, Math.min(left, 1000));
      signal?.addEventListener('abort', resolve, { once: true });
    });
    if (signal?.aborted) return '';
  }
  return ticket;
}

/** v1.<alg>.<c>.<k>.<d>.<exp>.<route>.<bind>.<seed>.<kid>.<mac> @param {string} text */
export function readChallenge(text) {
  const f = text.split('.');
  const [count, bits] = [Number(f[3]), Number(f[4])];
  if (f.length !== 11 || f[0] !== 'v1' || !(count >= 1 && count <= 16) || !(bits >= 3 && bits <= 32))
    throw new Error('a challenge that this page does not know');
  const zeros = bits - Math.log2(count);
  return { puzzle: { algorithm: f[1], iterations: Number(f[2]), seed: decode(f[8]) }, count, zeros };
}

/** Where the page says that the solver is; on this origin, where alone a worker may come from. */
function workerUrl() {
  const script = document.querySelector('script[data-work]');
  const url = new URL(script?.getAttribute('data-work') || '', location.href);
  return location.origin + url.pathname;
}

function startWorker() {
  const url = workerUrl();
  /** @type {any} */
  const trusted = /** @type {any} */ (globalThis).trustedTypes;
  return new Worker(trusted ? policy(trusted).createScriptURL(url) : url);
}
/** @type {any} */
let made;
/** @param {any} trusted */
const policy = (trusted) => (made ??= trusted.createPolicy('work', { createScriptURL: (/** @type {string} */ u) => u }));

/** @param {string} text @param {Progress} progress @param {AbortSignal} [signal] @returns {Promise<string>} */
async function solve(text, progress, signal) {
  const { puzzle, count, zeros } = readChallenge(text);
  const number = Math.max(1, Math.min(4, count, Math.ceil((navigator.hardwareConcurrency || 2) / 2)));
  const begun = performance.now();
  /** @type {number[]} */
  const found = [];
  /** @type {Worker[]} */
  const workers = [];
  const tried = new Array(number).fill(0);
  let solved = 0;
  return new Promise((resolve, reject) => {
    signal?.addEventListener('abort', reject, { once: true });
    for (let i = 0; i < number; i++) {
      const worker = startWorker();
      workers.push(worker);
      worker.onerror = () => reject(new Error('the worker failed'));
      worker.onmessage = ({ data }) => {
        tried[i] = data.made;
        if (data.part !== undefined) {
          found[data.part] = data.n;
          solved++;
        }
        if (solved === count) return resolve(`${text};n=${found.join(',')}`);
        // Chance has no memory: what is left is as long as ever for each part that is not found.
        const all = tried.reduce((a, b) => a + b, 0);
        const left = (count - solved) * 2 ** zeros;
        progress(Math.max(1, Math.ceil(((performance.now() - begun) / all) * left / 1000)), all / (all + left));
      };
      const parts = Array.from({ length: count }, (_, part) => part).filter((part) => part % number === i);
      worker.postMessage({ puzzle, parts, zeros });
    }
  }).finally(() => workers.forEach((worker) => worker.terminate()));
}
