// The site's own page: its session is the server's cookie, and whoever that names is signed in.
const $ = (id) => document.getElementById(id);

async function call(path, body) {
  const response = await fetch(path, body === undefined ? {} : {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.reason);
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
    box.addEventListener('change', () => call('/api/todo', { toggle: index }).then(paint));
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

function complain(error) {
  $('fault').hidden = false;
  $('fault').textContent = `Signing in did not work: ${error.message}`;
}

// What comes out of onlogin goes to the site's server, which asks the verifier.
const signIn = (assertion) => call('/api/sign-in', { assertion }).then(paint, complain);
const signOut = () => call('/api/sign-out', {}).then(paint, complain);
const session = () => call('/api/session');

$('add').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = $('text').value.trim();
  $('text').value = '';
  if (text) call('/api/todo', { add: text }).then(paint, complain);
});
