// The observer form: the site tells who it believes is signed in, and hears when that changes.
document.getElementById('sign-in').addEventListener('click', () => navigator.id.request({
  siteName: 'Three Things', backgroundColor: '#a3401c', termsOfService: '/tos', privacyPolicy: '/privacy',
  oncancel: () => document.body.dataset.cancelled = 'yes',
}));
document.getElementById('sign-out').addEventListener('click', () => {
  navigator.id.logout();
  signOut();
});
begin((state) => {
  paint(state);
  navigator.id.watch({
    loggedInUser: state.email,
    onlogin: signIn,
    onlogout: () => document.body.dataset.email && signOut(),
    onmatch: () => document.body.dataset.matched = 'yes',
    onready: () => document.body.dataset.ready = 'yes',
  });
});
