"""A browser's part in the API, for the tests of this folder."""
import glob
import http.client
import json
import re

from host import await_true


class Browser:
    """A session: its cookie and its token against forgery."""

    def __init__(self, port):
        self.port, self.cookie = port, ""
        self.csrf = self.call("GET", "session_context")["csrf_token"]

    def call(self, method, name, **arguments):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        body = json.dumps({**arguments, "csrf": self.csrf}) if method == "POST" else None
        headers = {"Host": "login.example", "Content-Type": "application/json", "Origin": "https://login.example", "X-Forwarded-For": "198.51.100.7"}
        if self.cookie:
            headers["Cookie"] = self.cookie
        connection.request(method, "/wsapi/" + name, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        for field, value in answer.getheaders():
            if field.lower() == "set-cookie":
                fresh = dict(c.split("=", 1) for c in self.cookie.split("; ") if c)
                fresh.update([value.split(";", 1)[0].split("=", 1)])
                self.cookie = "; ".join(f"{k}={v}" for k, v in fresh.items())
        connection.close()
        assert answer.status == 200, (name, answer.status, text)
        return json.loads(text)

    def sign_up(self, mails, email, password):
        """A new account, by the first mail in the folder `mails`."""
        self.call("POST", "stage_user", email=email, site="https://site.example", **{"pass": password})
        found = []
        await_true("the mail is there", lambda: found.extend(glob.glob(mails + "/**/*.eml", recursive=True)) or found)
        with open(found[0]) as f:
            token = re.search(r"token=(?:3D)?([A-Za-z0-9_-]+)", f.read().replace("=\n", ""))
        self.call("POST", "complete_user_creation", token=token.group(1), **{"pass": password})
