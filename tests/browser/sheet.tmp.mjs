import { chromium } from 'playwright-core';
import { readFileSync } from 'node:fs';
const [out, ...files] = process.argv.slice(2);
const b = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
const p = await b.newPage({ viewport: { width: 1500, height: 400 } });
await p.setContent('<body style="margin:8px;background:#888;display:flex;flex-wrap:wrap;gap:8px;align-items:flex-start">' + files.map((f) => `<figure style="margin:0;font:12px sans-serif"><img style="height:440px;display:block" src="data:image/png;base64,${readFileSync(f).toString('base64')}">${f.split('/').pop()}</figure>`).join(''));
await p.waitForTimeout(200);
await p.screenshot({ path: out, fullPage: true });
await b.close();
