var currentUser = null;

function start(state) {
  paint(state);
  currentUser = state.email;
  navigator.id.watch({
    loggedInEmail: currentUser,
    onlogin: function (assertion) {
      signIn(assertion).then(function () { currentUser = document.body.dataset.email; });
    },
    onlogout: function () {
      if (currentUser) signOut();
      currentUser = null;
    },
    onmatch: function () { document.body.dataset.matched = 'yes'; }
  });
}

document.getElementById('sign-in').onclick = function () {
  navigator.id.request({ tosURL: '/tos', privacyURL: '/privacy', siteName: 'Three Things' });
};
document.getElementById('sign-out').onclick = function () { navigator.id.logout(); };
begin(start);
