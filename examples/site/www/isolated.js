document.getElementById('sign-in').addEventListener('click', () => navigator.id.request({ siteName: 'Three Things' }));
document.getElementById('sign-out').addEventListener('click', signOut);
// Only now: an answer that came back by navigation must not be painted over by an older one.
begin((state) => {
  paint(state);
  navigator.id.watch({ onlogin: signIn });
});
