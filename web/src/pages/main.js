/** One bundle for the pages; the page says by data-page which part it wants. */

import { every, wireReveals } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { startAuth } from './auth.js';
import { startHome } from './home.js';
import { startProvision } from './provision.js';
import { startTokenPage } from './token.js';

/** @type {Record<string, () => unknown>} */
const starts = {
  home: startHome,
  token: startTokenPage,
  reset: startTokenPage,
  unblock: startTokenPage,
  not_me: startTokenPage,
  auth: startAuth,
  provision: startProvision,
};

if (every('[data-reveal]').length) wireReveals((shown) => (shown ? t('hide') : t('show')));
starts[document.body.dataset.page || '']?.();
