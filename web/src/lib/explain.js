/** What went wrong, in words that a person can act on. */

import { duration, t } from './i18n.js';
import { AccountChanged, ApiError } from './wsapi.js';

/** @param {unknown} error @returns {{title: string, text: string, remedy: string, code: string}} */
export function explain(error) {
  const gone = error instanceof AccountChanged;
  const e = error instanceof ApiError ? error : new ApiError('page', -1, { reason: String(error) });
  const wait = e.retryAfter ? duration(e.retryAfter) : t('duration.while');
  /** @param {string} code @param {Record<string, unknown>} [values] */
  const words = (code, values) => ({
    title: t(`error.${code}.title`), text: t(`error.${code}.text`, values), remedy: t(`error.${code}.remedy`, values), code,
  });
  if (gone || (e.status === 400 && /requires authentication/.test(e.reason))) return words('session');
  if (e.status === 0) return words(navigator.onLine === false ? 'offline' : 'network');
  // Mails to one address are bounded apart from everything else.
  if (e.status === 429) return words(/Too many emails/.test(e.reason) ? 'just_sent' : 'too_many', { wait });
  if (e.status === 403 && /no cookie/.test(e.reason)) return words('cookies');
  if (e.status === 403 && /not allowed/.test(e.reason)) return words('refused');
  if (e.status === 503 || e.status === 502 || e.status === 504) return words('busy', { wait });
  return words('general');
}
