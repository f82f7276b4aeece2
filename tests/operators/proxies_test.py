#!/usr/bin/env python3
"""The very configurations of docs/operators/tls.md for nginx, HAProxy and Caddy, in front of the router.

Usage: proxies_test.py SOURCE_DIR BUILD_DIR
"""
import http.client
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import unittest

SOURCE, BUILD = (os.path.abspath(a) for a in sys.argv[1:3])
del sys.argv[1:3]
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from host import Folder, await_true, free_port  # noqa: E402
from service import whole_service  # noqa: E402


def answers(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


class Proxies(unittest.TestCase):
    def setUp(self):
        self.folder = Folder()
        self.addCleanup(self.folder.remove)
        self.host = whole_service(BUILD, self.folder)
        self.addCleanup(self.host.stop)
        self.host.start()
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj", "/CN=login.example",
                        "-addext", "subjectAltName=DNS:login.example", "-keyout", self.folder.file("key.pem"), "-out", self.folder.file("chain.pem")],
                       check=True, capture_output=True)
        self.folder.write("haproxy.pem", self.folder.read("chain.pem") + self.folder.read("key.pem"))

    def snippet(self, language, port):
        with open(os.path.join(SOURCE, "docs/operators/tls.md")) as f:
            text = re.search(r"```" + language + r"\n(.*?)```", f.read(), re.S).group(1)
        for name, value in (("work", self.folder.path), ("port", port), ("router", self.host.router)):
            text = text.replace(f"@{name}@", str(value))
        return text

    def through(self, port, command):
        if not shutil.which(command[0]):
            self.skipTest(f"there is no {command[0]} on this machine (scripts/packages test)")
        with open(self.folder.file("proxy.log"), "w") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            await_true("the proxy listens", lambda: process.poll() is not None or answers(port))
            self.assertIsNone(process.poll(), self.folder.read("proxy.log"))
            context = ssl.create_default_context(cafile=self.folder.file("chain.pem"))
            raw = socket.create_connection(("127.0.0.1", port), timeout=30)
            connection = http.client.HTTPConnection("login.example", port)
            connection.sock = context.wrap_socket(raw, server_hostname="login.example")
            with connection.sock:
                for _ in range(2):
                    connection.request("GET", "/wsapi/session_context", headers={"Host": "login.example", "X-Forwarded-For": "203.0.113.66"})
                    answer = connection.getresponse()
                    body = answer.read()
                    self.assertEqual(answer.status, 200, body)
                    self.assertIn(b"csrf_token", body)
                    self.assertIn("; secure; httponly", answer.headers["Set-Cookie"])
                connection.request("GET", "/include.js", headers={"Host": "login.example", "Accept-Encoding": "br"})
                answer = connection.getresponse()
                answer.read()
                self.assertEqual((answer.status, answer.headers["Content-Encoding"]), (200, "br"))
        finally:
            process.terminate()
            process.wait(30)
        lines = []
        await_true("the requests are in the access log",
                   lambda: lines.clear() or lines.extend(self.folder.read("access.log").splitlines()) or sum("session_context" in line for line in lines) >= 2)
        self.assertNotIn("203.0.113.66", "\n".join(lines), "a client's own X-Forwarded-For was believed")
        self.assertTrue(any("127.0.0.1" in line for line in lines), lines)

    def test_nginx(self):
        port = free_port()
        d = self.folder.path
        rules = self.folder.write("nginx.conf", f"daemon off; master_process off; pid {d}/nginx.pid; error_log {d}/error.log;\nevents {{}}\n"
                                  f"http {{ access_log off; client_body_temp_path {d}/t1; proxy_temp_path {d}/t2; fastcgi_temp_path {d}/t3;"
                                  f" uwsgi_temp_path {d}/t4; scgi_temp_path {d}/t5;\n{self.snippet('nginx', port)}}}\n")
        self.through(port, ["nginx", "-p", d, "-c", rules])

    def test_haproxy(self):
        port = free_port()
        self.through(port, ["haproxy", "-db", "-f", self.folder.write("haproxy.cfg", self.snippet("haproxy", port))])

    def test_caddy(self):
        port = free_port()
        site = self.snippet("caddy", port).replace("login.example {", "https://login.example:%d {\n    bind 127.0.0.1\n    tls %s %s" % (
            port, self.folder.file("chain.pem"), self.folder.file("key.pem"))).replace("127.0.0.1:10002", f"127.0.0.1:{self.host.router}")
        os.environ.update(XDG_DATA_HOME=self.folder.path, XDG_CONFIG_HOME=self.folder.path)
        rules = self.folder.write("Caddyfile", "{\n    admin off\n    auto_https disable_redirects\n}\n" + site)
        self.through(port, ["caddy", "run", "--adapter", "caddyfile", "--config", rules])


if __name__ == "__main__":
    unittest.main(verbosity=2)
