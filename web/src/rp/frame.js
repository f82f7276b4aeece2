/** The hidden frame of the service: silent events where the browser lets it see its own storage
 *  (frontend.md 1.2, 6.2). Elsewhere it says nothing but "evaluated". */

const askAgain = 500;
const askFor = 10000;

/** @param {string} service @param {{login: (a: string) => void, logout: () => void,
 *  match: () => void, evaluated: () => void, loggedOut: () => void}} hear */
export function createFrame(service, hear) {
  /** @type {HTMLIFrameElement | null} */
  let frame = null;
  let ready = false;
  /** @type {any[]} */
  const waiting = [];

  /** @param {any} message */
  const post = (message) => {
    if (!ready || !frame || !frame.contentWindow) waiting.push(message);
    else frame.contentWindow.postMessage({ t: 'bid:frame', v: 1, ...message }, service);
  };

  addEventListener('message', (event) => {
    if (!frame || event.source !== frame.contentWindow || event.origin !== service) return;
    const m = event.data;
    if (!m || m.t !== 'bid:frame' || m.v !== 1) return;
    if (m.op === 'ready') {
      ready = true;
      for (const message of waiting.splice(0)) post(message);
    } else if (m.op === 'login' && typeof m.assertion === 'string') hear.login(m.assertion);
    else if (m.op === 'logout') hear.logout();
    else if (m.op === 'match') hear.match();
    else if (m.op === 'evaluated') hear.evaluated();
    else if (m.op === 'loggedOut') hear.loggedOut();
  });

  const attach = () => {
    frame = document.createElement('iframe');
    frame.src = service + '/communication_iframe';
    frame.hidden = true;
    frame.style.display = 'none';
    frame.tabIndex = -1;
    frame.setAttribute('aria-hidden', 'true');
    frame.setAttribute('title', 'sign-in status');
    frame.setAttribute('allow', 'identity-credentials-get; storage-access');
    document.body.appendChild(frame);
    // When a popup opens while the frame loads, Chromium at times loses the frame's first word, and its
    // load event too. So the frame is asked until it is heard; the question carries nothing.
    const asking = setInterval(() => {
      if (ready) clearInterval(asking);
      else frame?.contentWindow?.postMessage({ t: 'bid:frame', v: 1, op: 'hello' }, '*');
    }, askAgain);
    setTimeout(() => clearInterval(asking), askFor);
  };
  if (document.body) attach();
  else addEventListener('DOMContentLoaded', attach);

  return { post };
}
