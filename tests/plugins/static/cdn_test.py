#!/usr/bin/env python3
"""nginx, with the very configuration of docs/operators/cdn.md, as a cache in front of the static role: how many
requests reach the origin.

Usage: cdn_test.py SOURCE_DIR BUILD_DIR
"""
import gzip
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest

SOURCE, BUILD = (os.path.abspath(a) for a in sys.argv[1:3])
del sys.argv[1:3]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@unittest.skipUnless(shutil.which("nginx"), "there is no nginx on this machine (scripts/packages bench)")
class Cdn(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="persona-cdn-")
        cls.origin, cls.port = free_port(), free_port()
        cls.access = cls.dir + "/access.log"
        config = {"process": "cdn", "state_dir": cls.dir + "/state", "admin": {"address": f"127.0.0.1:{free_port()}"}, "access_log": {"file": cls.access},
                  "common": {"public_url": "https://login.example", "domain_key": {"public_file": cls.dir + "/domain.json"},
                             "secrets": {"roles": cls.dir + "/roles"}},
                  "listeners": [{"name": "static", "address": f"127.0.0.1:{cls.origin}", "service": "static", "trusted_proxies": ["127.0.0.1/32"]}],
                  "services": [{"id": "keysigner", "module": "keysigner.so", "config": {"domain_key": {"file": cls.dir + "/domain.pem"}}},
                               {"id": "static", "module": "static.so", "config": {"static_url": "https://static.example"},
                                "filters": [{"id": "access-log", "builtin": "access-log"}]}]}
        with open(cls.dir + "/host.yaml", "w") as f:
            json.dump(config, f)
        with open(os.path.join(SOURCE, "docs/operators/cdn.md")) as f:
            rules = re.search(r"```nginx\n(.*?)```", f.read(), re.S).group(1)
        for name, value in (("work", cls.dir), ("port", cls.port), ("origin", cls.origin)):
            rules = rules.replace(f"@{name}@", str(value))
        with open(cls.dir + "/nginx.conf", "w") as f:
            f.write(f"daemon off; master_process off; pid {cls.dir}/nginx.pid; error_log {cls.dir}/error.log;\n"
                    f"events {{}}\nhttp {{ access_log off; client_body_temp_path {cls.dir}/t1; proxy_temp_path {cls.dir}/t2; fastcgi_temp_path {cls.dir}/t3;"
                    f" uwsgi_temp_path {cls.dir}/t4; scgi_temp_path {cls.dir}/t5;\n{rules}}}\n")
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PERSONA_")}
        cls.log = open(cls.dir + "/log", "w")
        cls.running = [subprocess.Popen([BUILD + "/bin/persona-host", "run", cls.dir + "/host.yaml"], stdout=cls.log, stderr=cls.log, env=environment),
                       subprocess.Popen(["nginx", "-p", cls.dir, "-c", cls.dir + "/nginx.conf"], stdout=cls.log, stderr=cls.log)]
        for port in (cls.origin, cls.port):
            for _ in range(400):
                with socket.socket() as s:
                    if s.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)

    @classmethod
    def tearDownClass(cls):
        for process in cls.running:
            process.terminate()
        for process in cls.running:
            process.wait(30)
        cls.log.close()
        shutil.rmtree(cls.dir)

    def ask(self, path, headers=None, port=None):
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=10)
        connection.request("GET", path, headers=headers or {})
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response.status, dict((k.lower(), v) for k, v in response.getheaders()), body

    def hits(self, path):
        """Lines of the origin's access log for that path; it is written a moment after the answer."""
        marker = f"/marker-{time.monotonic_ns()}"
        self.ask(marker, port=self.origin)
        for _ in range(200):
            with open(self.access) as f:
                text = f.read()
            if marker in text:
                return sum(1 for line in text.splitlines() if path in line)
            time.sleep(0.02)
        self.fail("the access log did not show a request")

    def test_hashed_assets_reach_the_origin_once_for_each_coding(self):
        with open(BUILD + "/share/persona/web/manifest.json") as f:
            path = "/v/" + json.load(f)["assets"]["dialog.js"] + "/dialog.js"
        bodies = {}
        for _ in range(10):
            for coding in ("", "gzip", "gzip, deflate", "gzip, deflate, br", "br;q=1.0, gzip;q=0.8"):
                status, fields, body = self.ask(path, {"Accept-Encoding": coding} if coding else {})
                self.assertEqual(status, 200)
                self.assertEqual(fields["cache-control"], "public, max-age=31536000, immutable")
                bodies[fields.get("content-encoding", "")] = body
        self.assertEqual(set(bodies), {"", "gzip", "br"})
        self.assertEqual(gzip.decompress(bodies["gzip"]), bodies[""])
        self.assertEqual(self.hits(path), 3)

    def test_include_js_is_kept(self):
        for _ in range(20):
            status, fields, _ = self.ask("/include.js")
            self.assertEqual((status, fields["access-control-allow-origin"]), (200, "*"))
        self.assertEqual(self.hits("/include.js"), 1)

    def test_pages_are_asked_for_each_time_in_each_language(self):
        for language in ("de", "ja", "de"):
            self.assertIn(f'<html lang="{language}"'.encode(), self.ask("/about", {"Accept-Language": language})[2])
        self.assertEqual(self.hits("/about"), 3)

    def test_nobody_says_himself_where_he_comes_from(self):
        with open(BUILD + "/share/persona/web/manifest.json") as f:
            asset = "/v/" + json.load(f)["assets"]["style.css"] + "/style.css"
        for path in (asset, "/provisioning_api.js", "/cookies_disabled"):
            self.assertEqual(self.ask(path, {"X-Forwarded-For": "203.0.113.66", "X-Forwarded-Proto": "https"})[0], 200)
            self.assertGreaterEqual(self.hits(path), 1)
        with open(self.access) as f:
            self.assertNotIn("203.0.113.66", f.read())
        # The origin does believe the field, when it comes from the proxy.
        self.ask("/humans.txt", {"X-Forwarded-For": "203.0.113.67"}, port=self.origin)
        self.hits("/humans.txt")
        with open(self.access) as f:
            self.assertIn("203.0.113.67", f.read())

    def test_what_is_missing_is_not_kept(self):
        for _ in range(3):
            self.assertEqual(self.ask("/v/ffffffffffffffff/dialog.js")[0], 404)
        self.assertEqual(self.hits("/v/ffffffffffffffff/dialog.js"), 3)


if __name__ == "__main__":
    unittest.main()
