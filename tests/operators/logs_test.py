#!/usr/bin/env python3
"""One id names a request in the logs of every role that it passes, router and role each in its own process.

Usage: logs_test.py SOURCE_DIR BUILD_DIR
"""
import http.client
import json
import os
import sys
import unittest

import yaml

SOURCE, BUILD = (os.path.abspath(a) for a in sys.argv[1:3])
del sys.argv[1:3]
sys.path[:0] = [os.path.dirname(os.path.abspath(__file__)), os.path.join(SOURCE, "tests/docs")]
from blocks import blocks  # noqa: E402
from host import Folder, Host, await_true, free_port  # noqa: E402


class Logs(unittest.TestCase):
    def setUp(self):
        self.folder = Folder()
        self.addCleanup(self.folder.remove)

    def role(self, name, port, **more):
        """A process with a log of requests, as docs/operators/monitoring.md has it."""
        (shown,) = [b for b in blocks(SOURCE, "docs/operators/monitoring.md") if b.language == "yaml" and "request-id" in b.text]
        config = yaml.safe_load(shown.text.replace("/var/log/persona/verifier", self.folder.path).replace("access.log", name + ".access"))
        (service,) = config["services"]
        service.update(id=name, module=name + ".so")
        host = Host(BUILD, self.folder, name, {
            **config, "state_dir": self.folder.file(name),
            "listeners": [{"name": name, "address": f"127.0.0.1:{port}", "service": name, "trusted_proxies": ["127.0.0.1/32"]}], **more})
        self.addCleanup(host.stop)
        return host.start()

    def lines(self, name, what):
        with open(self.folder.file(name + ".access")) as f:
            return [line for line in f if what in line]

    def test_router_and_verifier_write_the_same_id(self):
        verifier, router = free_port(), free_port()
        # Without a fallback it needs no domain key.
        self.role("verifier", verifier, common={"fallback_domain": ""})
        self.role("router", router, common={"public_url": "https://login.example"}, upstreams=[{"name": r, "address": f"http://127.0.0.1:{verifier}"} for r in ("browserid", "dbwriter", "verifier", "static")])
        answers = []
        for headers in ({}, {"X-Request-Id": "0123456789abcdef-from-a-proxy"}):
            connection = http.client.HTTPConnection("127.0.0.1", router, timeout=30)
            connection.request("POST", "/verify", json.dumps({"assertion": "a", "audience": "https://site.example"}),
                               {"Content-Type": "application/json", "Host": "login.example", "X-Forwarded-For": "198.51.100.7", **headers})
            answer = connection.getresponse()
            self.assertEqual((answer.status, json.loads(answer.read())["status"]), (200, "failure"))
            answers.append(answer.headers["X-Request-Id"])
            connection.close()
        self.assertEqual(answers[1], "0123456789abcdef-from-a-proxy")
        self.assertNotEqual(answers[0], answers[1])
        self.assertGreaterEqual(len(answers[0]), 16)
        for name in ("router", "verifier"):
            await_true(f"{name} has logged both", lambda name=name: len(self.lines(name, '"POST /verify')) == 2)
            # Each loop hands its lines over on its own, so they may stand in another order.
            self.assertCountEqual([line.split()[-1] for line in self.lines(name, '"POST /verify')], answers)


if __name__ == "__main__":
    unittest.main(verbosity=2)
