#!/usr/bin/env python3
"""Each check of persona-host doctor, once where all is well and once where it is not, in a network of its own: with
its own name server, TLS, a real service and a real MariaDB. Root alone can make such a network.

Usage: doctor_test.py SOURCE_DIR BUILD_DIR
"""
import http.server
import json
import os
import resource
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest
from email.utils import formatdate

SOURCE, BUILD = (os.path.abspath(a) for a in sys.argv[1:3])
del sys.argv[1:3]
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from host import Folder, free_port, own_network  # noqa: E402
from mariadb import MariaDb  # noqa: E402
from service import whole_service  # noqa: E402

own_network()

TEXTS = {"login.example": "v=spf1 mx -all", "_dmarc.login.example": "v=DMARC1; p=reject"}


def name_server():
    """Answers on 127.0.0.1:53: every name is this machine, and TEXTS are the only texts."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", 53))

    def serve():
        while True:
            query, client = s.recvfrom(4096)
            at, labels = 12, []
            while query[at]:
                labels.append(query[at + 1:at + 1 + query[at]].decode())
                at += 1 + query[at]
            question, kind = query[12:at + 5], struct.unpack("!H", query[at + 1:at + 3])[0]
            text = TEXTS.get(".".join(labels).lower(), "").encode()
            data = b"\x7f\0\0\x01" if kind == 1 else bytes([len(text)]) + text if kind == 16 and text else None
            answer = b"" if data is None else b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 0, len(data)) + data
            s.sendto(query[:2] + struct.pack("!HHHHH", 0x8580, 1, 1 if answer else 0, 0, 0) + question + answer, client)

    threading.Thread(target=serve, daemon=True).start()


class Elsewhere:
    """A service that is not ours, for what ours would never answer."""

    def __init__(self, port):
        self.date, self.document, self.cookie = formatdate(usegmt=True), '{"public-key": {}}', "a=b; HttpOnly"
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = (outer.document if "well-known" in self.path else "{}").encode()
                self.send_response_only(404 if "well-known" in self.path and not body else 200)
                self.send_header("Date", outer.date)
                if outer.cookie and "session_context" in self.path:
                    self.send_header("Set-Cookie", outer.cookie)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Doctor(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Folder()
        resolver = cls.folder.write("resolv.conf", "nameserver 127.0.0.1\n")
        subprocess.run(["mount", "--bind", resolver, os.path.realpath("/etc/resolv.conf")], check=True)
        name_server()
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj", "/CN=login.example",
                        "-addext", "subjectAltName=DNS:login.example", "-keyout", cls.folder.file("key.pem"), "-out", cls.folder.file("chain.pem")],
                       check=True, capture_output=True)
        cls.host = whole_service(
            BUILD, cls.folder, outbound={"ca_file": cls.folder.file("chain.pem")},
            dbwriter={"mail": {"transport": "file", "directory": cls.folder.file("mail")}, "send_from_address": "Persona <no-reply@login.example>"},
            listeners=[{"name": "router", "address": "127.0.0.1:443", "service": "router", "trusted_proxies": ["127.0.0.1/32"],
                        "tls": {"certificate_file": cls.folder.file("chain.pem"), "key_file": cls.folder.file("key.pem")}}])
        cls.host.start()

    @classmethod
    def tearDownClass(cls):
        cls.host.stop()
        subprocess.run(["umount", os.path.realpath("/etc/resolv.conf")], check=True)
        cls.folder.remove()

    def doctor(self, change=None, **limits):
        """Exit status, and {check: [(how, text)]}; `change` gets the configuration first."""
        config = json.loads(self.folder.read("all.yaml"))
        if change:
            change(config)
        file = self.folder.write("doctor.yaml", json.dumps(config))
        done = subprocess.run([self.host.program, "doctor", file], capture_output=True, text=True, timeout=120, **limits)
        self.assertEqual(done.stderr, "")
        found = {}
        for line in done.stdout.splitlines():
            what, text = line[6:].split(": ", 1)
            found.setdefault(what, []).append((line[:4].strip(), text))
        return done.returncode, found

    def expect(self, what, how, text, change=None, **limits):
        code, found = self.doctor(change, **limits)
        self.assertIn(what, found)
        self.assertTrue(any(h == how and text in t for h, t in found[what]), found[what])
        self.assertEqual(code, 1 if how == "FAIL" else 0, found)

    def dbwriter(self, **options):
        def change(config):
            next(s for s in config["services"] if s["id"] == "dbwriter")["config"].update(options)
        return change

    def test_all_is_well(self):
        code, found = self.doctor()
        self.assertEqual(code, 0, found)
        self.assertEqual({what: how for what, lines in found.items() for how, _ in lines}, dict.fromkeys(
            ("configuration", "descriptors", "domain_key.file", "secrets.roles", "secrets.class", "secrets.cookie", "secrets.passwords", "disk",
             "database", "SPF", "DMARC", "public_url", "clock", "support document", "cookies"), "ok"))
        self.assertEqual(len(found["disk"]), 2)

    def test_anybody_as_a_proxy(self):
        self.expect("listener router", "FAIL", "0.0.0.0/0", lambda c: c["listeners"][0].update(trusted_proxies=["0.0.0.0/0"]))

    def test_descriptors(self):
        self.expect("descriptors", "warn", "256 descriptors", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256)))

    def test_files_that_others_can_read(self):
        for name, mode, what, remedy in (("domain.pem", 0o640, "domain_key.file", "chmod 600"), ("roles", 0o604, "secrets.roles", "chmod o-rwx")):
            file = self.folder.file(name)
            before = os.stat(file).st_mode
            os.chmod(file, mode)
            try:
                self.expect(what, "FAIL", remedy)
            finally:
                os.chmod(file, before)

    def test_secrets_that_are_not_there_yet(self):
        self.expect("secrets.cookie", "warn", "first start", lambda c: c["common"]["secrets"].update(cookie=self.folder.file("not-there")))

    def test_disk(self):
        small = self.folder.file("small")
        os.mkdir(small)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", small], check=True)
        try:
            self.expect("disk", "FAIL", small + " has", self.dbwriter(mail={"transport": "file", "directory": small}))
        finally:
            subprocess.run(["umount", small], check=True)

    def test_sender(self):
        def from_elsewhere(config):
            self.dbwriter(send_from_address="no-reply@other.example")(config)
        self.expect("SPF", "warn", "v=spf1 at other.example", from_elsewhere)
        self.expect("DMARC", "warn", "v=DMARC1 at _dmarc.other.example", from_elsewhere)

    def test_public_url(self):
        port = free_port()
        self.expect("public_url", "FAIL", f"https://login.example:{port} does not answer", lambda c: c["common"].update(public_url=f"https://login.example:{port}"))
        self.expect("public_url", "FAIL", "certificate", lambda c: c.pop("outbound"))

    def test_what_a_proxy_may_spoil(self):
        port = free_port()
        elsewhere = Elsewhere(port)
        self.addCleanup(elsewhere.server.server_close)
        self.addCleanup(elsewhere.server.shutdown)

        def there(config):
            config["common"]["public_url"] = f"http://127.0.0.1:{port}"
        self.expect("clock", "ok", " s between", there)
        self.expect("support document", "ok", "octets", there)
        self.expect("cookies", "warn", "not https", there)
        elsewhere.date = formatdate(time.time() - 3600, usegmt=True)
        self.expect("clock", "FAIL", "NTP", there)
        elsewhere.date = formatdate(usegmt=True)
        elsewhere.document = "{}"
        self.expect("support document", "FAIL", "public-key", there)
        elsewhere.document = ""
        self.expect("support document", "FAIL", "status 404", there)
        elsewhere.document = '{"public-key": {}}'
        elsewhere.cookie = "a=b"
        self.expect("cookies", "FAIL", "without httponly", there)
        elsewhere.cookie = ""
        self.expect("cookies", "warn", "sets none", there)

    def database(self, port, **more):
        def change(config):
            config["common"]["database"] = {"driver": "mysql", "host": "127.0.0.1", "port": port, "name": "persona", "user": "persona", **more}
        return change

    def test_no_database_file(self):
        self.expect("database", "FAIL", "No such file", lambda c: c["common"]["database"].update(file=self.folder.file("none.db")))

    def test_a_database_server(self):
        server = MariaDb(self.folder)
        self.addCleanup(server.stop)
        self.expect("database", "ok", "MariaDB", self.database(server.port))

    def test_what_is_no_database_server(self):
        port = free_port()
        self.expect("database", "FAIL", "Connection refused", self.database(port))
        greetings = {b"\x0a5.5.60-MariaDB\0": ("warn", "10.6 or newer"), b"\x0a8.0.36\0": ("ok", "8.0.36"),
                     b"\xff\x15\x04Too many connections": ("FAIL", "Too many connections"), b"": ("FAIL", "does not speak")}
        listener = socket.create_server(("127.0.0.1", port))
        self.addCleanup(listener.close)

        def greet():
            for text in greetings:
                s, _ = listener.accept()
                with s:
                    if text:
                        s.sendall(struct.pack("<I", len(text)) + text)
        threading.Thread(target=greet, daemon=True).start()
        for how, text in greetings.values():
            self.expect("database", how, text, self.database(port))


if __name__ == "__main__":
    unittest.main(verbosity=2)
