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

/** @param {string | null} text @returns {any} */
function parsed(text) {
  try {
    return JSON.parse(text || 'null');
  } catch {
    return null;
  }
}

/** Whether a change of the service's storage may change what a site hears. The records of other sites
 *  are there too, and are written at every sign-in anywhere.
 *  @param {{key: string | null, oldValue: string | null, newValue: string | null}} change
 *  @param {string} site */
export function isNews({ key, oldValue, newValue }, site) {
  if (key === null) return true;
  if (key !== 'siteInfo' && key !== 'emails') return false;
  const part = key === 'emails' ? 'list' : site;
  return JSON.stringify(parsed(oldValue)?.[part]) !== JSON.stringify(parsed(newValue)?.[part]);
}
