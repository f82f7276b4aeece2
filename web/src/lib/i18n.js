/** Texts in the page's language, from the JSON that the page carries. */

/** @type {Record<string, string | Record<string, string>> | undefined} */
let messages;

const all = () =>
  (messages ??= JSON.parse(document.getElementById('messages')?.textContent || '{}'));

/** @param {string} text @param {Record<string, unknown>} values */
export const fill = (text, values) =>
  text.replace(/\{([a-z_]+)\}/g, (slot, name) => (name in values ? String(values[name]) : slot));

/** A text; `n` among the values chooses the plural form.
 *  @param {string} key @param {Record<string, any>} [values] */
export function t(key, values = {}) {
  const found = all()[key];
  if (found === undefined) throw new Error(`no text '${key}'`);
  if (typeof found === 'string') return fill(found, values);
  const form = new Intl.PluralRules(document.documentElement.lang).select(Number(values.n));
  return fill(found[form] ?? found.other, { ...values, n: new Intl.NumberFormat(document.documentElement.lang).format(Number(values.n)) });
}

/** A text whose slots are nodes. @param {string} key @param {Record<string, Node | string>} values */
export function nodes(key, values) {
  const fragment = document.createDocumentFragment();
  for (const part of t(key).split(/(\{[a-z_]+\})/)) {
    const name = /^\{([a-z_]+)\}$/.exec(part)?.[1];
    fragment.append(name && name in values ? values[name] : part);
  }
  return fragment;
}

/** Marks a name that becomes a text elsewhere, for the check of the catalogues.
 *  @param {string} key @param {Record<string, unknown>} [values] */
export const message = (key, values) => ({ key, values });

/** How long to wait, in words. @param {number} seconds */
export const duration = (seconds) =>
  seconds < 90 ? t('duration.seconds', { n: Math.max(1, Math.ceil(seconds)) })
    : t('duration.minutes', { n: Math.ceil(seconds / 60) });
