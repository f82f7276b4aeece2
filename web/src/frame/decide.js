/** Which event a site hears (the table of frontend.md 1.2). Pure. */

/** @typedef {{believed: string | null | undefined, cookies: boolean, shared: boolean,
 *  authenticated: boolean, email?: string | null, assertion?: string}} Facts */

/** @param {Facts} f @returns {{event: '' | 'login' | 'logout' | 'match', believed: string | null | undefined}} */
export function decide(f) {
  const { believed } = f;
  const none = /** @type {const} */ ('');
  if (!f.cookies) return { event: none, believed };
  if (!f.shared) {
    // The frame has a storage of its own; whether there is a session is all that it can know.
    if (f.authenticated) return { event: none, believed };
    return believed === null ? { event: 'match', believed } : { event: 'logout', believed: null };
  }
  const email = f.email ?? null;
  if (email === believed) return { event: 'match', believed };
  if (email !== null) return f.assertion ? { event: 'login', believed: email } : { event: none, believed: email };
  return believed !== null ? { event: 'logout', believed: null } : { event: 'match', believed };
}
