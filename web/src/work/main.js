/** The worker that solves parts of a proof of work; loaded when one is asked for, and by nobody else. */

import { tries } from './hash.js';

const reportEvery = 200;

addEventListener('message', async (/** @type {MessageEvent} */ { data }) => {
  const { puzzle, parts, zeros } = data;
  let made = 0;
  let told = performance.now();
  for (const part of parts) {
    const attempt = tries(puzzle, part);
    for (let n = 0; ; n++) {
      const head = await attempt(n);
      made++;
      if (zeros >= 32 ? head === 0 : head >>> (32 - zeros) === 0) {
        postMessage({ part, n, made });
        break;
      }
      if ((n & 63) === 0 && performance.now() - told > reportEvery) {
        told = performance.now();
        postMessage({ made });
      }
    }
  }
});
