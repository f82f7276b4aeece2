/** What the service's own origin remembers in this browser (frontend.md 5). JSON under fixed names;
 *  a name whose content is spoilt is cleared. Blocked storage reads as empty and forgets. */

const returnLife = 2 * 3600 * 1000;
const mostReturns = 8;

/** @param {string} name @returns {any} */
function read(name) {
  try {
    const text = localStorage.getItem(name);
    if (text === null) return undefined;
    const value = JSON.parse(text);
    if (value !== null && typeof value === 'object') return value;
    localStorage.removeItem(name);
  } catch {
    try {
      localStorage.removeItem(name);
    } catch {
      // blocked
    }
  }
  return undefined;
}

/** @param {string} name @param {unknown} value */
function write(name, value) {
  try {
    localStorage.setItem(name, JSON.stringify(value));
  } catch {
    // blocked or full: the dialog works without memory
  }
}

/** @param {string[]} names */
function remove(...names) {
  for (const name of names) {
    try {
      localStorage.removeItem(name);
    } catch {
      // blocked
    }
  }
}

function isOpen() {
  try {
    return localStorage !== null;
  } catch {
    return false;
  }
}

/** Unreadable in a frame: the frame has a storage of its own. */
export const markStorage = () => write('storageCheck', { seen: true });
export const storageIsShared = () => read('storageCheck') !== undefined;

/** @typedef {{email?: string, logged_in?: string, one_time?: string, issuer?: string}} SiteRecord */

/** @param {string} origin @returns {SiteRecord} */
export const site = (origin) => read('siteInfo')?.[origin] || {};
/** @param {string} origin @param {SiteRecord} change */
export function updateSite(origin, change) {
  const all = read('siteInfo') || {};
  all[origin] = { ...all[origin], ...change };
  for (const name of Object.keys(all[origin])) if (all[origin][name] === undefined) delete all[origin][name];
  write('siteInfo', all);
}

/** @param {string[]} emails for other tabs, and for the frame @param {unknown} userid whose they are */
export const setEmails = (emails, userid) => write('emails', { list: emails, userid });
/** Whether what is kept here is of another account. @param {unknown} userid */
export const isOther = (userid) => ![undefined, userid].includes(read('emails')?.userid);

const mostLinks = 50;
/** Whose addresses these are, for when nobody is signed in. @param {string[]} emails @param {unknown} userid */
export function linkUser(emails, userid) {
  const all = Object.entries(read('emailToUserID') || {}).filter(([email]) => !emails.includes(email));
  write('emailToUserID', Object.fromEntries([...all, ...emails.map((email) => [email, userid])].slice(-mostLinks)));
}
/** @param {string} email @returns {unknown} undefined: never seen here */
export const userOf = (email) => read('emailToUserID')?.[email];

/** Signed out: nothing of the account stays, but whose computer it is.*/
export function clearAccount() {
  remove('emails', 'siteInfo', 'managePage');
}

/** @typedef {'seen' | 'confirmed' | 'denied'} ComputerState */
/** What was said of this computer, and how long ago; null: nothing yet.
 *  @param {unknown} userid @param {number} now
 *  @returns {{state: ComputerState | 'unreadable', age: number} | null} */
export function computer(userid, now) {
  const all = read('usersComputer');
  if (all === undefined && !isOpen()) return { state: 'unreadable', age: 0 };
  const record = all?.[String(userid)];
  if (!record) return null;
  const known = ['seen', 'confirmed', 'denied'].includes(record.state) && Number.isFinite(record.updated);
  return known ? { state: record.state, age: now - record.updated } : { state: 'unreadable', age: 0 };
}
const month = 30 * 24 * 3600 * 1000;
/** Whether the account's owner said, not too long ago, that this is his computer.
 *  @param {unknown} userid @param {number} now */
export function isOwn(userid, now) {
  const said = userid === undefined ? null : computer(userid, now);
  return said?.state === 'confirmed' && said.age <= month;
}
/** @param {unknown} userid @param {ComputerState} state @param {number} now */
export function setComputer(userid, state, now) {
  const all = read('usersComputer') || {};
  const key = String(userid);
  if (state === 'seen' && all[key]) return;  // "seen" never overwrites an answer
  all[key] = { state, updated: now };
  write('usersComputer', all);
}

/** Where the page behind a mailed link leads on to, by the address that the link is for: a person may
 *  begin at several sites before the first mail arrives.
 *  @returns {{email: string, at: number, url: string, origin: string}[]} */
const returns = () => {
  const { list } = read('returnTo') || {};
  return Array.isArray(list) ? list.filter((r) => Date.now() - r?.at < returnLife) : [];
};
/** @param {string} email */
const returnsBut = (email) => returns().filter((r) => String(r.email).toLowerCase() !== email.toLowerCase());

/** @param {string} email @param {string} url @param {string} origin */
export const setReturnTo = (email, url, origin) =>
  write('returnTo', { list: [{ email, at: Date.now(), url, origin }, ...returnsBut(email)].slice(0, mostReturns) });
/** @param {string} email @returns {{url: string, origin: string} | null} */
export function returnTo(email) {
  const record = returns().find((r) => String(r.email).toLowerCase() === email.toLowerCase());
  if (!record) return null;
  try {
    const url = new URL(record.url);
    if (!/^https?:$/.test(url.protocol) || url.origin !== record.origin) return null;
    return { url: url.href, origin: url.origin };
  } catch {
    return null;
  }
}
/** @param {string} email */
export const clearReturnTo = (email) => write('returnTo', { list: returnsBut(email) });

export const hintSeen = () => read('managePage') !== undefined;
export const setHintSeen = () => write('managePage', { seen: true });
