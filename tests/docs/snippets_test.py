#!/usr/bin/env python3
"""Runs the code of docs/sites.md and docs/providers.md against the real verifier, in all its languages; `scripts/packages
test` installs them.

Usage: snippets_test.py SOURCE_DIR BUILD_DIR
"""
import base64
import http.server
import importlib.util
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

SOURCE, BUILD = (os.path.abspath(a) for a in sys.argv[1:3])
del sys.argv[1:3]
AUDIENCE = "https://site.example"


def snippet(page, name):
    with open(os.path.join(SOURCE, "docs", page)) as f:
        found = re.search(r"<!-- snippet: " + name + r" -->\n```\w+\n(.*?)```", f.read(), re.S)
    assert found, f"docs/{page} has no snippet '{name}'"
    return found.group(1)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def load(path):
    spec = importlib.util.spec_from_file_location(os.path.basename(path)[:-3], path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Snippets(unittest.TestCase):
    """A provider whose certificates come from the code of docs/providers.md, a browser's part done by hand, and the
    verifier as the sites' code asks it."""

    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="persona-docs-")
        key = cls.path("provider.pem")
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
        modulus = subprocess.run(["openssl", "rsa", "-in", key, "-noout", "-modulus"], check=True, capture_output=True, text=True).stdout
        document = json.loads(snippet("providers.md", "support"))
        document["public-key"]["n"] = str(int(modulus.strip().split("=")[1], 16))

        class Provider(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = json.dumps(document).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        cls.provider = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Provider)
        threading.Thread(target=cls.provider.serve_forever, daemon=True).start()
        where = f"http://127.0.0.1:{cls.provider.server_port}"
        port = free_port()
        cls.verifier = f"http://127.0.0.1:{port}/verify"
        config = {"process": "docs", "state_dir": cls.path("state"), "admin": {"address": f"127.0.0.1:{free_port()}"},
                  "common": {"public_url": "https://login.example", "extension_algorithms": ["ES256"],
                             "domain_key": {"public_file": cls.path("domain.json")}, "secrets": {"roles": cls.path("roles")},
                             "discovery_overrides": {"docs.example": f"{where}|{where}/.well-known/browserid"}},
                  "listeners": [{"name": "verifier", "address": f"127.0.0.1:{port}", "service": "verifier"}],
                  "services": [{"id": "keysigner", "module": "keysigner.so", "config": {"domain_key": {"file": cls.path("domain.pem")}}},
                               {"id": "verifier", "module": "verifier.so"}]}
        with open(cls.path("host.yaml"), "w") as f:
            json.dump(config, f)
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PERSONA_")}
        cls.log = open(cls.path("log"), "w")
        cls.process = subprocess.Popen([BUILD + "/bin/persona-host", "run", cls.path("host.yaml")], stdout=cls.log, stderr=cls.log, env=environment)
        for _ in range(600):
            with open(cls.path("log")) as f:
                said = f.read()
            if "ready:" in said:
                break
            if cls.process.poll() is not None:
                raise RuntimeError(said)
            time.sleep(0.05)
        cls.assertion = cls.bundle(key)

    @classmethod
    def tearDownClass(cls):
        cls.provider.shutdown()
        cls.provider.server_close()
        cls.process.terminate()
        cls.process.wait(30)
        cls.log.close()
        shutil.rmtree(cls.dir)

    @classmethod
    def path(cls, name):
        return os.path.join(cls.dir, name)

    @classmethod
    def write(cls, name, text):
        with open(cls.path(name), "w") as f:
            f.write(text)
        return cls.path(name)

    @classmethod
    def bundle(cls, key):
        """What a browser would hand to a site: an RSA key of its own, certified by the documented code."""
        certify = load(cls.write("certify.py", snippet("providers.md", "certify")))
        user = cls.path("user.pem")
        subprocess.run(["openssl", "genrsa", "-out", user, "2048"], check=True, capture_output=True)
        modulus = subprocess.run(["openssl", "rsa", "-in", user, "-noout", "-modulus"], check=True, capture_output=True, text=True).stdout
        pubkey = json.dumps({"algorithm": "RS", "n": str(int(modulus.strip().split("=")[1], 16)), "e": "65537"})
        certificate = certify.certificate("docs.example", "ann@docs.example", pubkey, 3600, key)
        payload = {"exp": int(time.time() * 1000) + 600_000, "aud": AUDIENCE}
        text = certify.encode(b'{"alg":"RS256"}') + "." + certify.encode(json.dumps(payload).encode())
        signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", user], input=text.encode(), capture_output=True, check=True).stdout
        return certificate + "~" + text + "." + base64.urlsafe_b64encode(signature).rstrip(b"=").decode()

    def run_both(self, command):
        """The answer for the right audience and for another one."""
        answers = []
        for audience in (AUDIENCE, "https://other.example"):
            done = subprocess.run([*command, self.assertion, audience, self.verifier], capture_output=True, text=True, timeout=60, cwd=self.dir)
            answers.append((done.returncode, (done.stdout + done.stderr).strip()))
        self.assertEqual(answers[0], (0, "ann@docs.example"))
        self.assertNotEqual(answers[1][0], 0, answers[1])
        self.assertIn("audience", answers[1][1])

    def test_the_server_bounds_the_life_of_a_certificate(self):
        certify = load(self.write("certify.py", snippet("providers.md", "certify")))
        for asked, given in ((3600, 3600), (10**12, 86400), (0, 60), (-5, 60), (600.5, 600)):
            payload = certify.certificate("docs.example", "ann@docs.example", "{}", asked, self.path("provider.pem")).split(".")[1]
            payload = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
            self.assertEqual(payload["exp"] - payload["iat"], given * 1000, asked)

    def test_curl(self):
        for audience, status in ((AUDIENCE, "okay"), ("https://other.example", "failure")):
            done = subprocess.run(["sh", "-c", snippet("sites.md", "curl")], capture_output=True, text=True, check=True,
                                  env={**os.environ, "VERIFIER": self.verifier, "ASSERTION": self.assertion, "AUDIENCE": audience})
            self.assertEqual(json.loads(done.stdout)["status"], status, done.stdout)

    def test_python(self):
        verify = load(self.write("verify.py", snippet("sites.md", "python"))).verify
        self.assertEqual(verify(self.assertion, AUDIENCE, self.verifier), "ann@docs.example")
        with self.assertRaises(ValueError):
            verify(self.assertion, "https://other.example", self.verifier)

    def test_node(self):
        self.write("verify.mjs", snippet("sites.md", "node"))
        self.write("main.mjs", "import { verify } from './verify.mjs';\nconsole.log(await verify(...process.argv.slice(2)));\n")
        self.run_both(["node", "main.mjs"])

    def test_php(self):
        self.write("verify.php", snippet("sites.md", "php"))
        self.write("main.php", "<?php require 'verify.php'; echo verify(...array_slice($argv, 1));")
        self.run_both(["php", "main.php"])

    def test_go(self):
        self.write("verify.go", snippet("sites.md", "go"))
        self.write("main.go", 'package main\n\nimport (\n\t"fmt"\n\t"os"\n)\n\nfunc main() {\n\temail, err := verify(os.Args[1], os.Args[2], os.Args[3])\n'
                   "\tif err != nil {\n\t\tfmt.Println(err)\n\t\tos.Exit(1)\n\t}\n\tfmt.Println(email)\n}\n")
        subprocess.run(["gccgo-12", "-o", "verify", "verify.go", "main.go"], check=True, cwd=self.dir)
        self.run_both(["./verify"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
