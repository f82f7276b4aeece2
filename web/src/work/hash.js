/** The hashes of a proof of work (docs/decisions/0099): a number as decimal text is the password,
 *  the challenge's seed and one octet, the part, the salt. */

const k = new Uint32Array(64);
const start = new Uint32Array(8);
// The first bits of the fractions of the roots of the primes, rather than 72 numbers in the file.
for (let n = 2, found = 0; found < 64; n++) {
  let prime = true;
  for (let d = 2; d * d <= n && prime; d++) prime = n % d !== 0;
  if (!prime) continue;
  const fraction = (/** @type {number} */ x) => Math.floor((x - Math.floor(x)) * 2 ** 32);
  if (found < 8) start[found] = fraction(Math.sqrt(n));
  k[found++] = fraction(Math.cbrt(n));
}

const w = new Uint32Array(64);
const block = new Uint8Array(64);
const blockView = new DataView(block.buffer);

/** SHA-256 of a text of at most 55 octets; the first 32 bits of the digest. For browsers without
 *  WebCrypto. @param {Uint8Array} text */
export function sha256Head(text) {
  block.fill(0);
  block.set(text);
  block[text.length] = 0x80;
  blockView.setUint32(60, text.length * 8);
  for (let i = 0; i < 16; i++) w[i] = blockView.getUint32(i * 4);
  for (let i = 16; i < 64; i++) {
    const x = w[i - 15];
    const y = w[i - 2];
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  let [a, b, c, d, e, f, g, h] = start;
  for (let i = 0; i < 64; i++) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + k[i] + w[i]) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  return (start[0] + a) >>> 0;
}

const encoder = new TextEncoder();

/** One try at one part. @typedef {{algorithm: string, iterations: number, seed: Uint8Array}} Puzzle */
/** @param {Puzzle} puzzle @param {number} part @returns {(n: number) => number | Promise<number>} the
 *  first 32 bits of what a number gives */
export function tries(puzzle, part) {
  const salt = new Uint8Array(puzzle.seed.length + 1);
  salt.set(puzzle.seed);
  salt[puzzle.seed.length] = part;
  if (puzzle.algorithm === 's256')
    return (n) => {
      const number = encoder.encode(String(n));
      const text = new Uint8Array(salt.length + number.length);
      text.set(salt);
      text.set(number, salt.length);
      return sha256Head(text);
    };
  const how = { name: 'PBKDF2', hash: 'SHA-256', salt, iterations: puzzle.iterations };
  return async (n) => {
    const key = await crypto.subtle.importKey('raw', encoder.encode(String(n)), 'PBKDF2', false, ['deriveBits']);
    return new DataView(await crypto.subtle.deriveBits(how, key, 32)).getUint32(0);
  };
}
