/** The sources of web/ by TypeScript's checker, with their JSDoc types. */

import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));

test('types of web/src', () => {
  execFileSync(process.execPath, [join(here, 'node_modules/typescript/bin/tsc'), '-p', join(here, '../../web/src/tsconfig.json')],
    { stdio: ['ignore', 'inherit', 'inherit'] });
});
