/** base64url without padding (protocol.md 1.3), of octets and of JSON values. */

/** @param {Uint8Array} octets */
export function encode(octets) {
  let text = '';
  for (const octet of octets) text += String.fromCharCode(octet);
  return btoa(text).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
}

/** @param {string} text @returns {Uint8Array} throws on anything but base64url */
export function decode(text) {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) throw new Error('not base64url');
  const raw = atob(text.replace(/-/g, '+').replace(/_/g, '/'));
  return Uint8Array.from(raw, (c) => c.charCodeAt(0));
}

/** @param {unknown} value */
export const encodeJson = (value) => encode(new TextEncoder().encode(JSON.stringify(value)));

/** @param {string} text */
export const decodeJson = (text) =>
  JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(decode(text)));

/** @param {number} octets how many; 128 bits unless told */
export const random = (octets = 16) => encode(crypto.getRandomValues(new Uint8Array(octets)));
