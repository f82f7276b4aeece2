#!/usr/bin/env python3
"""persona-host keys: what it lists is what is published, and a rotation that it asks for happens.

Usage: keys_test.py SOURCE_DIR BUILD_DIR
"""
import json
import os
import sys
import unittest

SOURCE, BUILD = (os.path.abspath(a) for a in sys.argv[1:3])
del sys.argv[1:3]
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from host import Folder, Host, await_true, free_port  # noqa: E402


class Keys(unittest.TestCase):
    def test_list_and_rotate(self):
        folder = Folder()
        self.addCleanup(folder.remove)
        host = Host(BUILD, folder, "keysigner", {
            "lockdown": True,
            "common": {"public_url": "https://login.example", "domain_key": {"public_file": folder.file("domain.json"), "rotation_lead": "0s"},
                       "secrets": {"roles": folder.file("roles")}},
            "listeners": [{"name": "keysigner", "address": f"127.0.0.1:{free_port()}", "service": "keysigner"}],
            "services": [{"id": "keysigner", "module": "keysigner.so", "config": {"domain_key": {"file": folder.file("domain.pem")}}}]})
        self.addCleanup(host.stop)
        host.start()

        def listed():
            done = host.ctl("keys", "list")
            self.assertEqual(done.returncode, 0, done.stderr)
            return json.loads(done.stdout)

        first, private = listed(), folder.read("domain.pem")
        self.assertNotIn("PRIVATE", json.dumps(first))
        done = host.ctl("keys", "rotate")
        self.assertEqual(done.returncode, 0, done.stderr)
        await_true("another key signs", lambda: folder.read("domain.pem") != private)
        await_true("it is published", lambda: listed() != first)
        self.assertIn("ran 'keys rotate'", host.log())
        self.assertEqual(host.ctl("keys", "rotate", "now").returncode, 64)


if __name__ == "__main__":
    unittest.main(verbosity=2)
