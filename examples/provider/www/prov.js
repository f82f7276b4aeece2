// Runs in a hidden frame of the sign-in window, or in that window itself: the code is the same.
navigator.id.beginProvisioning(async (email, duration) => {
  const who = await (await fetch('/api/whoami')).json();
  if (!who.always && who.email !== email) {
    navigator.id.raiseProvisioningFailure('not signed in as ' + email);
    return;
  }
  navigator.id.genKeyPair(async (pubkey) => {
    const response = await fetch('/api/cert_key', {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ email, pubkey, duration }),
    });
    const answer = await response.json();
    if (answer.cert) navigator.id.registerCertificate(answer.cert);
    else navigator.id.raiseProvisioningFailure(answer.reason);
  });
});
