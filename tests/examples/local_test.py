#!/usr/bin/env python3
"""Whom the examples answer: the mailbox only this computer's own browser, the provider's switches no other site's page.

Usage: local_test.py SOURCE_DIR BUILD_DIR
"""
import http.client
import json
import os
import sys
import unittest

SOURCE, BUILD = (os.path.abspath(a) for a in sys.argv[1:3])
del sys.argv[1:3]
sys.path.insert(0, os.path.join(SOURCE, "tests/operators"))
from host import Folder, Host, free_port  # noqa: E402

ORIGIN, SECURE = "http://provider.localhost", "https://provider.example"
MAIL = "To: ann@mail.example\r\nSubject: Hello\r\n\r\nhello\r\n"


class Local(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Folder()
        cls.folder.write("1-a.eml", MAIL)
        cls.ports = {name: free_port() for name in ("mailbox", "provider", "secure")}
        provider = {"module": "example-provider.so"}
        common = {"domain": "provider.example", "service_url": "http://127.0.0.1:10002", "key_file": cls.folder.file("key.pem")}
        config = {"process": "examples", "state_dir": cls.folder.file("state"), "admin": {"address": f"127.0.0.1:{free_port()}"},
                  "listeners": [{"name": name, "address": f"127.0.0.1:{port}", "service": name} for name, port in cls.ports.items()],
                  "services": [{"id": "mailbox", "module": "example-mailbox.so", "config": {"directory": cls.folder.path}},
                               {"id": "provider", **provider, "config": {"origin": ORIGIN, **common}},
                               {"id": "secure", **provider, "config": {"origin": SECURE, **common}}]}
        cls.host = Host(BUILD, cls.folder, "host", config)
        cls.host.start()

    @classmethod
    def tearDownClass(cls):
        cls.host.stop()
        cls.folder.remove()

    def ask(self, name, path, fields=None, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[name], timeout=10)
        connection.request("GET" if body is None else "POST", path, body if body is None else json.dumps(body), fields or {})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, answer.headers, text

    def test_the_mailbox_has_names_of_this_computer(self):
        for host, status in (("localhost", 200), ("localhost:10009", 200), ("LocalHost:1", 200), ("mail.localhost:10009", 200), ("127.0.0.1", 200),
                             ("127.0.0.1:10009", 200), ("[::1]", 200), ("[::1]:10009", 200),
                             ("evil.example", 403), ("evil.example:10009", 403), ("localhost.evil.example", 403), ("evillocalhost", 403), ("127.0.0.1.evil.example", 403),
                             ("192.0.2.1:10009", 403), ("[::2]", 403)):
            for path in ("/", "/api/mails", "/mail/1-a.txt", "/mail/1-a.html"):
                self.assertEqual(self.ask("mailbox", path, {"Host": host})[0], status, host + path)

    def test_the_mailbox_is_not_behind_a_proxy(self):
        for field, value in (("X-Forwarded-For", "192.0.2.1"), ("Forwarded", "for=192.0.2.1"), ("Via", "1.1 proxy")):
            for path in ("/", "/api/mails", "/mail/1-a.txt"):
                self.assertEqual(self.ask("mailbox", path, {field: value})[0], 403, field + path)

    def test_the_mailbox_may_show_its_icon(self):
        _, fields, page = self.ask("mailbox", "/")
        self.assertIn('rel="icon" href="data:,"', page)
        self.assertIn("img-src 'self' data:;", fields["Content-Security-Policy"])

    def test_other_sites_do_not_switch_the_provider(self):
        for fields, status in (({}, 200), ({"Origin": ORIGIN}, 200), ({"Origin": "http://evil.example"}, 403), ({"Origin": "null"}, 403),
                               ({"Origin": ORIGIN + ".evil.example"}, 403)):
            mode = "disabled" if status == 403 else "ask"
            self.assertEqual(self.ask("provider", "/control", fields, {"mode": mode})[0], status, fields)
        self.assertIn("public-key", self.ask("provider", "/.well-known/browserid")[2])

    def test_the_session_is_secure_where_the_origin_is(self):
        for name, origin in (("provider", ORIGIN), ("secure", SECURE)):
            status, fields, _ = self.ask(name, "/api/login", {"Origin": origin}, {"email": "ann@provider.example"})
            self.assertEqual(status, 200)
            self.assertEqual("; Secure" in fields["Set-Cookie"], name == "secure")
            self.assertIn("; HttpOnly; SameSite=Lax", fields["Set-Cookie"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
