const $ = (id) => document.getElementById(id);
let known = '';
let open = '';

async function refresh() {
  try {
    const mails = await (await fetch('/api/mails')).json();
    const state = JSON.stringify(mails.map((m) => m.id));
    if (state === known) return;
    known = state;
    $('empty').hidden = mails.length > 0;
    $('list').replaceChildren(...mails.map((mail) => {
      const button = document.createElement('button');
      const subject = document.createElement('strong');
      const about = document.createElement('span');
      subject.textContent = mail.subject;
      about.textContent = `${mail.to} · ${new Date(mail.at).toLocaleTimeString()}`;
      button.append(subject, about);
      button.dataset.id = mail.id;
      button.addEventListener('click', () => show(mail));
      const item = document.createElement('li');
      item.append(button);
      return item;
    }));
    if (!open && mails.length) show(mails[0]);
    mark();
  } catch {
    // The service restarts; the next look will tell.
  }
}

function mark() {
  for (const button of $('list').querySelectorAll('button'))
    button.setAttribute('aria-current', String(button.dataset.id === open));
}

async function show(mail) {
  open = mail.id;
  $('mail').hidden = false;
  $('subject').textContent = mail.subject;
  $('to').textContent = mail.to;
  $('link').hidden = !/^https?:/.test(mail.link);
  $('link').href = mail.link;
  $('html').src = `/mail/${mail.id}.html`;
  $('text').textContent = await (await fetch(`/mail/${mail.id}.txt`)).text();
  mark();
}

function choose(text) {
  $('html').hidden = text;
  $('text').hidden = !text;
  $('tab-html').setAttribute('aria-selected', String(!text));
  $('tab-text').setAttribute('aria-selected', String(text));
}
$('tab-html').addEventListener('click', () => choose(false));
$('tab-text').addEventListener('click', () => choose(true));
refresh();
setInterval(refresh, 1500);
