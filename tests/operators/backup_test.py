#!/usr/bin/env python3
"""The commands of docs/operators/backup.md: a copy made while the service runs, restored after everything was lost.

Usage: backup_test.py SOURCE_DIR BUILD_DIR
"""
import glob
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import unittest

SOURCE, BUILD = (os.path.abspath(a) for a in sys.argv[1:3])
del sys.argv[1:3]
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from host import Folder, await_true  # noqa: E402
from service import whole_service  # noqa: E402

SITE, EMAIL, PASSWORD = "https://site.example", "ann@mail.example", "a long enough pass"


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


class Backup(unittest.TestCase):
    def shell(self, n):
        with open(os.path.join(SOURCE, "docs/operators/backup.md")) as f:
            script = re.findall(r"```sh\n(.*?)```", f.read(), re.S)[n]
        places = {"BACKUP": self.folder.file("backup"), "DATABASE": self.folder.file("persona.db"), "SECRETS": self.folder.path,
                  "DOMAIN_KEY": self.folder.file("domain.pem")}
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], env={**os.environ, **places}, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_what_was_copied_comes_back(self):
        self.folder = Folder()
        self.addCleanup(self.folder.remove)
        if not shutil.which("sqlite3"):
            self.skipTest("there is no sqlite3 on this machine (scripts/packages test)")
        host = whole_service(BUILD, self.folder)
        self.addCleanup(host.stop)
        host.start()
        browser = Browser(host.router)
        browser.call("POST", "stage_user", email=EMAIL, site=SITE, **{"pass": PASSWORD})
        mails = []
        await_true("the mail is there", lambda: mails.extend(glob.glob(self.folder.file("mail/**/*.eml"), recursive=True)) or mails)
        with open(mails[0]) as f:
            token = re.search(r"token=3D([A-Za-z0-9_-]+)|token=([A-Za-z0-9_-]+)", f.read().replace("=\n", ""))
        browser.call("POST", "complete_user_creation", token=token.group(1) or token.group(2), **{"pass": PASSWORD})
        self.assertTrue(browser.call("GET", "session_context")["authenticated"])
        key = self.folder.read("domain.json")
        self.shell(0)
        self.assertEqual(os.stat(self.folder.file("backup")).st_mode & 0o077, 0)

        host.stop()
        for name in ("persona.db", "persona.db-wal", "persona.db-shm", "cookie", "class", "roles", "passwords", "domain.pem", "domain.json"):
            if os.path.exists(self.folder.file(name)):
                os.remove(self.folder.file(name))
        self.shell(1)
        host.start()
        self.assertTrue(browser.call("GET", "session_context")["authenticated"], "the session has ended")
        again = Browser(host.router)
        self.assertTrue(again.call("POST", "authenticate_user", email=EMAIL, ephemeral=False, **{"pass": PASSWORD})["success"])
        self.assertEqual(json.loads(self.folder.read("domain.json")).get("public-key"), json.loads(key).get("public-key"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
