const log = document.getElementById('log');
const events = [];
window.events = events;
function note(name, value) {
  events.push({ name, value });
  log.textContent += `${new Date().toLocaleTimeString()} ${name} ${value === undefined ? '' : String(value).slice(0, 120)}\n`;
}
const observers = {};
for (const name of ['onlogin', 'onlogout', 'onmatch', 'onready']) observers[name] = (value) => note(name, value);
const options = (id) => JSON.parse(document.getElementById(id).value);
function attempt(work) {
  try {
    work();
  } catch (error) {
    note('threw', error.message);
  }
}
document.getElementById('do-watch').addEventListener('click', () => attempt(() => navigator.id.watch({ ...observers, ...options('watch') })));
document.getElementById('do-request').addEventListener('click', () => attempt(() => navigator.id.request({ oncancel: () => note('oncancel'), ...options('request') })));
document.getElementById('do-get').addEventListener('click', () => attempt(() => navigator.id.get((assertion) => note('get', assertion), options('get'))));
document.getElementById('do-logout').addEventListener('click', () => attempt(() => navigator.id.logout()));
