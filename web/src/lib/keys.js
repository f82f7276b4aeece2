/** The person's keys: made by WebCrypto, not extractable, kept in IndexedDB beside their certificate
 *  (frontend.md 5, D-3; protocol.md 1.3 to 1.6, 6). */

import { decodeJson, encode, encodeJson } from './base64url.js';

/** @typedef {{id: string, email: string, issuer: string, alg: string, keys: CryptoKeyPair,
 *  pubkey: string, cert: string, ephemeral: boolean, created: number, unverified?: boolean}} KeyRecord */

const soon = 2 * 60 * 1000;         // a certificate that ends within this is no good any more
const assertionLife = 2 * 60 * 1000;

/** @type {Map<string, KeyRecord>} where IndexedDB is closed to us (private windows of some browsers) */
const memory = new Map();

/** @returns {Promise<IDBDatabase>} */
function database() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open('bid', 1);
    request.onupgradeneeded = () => request.result.createObjectStore('keys', { keyPath: 'id' });
    request.onsuccess = () => resolve(request.result);
    request.onerror = request.onblocked = () => reject(request.error);
  });
}

/** @template T @param {IDBTransactionMode} mode @param {(store: IDBObjectStore) => IDBRequest<T>} work
 *  @returns {Promise<T>} */
async function transact(mode, work) {
  const db = await database();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = db.transaction('keys', mode);
      const request = work(transaction.objectStore('keys'));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    db.close();
  }
}

/** @param {string} email @param {string} issuer */
const idOf = (email, issuer) => `${issuer} ${email}`;

/** @param {string} email @param {string} issuer @returns {Promise<KeyRecord | undefined>} */
export async function loadKey(email, issuer) {
  const id = idOf(email, issuer);
  try {
    // What could not be written is newer than what was.
    return memory.get(id) || (await transact('readonly', (s) => s.get(id)));
  } catch {
    return memory.get(id);
  }
}

/** @param {Omit<KeyRecord, 'id'>} record */
export async function saveKey(record) {
  const whole = { ...record, id: idOf(record.email, record.issuer) };
  try {
    await transact('readwrite', (s) => s.put(whole));
    memory.delete(whole.id);
  } catch {
    memory.set(whole.id, whole);
  }
}

/** @param {string} email @param {string} issuer */
export async function dropKey(email, issuer) {
  memory.delete(idOf(email, issuer));
  await transact('readwrite', (s) => s.delete(idOf(email, issuer))).catch(() => {});
}

/** Whoever issued them. @param {string} email */
export async function dropKeysOf(email) {
  const ends = ' ' + email;
  await forget((id) => id.endsWith(ends)).catch(() => {});
}

/** Keys that wait for a provider's answer stand under an issuer that no host name can be. */
const waiting = 'pending:';
/** @param {string} state of the flow */
export const pendingIssuer = (state) => waiting + state;

/** Everything of the account that was signed in; what is under way with a provider goes on.
 *  @param {boolean} [all] that too */
export async function forgetKeys(all = false) {
  await forget((id) => all || !id.startsWith(waiting)).catch(() => memory.clear());  // no database: memory is all
}

/** @param {(id: string) => boolean} which */
async function forget(which) {
  for (const id of [...memory.keys()].filter(which)) memory.delete(id);
  const ids = /** @type {string[]} */ (await transact('readonly', (s) => s.getAllKeys()));
  for (const id of ids.filter(which)) await transact('readwrite', (s) => s.delete(id));
}

/** A decimal number from base64url octets. @param {string} text */
function decimal(text) {
  const hex = [...atob(text.replace(/-/g, '+').replace(/_/g, '/'))].map((c) => c.charCodeAt(0).toString(16).padStart(2, '0')).join('');
  return BigInt('0x' + hex).toString(10);
}

const algorithms = {
  ES256: {
    make: { name: 'ECDSA', namedCurve: 'P-256' },
    sign: { name: 'ECDSA', hash: 'SHA-256' },
    /** @param {JsonWebKey} k */
    publicKey: (k) => ({ algorithm: 'ES', crv: 'P-256', x: k.x, y: k.y }),
  },
  // For deployments with sites whose verifiers know no other: the form of 2012.
  RS256: {
    make: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) },
    sign: { name: 'RSASSA-PKCS1-v1_5' },
    /** @param {JsonWebKey} k */
    publicKey: (k) => ({ algorithm: 'RS', n: decimal(k.n || ''), e: decimal(k.e || '') }),
  },
};

/** The first of the server's algorithms that this browser has. @param {string[] | undefined} offered */
export const chooseAlgorithm = (offered) =>
  /** @type {keyof algorithms} */ ((offered || ['ES256']).find((name) => name in algorithms) || 'ES256');

/** @param {string[] | undefined} offered user_key_algs of session_context */
export async function makeKey(offered) {
  const alg = chooseAlgorithm(offered);
  const { make, publicKey } = algorithms[alg];
  const keys = /** @type {CryptoKeyPair} */ (await crypto.subtle.generateKey(make, false, ['sign', 'verify']));
  const pubkey = JSON.stringify(publicKey(await crypto.subtle.exportKey('jwk', keys.publicKey)));
  return { alg, keys, pubkey };
}

/** The payload of a certificate or assertion, unverified. @param {string} token @returns {any} */
export function payloadOf(token) {
  const parts = token.split('.');
  if (parts.length !== 3) throw new Error('not a token');
  return decodeJson(parts[1]);
}

/** Whether a certificate says what was asked for: this key, this address, and not over soon.
 *  @param {string} cert @param {string} pubkey @param {string} email @param {number} now server time */
export function certificateFits(cert, pubkey, email, now) {
  try {
    const p = payloadOf(cert);
    const mine = JSON.parse(pubkey);
    const theirs = p['public-key'] || p.publicKey;
    const sameKey = theirs && Object.keys(mine).every((name) => mine[name] === theirs[name]);
    const address = p.principal?.email ?? p.principal?.['unverified-email'] ?? p.sub;
    return !!sameKey && typeof address === 'string' && address.toLowerCase() === email.toLowerCase() &&
      Number(p.exp) - now >= soon;
  } catch {
    return false;
  }
}

/** Whether a stored certificate may still be used (frontend.md 3.3).
 *  @param {KeyRecord} record @param {number} now @param {number} domainKeyCreated 0: another issuer's
 *  @param {boolean} [unproved] whether one for an address that nobody proved will do */
export function isUsable(record, now, domainKeyCreated, unproved = false) {
  try {
    const p = payloadOf(record.cert);
    if (!unproved && p.principal?.email === undefined && p.principal?.['unverified-email'] !== undefined) return false;
    return Number(p.exp) - now >= soon && !(domainKeyCreated && p.iat !== undefined && Number(p.iat) < domainKeyCreated);
  } catch {
    return false;
  }
}

/** cert~assertion for an audience. @param {KeyRecord} record @param {string} audience origin
 *  @param {number} now server time */
export async function makeAssertion(record, audience, now) {
  const { sign } = algorithms[/** @type {keyof algorithms} */ (record.alg)];
  const text = `${encodeJson({ alg: record.alg })}.${encodeJson({ exp: Math.round(now) + assertionLife, aud: audience })}`;
  const signature = await crypto.subtle.sign(sign, record.keys.privateKey, new TextEncoder().encode(text));
  return `${record.cert}~${text}.${encode(new Uint8Array(signature))}`;
}
