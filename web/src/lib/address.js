/** E-mail addresses and passwords as the server takes them (wsapi.md 3.4, EMAIL-2). */

/** The address with its domain as A-labels and in lower case; null: not an address.
 *  @param {string} text */
export function normalise(text) {
  const trimmed = text.trim();
  const at = trimmed.lastIndexOf('@');
  if (at < 1) return null;
  const local = trimmed.slice(0, at);
  let domain = trimmed.slice(at + 1);
  try {
    // The URL parser is every browser's IDNA.
    if (/[^\x00-\x7f]/.test(domain)) domain = new URL('https://' + domain).hostname;
  } catch {
    return null;
  }
  domain = domain.toLowerCase();
  const atom = /^[A-Za-z0-9_!#$%&'*+\-/=?^{}~`|]+(\.[A-Za-z0-9_!#$%&'*+\-/=?^{}~`|]+)*$/;
  const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
  const labels = domain.split('.');
  const good = atom.test(local) && local.length <= 64 && labels.length >= 2 && domain.length <= 253 &&
    labels.every((l) => label.test(l)) && local.length + 1 + domain.length <= 254;
  return good ? `${local}@${domain}` : null;
}

/** @param {string} email */
export const domainOf = (email) => email.slice(email.lastIndexOf('@') + 1);

/** @param {string} password */
export const passwordFits = (password) => password.length >= 8 && password.length <= 80;
