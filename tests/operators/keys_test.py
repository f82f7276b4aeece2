#!/usr/bin/env python3
"""persona-host keys: what it lists is what is published, a rotation that it asks for happens, and an exported key
comes back with import, and with nothing else.

Usage: keys_test.py SOURCE_DIR BUILD_DIR
"""
import json
import os
import stat
import subprocess
import sys
import unittest

SOURCE, BUILD = (os.path.abspath(a) for a in sys.argv[1:3])
del sys.argv[1:3]
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from host import Folder, Host, await_true, free_port  # noqa: E402


PASSPHRASE = "correct horse battery staple"
REFUSED, USAGE, CONFIG = 1, 64, 78


class Keys(unittest.TestCase):
    def setUp(self):
        self.folder = Folder()
        self.addCleanup(self.folder.remove)
        self.host = self.keysigner()

    def keysigner(self, name="keysigner", **options):
        return Host(BUILD, self.folder, name, {
            "lockdown": True,
            "common": {"public_url": "https://login.example", "domain_key": {"public_file": self.folder.file("domain.json"), "rotation_lead": "0s"},
                       "secrets": {"roles": self.folder.file("roles")}},
            "listeners": [{"name": "keysigner", "address": f"127.0.0.1:{free_port()}", "service": "keysigner"}],
            "services": [{"id": "keysigner", "module": "keysigner.so", "config": {"domain_key": {"file": self.folder.file("domain.pem"), **options}}}]})

    def start(self):
        self.addCleanup(self.host.stop)
        self.host.start()

    def listed(self):
        done = self.host.ctl("keys", "list")
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def keys(self, command, file, *more, passphrase=PASSPHRASE, config=None):
        done = subprocess.run([self.host.program, "keys", command, config or self.host.file, file, *more], input=passphrase + "\n",
                              capture_output=True, text=True, timeout=60)
        self.assertNotIn(passphrase, done.stdout + done.stderr)
        return done

    def made(self):
        """The key that a first start makes, of which `backup.pem` is a copy."""
        self.host.start()
        self.host.stop()
        done = self.keys("export", self.folder.file("backup.pem"))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return self.folder.read("domain.pem")

    def test_export_is_encrypted_and_for_its_owner_alone(self):
        private = self.made()
        text = self.folder.read("backup.pem")
        self.assertTrue(text.startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----"))
        self.assertNotIn(private.splitlines()[2], text)
        self.assertEqual(stat.S_IMODE(os.stat(self.folder.file("backup.pem")).st_mode), 0o600)
        opened = subprocess.run(["openssl", "pkey", "-in", self.folder.file("backup.pem"), "-passin", "pass:" + PASSPHRASE], capture_output=True, text=True)
        self.assertEqual(opened.stdout, private)
        self.assertEqual(self.keys("export", "-").stdout.splitlines()[0], "-----BEGIN ENCRYPTED PRIVATE KEY-----")
        again = self.keys("export", self.folder.file("backup.pem"))
        self.assertEqual(again.returncode, REFUSED)
        self.assertIn("--force", again.stderr)
        self.assertEqual(self.folder.read("backup.pem"), text)
        phrase = self.folder.write("passphrase", PASSPHRASE + "\nnot this\n")
        self.assertEqual(self.keys("export", self.folder.file("backup.pem"), "--force", "--passphrase", phrase, passphrase="another one").returncode, 0)
        self.assertNotEqual(self.folder.read("backup.pem"), text)

    def test_export_says_what_stands_in_the_way(self):
        for words, phrase, code, text in (
                ((self.folder.file("a"),), "short", REFUSED, "12 to 1024"),
                ((self.folder.file("a"),), PASSPHRASE, REFUSED, "domain.pem: No such file"),
                ((self.folder.file("a"), "--wrong"), PASSPHRASE, USAGE, "unknown option --wrong"),
                ((self.folder.file("a"), "b"), PASSPHRASE, USAGE, "keys export CONFIG FILE"),
                ((self.folder.file("a"), "--passphrase", "/dev/zero"), PASSPHRASE, REFUSED, "too many characters; 12 to 1024"),
                ((self.folder.file("a"), "--passphrase", "/nonexistent"), PASSPHRASE, REFUSED, "/nonexistent: No such file")):
            done = self.keys("export", *words, passphrase=phrase)
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertIn(text, done.stderr)
        self.made()
        done = self.keys("export", "/nonexistent/copy.pem")
        self.assertEqual(done.returncode, REFUSED)
        self.assertIn("cannot create /nonexistent/copy.pem", done.stderr)
        token = self.keysigner("token", pkcs11={"module": "/usr/lib/softhsm/libsofthsm2.so"})
        done = self.keys("export", self.folder.file("a"), config=token.file)
        self.assertEqual(done.returncode, REFUSED)
        self.assertIn("token", done.stderr)
        other = Host(BUILD, self.folder, "other", {"services": [{"id": "verifier", "module": "verifier.so"}], "common": {"public_url": "https://login.example"},
                                                   "listeners": [{"name": "v", "address": "127.0.0.1:0", "service": "verifier"}]})
        done = self.keys("export", self.folder.file("a"), config=other.file)
        self.assertEqual(done.returncode, CONFIG, done.stderr)
        self.assertIn("domain_key.file", done.stderr)

    def test_a_key_comes_back_on_a_machine_without_one(self):
        private = self.made()
        os.rename(self.folder.file("domain.pem"), self.folder.file("lost"))
        done = self.keys("import", self.folder.file("backup.pem"))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(self.folder.read("domain.pem"), private)
        self.assertEqual(stat.S_IMODE(os.stat(self.folder.file("domain.pem")).st_mode), 0o600)
        self.assertIn("already", self.keys("import", self.folder.file("backup.pem")).stdout)

    def test_a_key_takes_over_by_a_rotation(self):
        private = self.made()
        for name in ("domain.pem", "domain.json"):
            os.unlink(self.folder.file(name))
        self.start()
        other = self.listed()
        done = self.keys("import", self.folder.file("backup.pem"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("keys rotate", done.stdout)
        self.assertEqual(self.listed(), other, "nothing happens before")
        self.assertEqual(self.host.ctl("keys", "rotate").returncode, 0)
        await_true("the imported key signs", lambda: self.folder.read("domain.pem") == private)
        await_true("it is published", lambda: self.listed()["public-key"] != other["public-key"])
        self.assertIn(other["public-key"]["n"], json.dumps(self.listed()) , "the one before stays published")

    def test_import_by_force(self):
        private = self.made()
        os.unlink(self.folder.file("domain.pem"))
        self.host.start()
        self.host.stop()
        self.assertNotEqual(self.folder.read("domain.pem"), private)
        self.assertEqual(self.keys("import", self.folder.file("backup.pem"), "--force").returncode, 0)
        self.assertEqual(self.folder.read("domain.pem"), private)

    def test_import_takes_nothing_that_is_not_the_right_key(self):
        self.made()
        before = self.folder.read("domain.pem")
        small = self.folder.file("small.pem")
        subprocess.run(["openssl", "genrsa", "-out", small, "1024"], check=True, capture_output=True)
        damaged = self.folder.write("damaged.pem", self.folder.read("backup.pem").replace("\n", "\nA", 2))
        for file, phrase, text in ((self.folder.file("backup.pem"), "another passphrase", "no private key that this passphrase opens"),
                                   (damaged, PASSPHRASE, "no private key that this passphrase opens"),
                                   (small, PASSPHRASE, "expected RSA of 2048 bits or P-256, got RSA of 1024 bits"),
                                   (self.folder.write("empty", ""), PASSPHRASE, "no private key"),
                                   ("/dev/zero", PASSPHRASE, "more than 65536 octets"),
                                   ("/nonexistent", PASSPHRASE, "No such file")):
            done = self.keys("import", file, "--force", passphrase=phrase)
            self.assertEqual(done.returncode, REFUSED, done.stderr)
            self.assertIn(text, done.stderr)
        self.assertEqual(self.folder.read("domain.pem"), before)
        self.assertFalse(os.path.exists(self.folder.file("domain.pem.next")))

    def test_list_and_rotate(self):
        host, folder, listed = self.host, self.folder, self.listed
        self.start()
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
