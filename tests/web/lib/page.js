/** A page of a site, as far as include.js looks at one: what it posts is noted, and what the service's
 *  frame and window say to it is said by the test. Time passes only when the test lets it. */

export const service = 'https://login.example';
const site = 'https://site.example';

/** What a test replaces, to be put back. @type {Map<string, PropertyDescriptor | undefined>} */
const before = new Map();
/** @param {Record<string, unknown>} values */
function replace(values) {
  for (const [name, value] of Object.entries(values)) {
    if (!before.has(name)) before.set(name, Object.getOwnPropertyDescriptor(globalThis, name));
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
}
export function restore() {
  for (const [name, old] of before) {
    if (old) Object.defineProperty(globalThis, name, old);
    else delete globalThis[name];
  }
  before.clear();
}

function clock() {
  let now = 1e12;
  let last = 0;
  /** @type {Map<number, {at: number, every: number, work: () => void}>} */
  const timers = new Map();
  const add = (work, wait, every) => (timers.set(++last, { at: now + (wait || 0), every, work }), last);
  const clear = (id) => timers.delete(id);
  const date = class extends Date {
    static now() {
      return now;
    }
  };
  return {
    globals: {
      setTimeout: (work, wait) => add(work, wait, 0), clearTimeout: clear,
      setInterval: (work, wait) => add(work, wait, wait), clearInterval: clear, Date: date,
    },
    pass(ms) {
      const end = now + ms;
      for (;;) {
        const next = [...timers].filter(([, t]) => t.at <= end).sort((a, b) => a[1].at - b[1].at)[0];
        if (!next) break;
        const [id, timer] = next;
        now = Math.max(now, timer.at);
        if (timer.every) timer.at += timer.every;
        else timers.delete(id);
        timer.work();
      }
      now = end;
    },
  };
}

class Channel {
  postMessage() {}
}

let pages = 0;

/** @param {Map<string, string>} [storage] the site's own, for pages one after the other */
export async function makePage(storage = new Map()) {
  const time = clock();
  /** @type {Record<string, ((event: any) => void)[]>} */
  const listeners = {};
  const frames = [];
  const links = [];
  const page = {
    time, frames, links, storage, focused: true,
    /** The window that opens next; null: none does. @type {any} */
    popup: null,
    /** @param {string} type @param {any} event */
    fire(type, event) {
      for (const hear of [...(listeners[type] || [])]) hear(event);
    },
    /** The frame says something. @param {any} message */
    say(message) {
      page.fire('message', { source: frames[0].contentWindow, origin: service, data: { t: 'bid:frame', v: 1, ...message } });
    },
    told: () => (frames[0]?.told || []).filter((m) => m.op !== 'hello').map((m) => m.op),
    newPopup: () => (page.popup = { closed: false, focus() {}, close() {}, postMessage() {} }),
  };
  class Script {
    src = service + '/include.js';
    getAttribute() {
      return null;
    }
  }
  const make = (tag) => {
    if (tag === 'a') {
      const link = { click: () => links.push(link) };
      return link;
    }
    const frame = { told: [], style: {}, setAttribute() {} };
    frame.contentWindow = { postMessage: (m) => frame.told.push(m) };
    return frame;
  };
  const navigator = {};
  replace({
    ...time.globals,
    addEventListener: (type, hear) => (listeners[type] ??= []).push(hear),
    removeEventListener: (type, hear) => (listeners[type] = (listeners[type] || []).filter((h) => h !== hear)),
    HTMLScriptElement: Script, BroadcastChannel: Channel, navigator,
    document: { currentScript: new Script(), createElement: make, body: { appendChild: (node) => frames.push(node) }, hasFocus: () => page.focused },
    location: { origin: site, href: site + '/', pathname: '/', search: '', hash: '' },
    localStorage: {
      getItem: (name) => storage.get(name) ?? null,
      setItem: (name, text) => storage.set(name, text),
      removeItem: (name) => storage.delete(name),
    },
    open: () => page.popup, matchMedia: () => ({ matches: true }),
  });
  console.warn = () => {};
  await import(`../../../web/src/rp/include.js?page=${++pages}`);
  return Object.assign(page, { id: navigator.id });
}
