/** What a file of scenarios needs: one service, one browser, and for each scenario a person. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, person } from './browser.js';
import { startStack } from './stack.js';

/** Both are there from the first test of the importing file to its last. */
export let stack;
export let browser;
before(async () => {
  stack = await startStack({ shape: process.env.PERSONA_SHAPE || 'single' });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await stack?.stop();
});

/** A test with a person of its own; whatever went to the wrong place or broke the policy fails it. */
export function scenario(name, work, options) {
  test(name, { timeout: 240000 }, async (t) => {
    const context = await person(browser, options);
    try {
      const page = await context.newPage();
      await work({ context, page, t });
      assert.deepEqual(context.faults, []);
    } finally {
      await context.close();
    }
  });
}
