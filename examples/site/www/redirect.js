navigator.id.watch({ onlogin: signIn });
document.getElementById('sign-in').addEventListener('click', () => navigator.id.request({
  siteName: 'Three Things', transport: 'redirect', oncancel: () => document.body.dataset.cancelled = 'yes',
}));
document.getElementById('sign-out').addEventListener('click', signOut);
session().then(paint);
