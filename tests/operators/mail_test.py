#!/usr/bin/env python3
"""persona-host send-test-mail through each transport, and what it says when a mail does not get through.

Usage: mail_test.py SOURCE_DIR BUILD_DIR
"""
import json
import os
import subprocess
import sys
import unittest

SOURCE, BUILD = (os.path.abspath(a) for a in sys.argv[1:3])
del sys.argv[1:3]
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from host import Folder, Host, free_port  # noqa: E402

REFUSED, UNREACHABLE, USAGE = 1, 69, 64


class Mail(unittest.TestCase):
    def setUp(self):
        self.folder = Folder()
        self.addCleanup(self.folder.remove)

    def serve(self, **dbwriter):
        common = {"public_url": "https://login.example", "domain_key": {"public_file": self.folder.file("domain.json")},
                  "secrets": {n: self.folder.file(n) for n in ("roles", "class", "cookie", "passwords")},
                  "database": {"driver": "sqlite", "file": self.folder.file("persona.db")}}
        self.host = Host(BUILD, self.folder, "dbwriter", {
            "common": common, "executors": {n: {"threads": 1} for n in ("default", "writes", "passwords")},
            "listeners": [{"name": "dbwriter", "address": f"127.0.0.1:{free_port()}", "service": "dbwriter"}],
            "services": [{"id": "keysigner", "module": "keysigner.so", "config": {"domain_key": {"file": self.folder.file("domain.pem")}}},
                         {"id": "dbwriter", "module": "dbwriter.so", "config": dbwriter}]})
        self.addCleanup(self.host.stop)
        self.host.start()

    def smtp_server(self, *flags):
        """tests/support/smtp_server.py; its port."""
        server = subprocess.Popen(["/usr/bin/python3", os.path.join(SOURCE, "tests/support/smtp_server.py"), "--log", self.folder.file("taken"), *flags],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait, 30)
        self.addCleanup(server.terminate)
        return int(server.stdout.readline().split()[1])

    def serve_smtp(self, port, **smtp):
        self.serve(mail={"transport": "smtp", "directory": self.folder.file("queue")}, send_from_address="Persona <no-reply@login.example>",
                   smtp={"host": "127.0.0.1", "port": port, "connect_timeout": "2s", "reply_timeout": "5s", **smtp})

    def send(self, *words):
        done = self.host.ctl("send-test-mail", *words)
        return done.returncode, done.stdout, done.stderr

    def test_through_a_mail_server(self):
        port = self.smtp_server()
        self.serve_smtp(port)
        code, out, err = self.send("ann@example.org")
        self.assertEqual((code, err), (0, ""))
        self.assertIn(f"127.0.0.1:{port} has taken it, as <", out)
        code, out, _ = self.send("bob@example.org", "--json")
        answer = json.loads(out)
        self.assertEqual((code, answer["where"]), (0, f"127.0.0.1:{port}"))
        taken = [json.loads(line) for line in self.folder.read("taken").splitlines()]
        self.assertEqual([mail["to"] for mail in taken], ["ann@example.org", "bob@example.org"])
        self.assertIn(answer["message_id"], json.dumps(taken[1]))
        self.assertEqual(os.listdir(self.folder.file("queue/queue")), [], "it goes past the queue")
        self.assertIn("ran 'send-test-mail'", self.host.log())
        self.assertNotIn("ann@example.org", self.host.log())

    def test_what_the_server_refuses_is_said_with_its_place(self):
        port = self.smtp_server()
        self.serve_smtp(port)
        code, _, err = self.send("rcpt550@example.org")
        self.assertEqual(code, REFUSED)
        self.assertIn(f"127.0.0.1:{port}: 550 5.7.1 at RCPT", err)
        self.assertIn("look at: the address", err)
        self.assertNotIn("rcpt550@", err, "servers repeat the address, and this may go into a ticket")
        code, _, err = self.send("drop@example.org")
        self.assertEqual(code, REFUSED)
        self.assertIn("at RCPT", err)
        for words in ((), ("ann@example.org", "bob@example.org")):
            self.assertEqual(self.send(*words)[0], USAGE)
        code, _, err = self.send("nobody")
        self.assertEqual(code, USAGE, err)
        self.assertIn("expected an address", err)
        self.assertFalse(os.path.exists(self.folder.file("taken")), "none of them was taken")

    def test_a_server_that_is_away(self):
        port = free_port()
        self.serve_smtp(port)
        code, _, err = self.send("ann@example.org")
        self.assertEqual(code, UNREACHABLE)
        self.assertIn(f"cannot connect to 127.0.0.1:{port}", err)
        self.assertIn("look at: smtp.host and smtp.port", err)

    def test_a_wrong_password(self):
        self.serve_smtp(self.smtp_server("--user", "persona", "--password", "right"), user="persona", password="wrong-password")
        code, _, err = self.send("ann@example.org")
        self.assertEqual(code, REFUSED)
        self.assertIn("at AUTH", err)
        self.assertIn("smtp.password", err)
        self.assertNotIn("wrong-password", err + self.host.log())

    def test_a_server_without_tls(self):
        self.serve_smtp(self.smtp_server(), tls="starttls")
        code, _, err = self.send("ann@example.org")
        self.assertEqual(code, REFUSED)
        self.assertIn("does not offer STARTTLS", err)
        self.assertIn("smtp.tls", err)

    def test_mails_as_files(self):
        self.serve(mail={"transport": "file", "directory": self.folder.file("mail")})
        code, out, err = self.send("ann@example.org")
        self.assertEqual((code, err), (0, ""))
        self.assertIn(self.folder.file("mail"), out)
        (name,) = os.listdir(self.folder.file("mail"))
        with open(os.path.join(self.folder.file("mail"), name)) as f:
            text = f.read()
        self.assertIn("To: ann@example.org", text)
        self.assertIn("Subject: Test mail of Persona", text)


if __name__ == "__main__":
    unittest.main(verbosity=2)
