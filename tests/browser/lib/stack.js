/** The real service with the example site, provider and mailbox on free ports and *.localhost names,
 *  so that they are cross-site to each other; in one process, or in one process a role. */

import { spawn } from 'node:child_process';
import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const top = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
const build = process.env.PERSONA_BUILD_DIR || join(top, 'build');
const host = join(build, 'bin', 'persona-host');

/** Ports that were free a moment ago; held together so that they differ. */
async function freePorts(count) {
  const servers = await Promise.all(Array.from({ length: count }, () => new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => resolve(server));
  })));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

const roles = ['keysigner', 'dbwriter', 'browserid', 'verifier', 'static', 'router'];
/** What each role knows of the common options: in a process of its own, an unknown one is an error. */
const known = {
  keysigner: ['public_url', 'extension_algorithms', 'domain_key', 'secrets'], verifier: ['public_url', 'extension_algorithms', 'domain_key', 'discovery_overrides'],
  static: ['public_url', 'domain_key'], router: ['public_url'], 'example-site': ['public_url'],
};
const commonOf = (role, common) => {
  const mine = known[role] ? Object.fromEntries(Object.entries(common).filter(([name]) => known[role].includes(name))) : common;
  return role === 'keysigner' ? { ...mine, secrets: { roles: common.secrets.roles } } : mine;
};
const examples = ['example-site', 'example-provider', 'example-mailbox'];

/** YAML is a superset of JSON, so that is how configurations are written here. */
const yaml = (value) => JSON.stringify(value, null, 1);

function describe({ dir, ports, names, options }) {
  const at = (role) => `127.0.0.1:${ports[role]}`;
  const url = (role) => `http://${at(role)}`;
  const common = {
    public_url: names.service,
    extension_algorithms: ['ES256', 'Ed25519'],
    domain_key: { public_file: `${dir}/domain.json` },
    secrets: { roles: `${dir}/secrets/roles`, class: `${dir}/secrets/class`, cookie: `${dir}/secrets/cookie`, passwords: `${dir}/secrets/passwords` },
    database: { driver: 'sqlite', file: `${dir}/persona.db` },
    discovery_overrides: { 'provider.example': `${names.provider}|${url('example-provider')}/.well-known/browserid` },
    bcrypt_work_factor: 6,
    ...options.common,
  };
  const config = {
    keysigner: { domain_key: { file: `${dir}/domain.pem` } },
    dbwriter: { mail: { transport: 'file', directory: `${dir}/mail` }, min_time_between_emails: options.mailInterval || '1ms' },
    static: { development: true, debug_language: 'en-XA', ...options.static },
    'example-site': { origin: names.site },
    'example-provider': { origin: names.provider, domain: 'provider.example', key_file: `${dir}/provider.pem` },
    'example-mailbox': { directory: `${dir}/mail` },
  };
  const service = (id) => ({ id, module: `${id}.so`, ...(config[id] ? { config: config[id] } : {}),
    ...(id === 'router' ? { depends_on: options.shape === 'split' ? ['static'] : ['browserid', 'static'] } : {}) });
  const listener = (id) => ({ name: id, address: at(id), service: id,
    ...(options.shape === 'split' && id !== 'router' && !examples.includes(id) ? { trusted_proxies: ['127.0.0.1/32'] } : {}), ...(id === 'router' && options.tls ? { tls: options.tls } : {}) });
  const executors = {
    default: { threads: 4, queue: 1024, deadline: '10s' }, api: { threads: 4, queue: 1024, deadline: '10s' },
    writes: { threads: 8, queue: 1024, deadline: '10s' }, passwords: { threads: 4, queue: 64, deadline: '10s' },
  };
  const shared = { log: { level: 'info' }, executors, common };
  if (options.shape !== 'split') {
    return [{ name: 'all', config: {
      process: 'all', state_dir: `${dir}/state`, admin: { address: `127.0.0.1:${ports.admin0}` }, ...shared,
      listeners: [...roles, ...examples].map(listener),
      upstreams: roles.filter((r) => r !== 'router').map((name) => ({ name, address: `inproc:${name}` })),
      services: [...roles, ...examples].map(service),
    } }];
  }
  const processes = [...roles.map((r) => [r]), examples];
  return processes.map((ids, i) => ({ name: ids[0], config: {
    process: ids[0], state_dir: `${dir}/state-${ids[0]}`, admin: { address: `127.0.0.1:${ports['admin' + i]}` }, ...shared, common: commonOf(ids[0], common),
    listeners: ids.map(listener),
    upstreams: roles.filter((r) => r !== 'router').map((name) => ({ name, addresses: [url(name)] })),
    services: ids.map((id) => {
      const s = service(id);
      if (id === 'router') s.depends_on = ['static'];
      return s;
    }),
  } }));
}

/** Waits for the line that says "ready:"; what the process said last is in the error. */
function ready(child, name, log) {
  return new Promise((resolve, reject) => {
    const stop = setTimeout(() => reject(new Error(`${name} is not ready after 180 s:\n${log.text}`)), 180000);
    const look = (chunk) => {
      log.text += chunk;
      if (/ready:/.test(log.text)) {
        clearTimeout(stop);
        resolve();
      }
    };
    child.stderr.on('data', look);
    child.stdout.on('data', look);
    child.on('exit', (code) => {
      clearTimeout(stop);
      reject(new Error(`${name} ended with ${code}:\n${log.text}`));
    });
  });
}

/** @param {{shape?: 'single' | 'split', static?: object, common?: object, tls?: object, mailInterval?: string}} options */
export async function startStack(options = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'persona-browser-'));
  mkdirSync(join(dir, 'secrets'), { mode: 0o700 });
  const all = [...roles, ...examples, ...Array.from({ length: 8 }, (_, i) => `admin${i}`)];
  const numbers = await freePorts(all.length);
  const ports = Object.fromEntries(all.map((name, i) => [name, numbers[i]]));
  const scheme = options.tls ? 'https' : 'http';
  const names = {
    service: `${scheme}://login.localhost:${ports.router}`,
    site: `http://site.localhost:${ports['example-site']}`,
    provider: `http://mail.localhost:${ports['example-provider']}`,
    mailbox: `http://127.0.0.1:${ports['example-mailbox']}`,
    static: `http://127.0.0.1:${ports.static}`,
  };
  const children = [];
  const logs = [];
  const stop = async () => {
    await Promise.all(children.map((child) => new Promise((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) return resolve();
      child.removeAllListeners('exit');
      const kill = setTimeout(() => child.kill('SIGKILL'), 8000);
      child.on('exit', () => {
        clearTimeout(kill);
        resolve();
      });
      child.kill('SIGTERM');
    })));
    rmSync(dir, { recursive: true, force: true });
  };
  const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PERSONA_')));
  try {
    for (const { name, config } of describe({ dir, ports, names, options })) {
      const file = join(dir, `${name}.yaml`);
      writeFileSync(file, yaml(config));
      const child = spawn(host, ['run', file], { cwd: top, env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
      children.push(child);
      const log = { name, text: '' };
      logs.push(log);
      await ready(child, name, log);
    }
  } catch (e) {
    await stop();
    throw e;
  }
  /** The newest mail to an address that has a link to follow (notices have none), awaited. */
  const mail = async (to, after = '') => {
    for (let i = 0; i < 150; i++) {
      const mails = await (await fetch(`${names.mailbox}/api/mails`)).json();
      const found = mails.find((m) => m.to.includes(to) && m.id > after && m.link);
      if (found) return found;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`no mail to ${to} in 15 s; logs:\n${logs.map((l) => l.name + ': ' + l.text.slice(-2000)).join('\n')}`);
  };
  const control = (change) => fetch(`http://127.0.0.1:${ports['example-provider']}/control`, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(change),
  });
  /** The same URL by number, for programs that do not know *.localhost. */
  const plain = (url) => url.replace(/\/\/[a-z]+\.localhost/, '//127.0.0.1');
  return { ...names, plain, ports, dir, stop, mail, control, logs };
}
