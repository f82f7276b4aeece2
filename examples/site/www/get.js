document.getElementById('sign-in').addEventListener('click', () => {
  navigator.id.get((assertion) => {
    if (assertion) signIn(assertion);
    else document.body.dataset.cancelled = 'yes';
  }, { siteName: 'Three Things' });
});
document.getElementById('sign-out').addEventListener('click', signOut);
begin(paint);
