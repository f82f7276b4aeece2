/** Small helpers. Text goes in as text, never as markup. */

/** @param {string} selector @param {ParentNode} [within] @returns {any} throws when it is not there */
export function one(selector, within = document) {
  const found = within.querySelector(selector);
  if (!found) throw new Error(`no ${selector}`);
  return found;
}

/** @param {string} selector @param {ParentNode} [within] @returns {any[]} */
export const every = (selector, within = document) => [...within.querySelectorAll(selector)];

/** @param {string} tag @param {Record<string, any>} [attributes] @param {(Node | string)[]} children @returns {any} */
export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) node.setAttribute(name, '');
    else if (value !== false && value !== undefined) node.setAttribute(name, String(value));
  }
  node.append(...children);
  return node;
}

/** Buttons that show what is in a password field. @param {(shown: boolean) => string} label */
export function wireReveals(label) {
  for (const button of every('[data-reveal]')) {
    const input = one('#' + button.dataset.reveal);
    button.addEventListener('click', () => {
      const shown = input.type === 'password';
      input.type = shown ? 'text' : 'password';
      button.textContent = label(shown);
      button.setAttribute('aria-pressed', String(shown));
      input.focus();
    });
  }
}

/** Says what is wrong with a field, at the field, and goes there.
 *  @param {HTMLInputElement} input @param {HTMLElement} place @param {string} text */
export function fault(input, place, text) {
  place.textContent = text;
  place.hidden = !text;
  if (text) {
    input.setAttribute('aria-invalid', 'true');
    input.focus();
  } else input.removeAttribute('aria-invalid');
}
