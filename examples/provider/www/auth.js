const email = document.getElementById('email');
navigator.id.beginAuthentication((asked) => {
  email.value = asked;
});
document.getElementById('form').addEventListener('submit', async (event) => {
  event.preventDefault();
  const response = await fetch('/api/login', {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ email: email.value }),
  });
  if (response.ok) navigator.id.completeAuthentication();
  else navigator.id.raiseAuthenticationFailure('not an address of this provider');
});
document.getElementById('cancel').addEventListener('click', () => navigator.id.raiseAuthenticationFailure('cancelled'));
