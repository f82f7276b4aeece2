// The site's own page: its session is the server's cookie, and whoever that names is signed in.
const $ = (id) => document.getElementById(id);

async function call(path, body) {
  const response = await fetch(path, body === undefined ? {} : {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.reason || `the site answered ${response.status}`);
  return answer;
}

function paint(state) {
  const { email, items } = state;
  document.body.dataset.email = email || '';
  for (const node of document.querySelectorAll('[data-when]')) node.hidden = (node.dataset.when === 'in') !== Boolean(email);
  for (const node of document.querySelectorAll('[data-address]')) node.textContent = email || '';
  $('fault').hidden = true;
  $('items').replaceChildren(...items.map((item, index) => {
    const box = document.createElement('input');
    box.type = 'checkbox';
    box.checked = item.done;
    box.addEventListener('change', () => {
      call('/api/todo', { toggle: index }).then(paint, (error) => {
        box.checked = item.done;
        return recover(error);
      });
    });
    const text = document.createElement('span');
    text.textContent = item.text;
    text.className = item.done ? 'done' : '';
    const label = document.createElement('label');
    label.append(box, text);
    const row = document.createElement('li');
    row.append(label);
    return row;
  }));
}

const complain = (what) => (error) => {
  $('fault').hidden = false;
  $('fault').textContent = `${what}: ${error.message}`;
};

// What was not done must not look done: the page shows what the server has, and says why.
async function recover(error) {
  await session().then(paint, () => {});
  complain('That did not work')(error);
}

// What comes out of onlogin goes to the site's server, which asks the verifier.
const signIn = (assertion) => call('/api/sign-in', { assertion }).then(paint, complain('Signing in did not work'));
const signOut = () => call('/api/sign-out', {}).then(paint, complain('Signing out did not work'));
const session = () => call('/api/session');
// Each page starts with what the server knows.
const begin = (start) => session().then(start, complain('This page could not be shown, load it again'));

$('add').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = $('text').value.trim();
  $('text').value = '';
  if (text) call('/api/todo', { add: text }).then(paint, recover);
});
