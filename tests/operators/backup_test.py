#!/usr/bin/env python3
"""The commands of docs/operators/backup.md: a copy made while the service runs, restored after everything was lost.

Usage: backup_test.py SOURCE_DIR BUILD_DIR
"""
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
from browser import Browser  # noqa: E402
from host import Folder  # noqa: E402
from service import whole_service  # noqa: E402

EMAIL, PASSWORD = "ann@mail.example", "a long enough pass"


class Backup(unittest.TestCase):
    def shell(self, n):
        with open(os.path.join(SOURCE, "docs/operators/backup.md")) as f:
            script = re.findall(r"```sh\n(.*?)```", f.read(), re.S)[n]
        places = {"BACKUP": self.folder.file("backup"), "DATABASE": self.folder.file("persona.db"), "SECRETS": self.folder.path,
                  "KEYSIGNER_YAML": self.folder.file("all.yaml"), "PASSPHRASE_FILE": self.folder.write("passphrase", "a passphrase of some length\n"),
                  "PATH": os.path.join(BUILD, "bin") + ":" + os.environ["PATH"]}
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
        browser.sign_up(self.folder.file("mail"), EMAIL, PASSWORD)
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
