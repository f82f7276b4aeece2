#!/usr/bin/env python3
"""Runs the attack of docs/operators/incidents.md: every command of its console blocks, against a router with the
shipped heuristics that is being attacked. What is printed must be what the page shows, numbers aside; "..." at the end of a
line stands for the rest, alone for any lines.

Usage: incident_test.py SOURCE_DIR BUILD_DIR
"""
import http.client
import http.server
import json
import os
import re
import subprocess
import sys
import threading
import unittest

import yaml

SOURCE, BUILD = (os.path.abspath(a) for a in sys.argv[1:3])
del sys.argv[1:3]
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from host import Folder, Host, await_true, free_port  # noqa: E402
from wrong_passwords import WrongPasswords  # noqa: E402

PLUGINS = os.path.join(BUILD, "lib/persona/plugins")
ATTACKER, NEIGHBOUR = "198.51.100.7", "203.0.113.9"


def blocks():
    with open(os.path.join(SOURCE, "docs/operators/incidents.md")) as f:
        found = re.findall(r"```console\n(.*?)```", f.read(), re.S)
    for block in found:
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, output = part.partition("\n")
            yield command, output.splitlines()


def shape(line):
    return re.sub(r"\d+", "#", re.sub(r"\b[0-9a-f]{16,}\b", "HEX", re.sub(r"\s+", " ", line.strip())))


class Incident(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = Folder()
        self.addCleanup(self.folder.remove)
        role = http.server.ThreadingHTTPServer(("127.0.0.1", 0), WrongPasswords)
        threading.Thread(target=role.serve_forever, daemon=True).start()
        self.addCleanup(role.server_close)
        self.addCleanup(role.shutdown)
        with open(os.path.join(SOURCE, "config/split/router.yaml")) as f:
            heuristics = yaml.safe_load(f)["heuristics"]
        self.port, self.admin = free_port(), free_port()
        self.explained = self.folder.file("antiabuse.jsonl")
        self.host = Host(BUILD, self.folder, "router", {
            "plugin_dir": PLUGINS, "loops": 1, "admin": {"address": f"127.0.0.1:{self.admin}"},
            "common": {"public_url": "https://login.example",
                       "secrets": {n: self.folder.file(n) for n in ("class", "antiabuse", "challenge")}},
            # A loaded machine is no heuristic's fault.
            "heuristics": [{**h, "budget": "1s"} for h in heuristics],
            "listeners": [{"name": "router", "address": f"127.0.0.1:{self.port}", "service": "router", "trusted_proxies": ["127.0.0.1/32"]}],
            "upstreams": [{"name": n, "addresses": [f"http://127.0.0.1:{role.server_port}"]} for n in ("browserid", "dbwriter", "verifier", "static")],
            "services": [{"id": "router", "module": "router.so", "filters": [
                {"id": "antiabuse", "module": "antiabuse.so", "on_error": "allow", "budget": "1s", "config": {"explain": {"file": self.explained}}}]}]})
        self.addCleanup(self.host.stop)
        self.host.start()

    def guess(self, account, network):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("POST", "/wsapi/authenticate_user", json.dumps({"email": account, "pass": "a wrong one", "ephemeral": False}),
                               {"Content-Type": "application/json", "X-Forwarded-For": network})
            answer = connection.getresponse()
            answer.read()
            return answer.status, answer.headers.get("BID-AA-Id", "")
        finally:
            connection.close()

    def attack(self, tries):
        """The ids of the refusals."""
        seen = [self.guess(f"person{n}@mail.example", ATTACKER) for n in range(tries)]
        return [i for status, i in seen if status != 200]

    def scan(self, requests, network):
        """Asks for what there is not; within the budget."""
        for _ in range(requests):
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            connection.request("GET", "/wsapi/nothing", headers={"X-Forwarded-For": network})
            self.assertEqual(connection.getresponse().status, 400)
            connection.close()

    def run_command(self, command, decision):
        for said, really in (("127.0.0.1:10022", f"127.0.0.1:{self.admin}"), ("/var/log/persona/antiabuse.jsonl", self.explained),
                             ("persona-host ", os.path.join(BUILD, "bin/persona-host") + " "), ("BID_AA_ID", decision)):
            command = command.replace(said, really)
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120, cwd=self.folder.path,
                              env={**os.environ, "PERSONA_CONTROL_SOCKET": self.host.control})
        self.assertEqual(done.returncode, 0, command + "\n" + done.stdout + done.stderr)
        return done.stdout.splitlines()

    def test_from_the_first_alarm_to_calm(self):
        # Enough for challenges, and not so much that connections are cut.
        decision = self.attack(24)[-1]
        await_true("the lines are written", lambda: decision in self.folder.read("antiabuse.jsonl"))
        ran = 0
        for command, expected in blocks():
            if "aa diff" in command:
                self.scan(6, NEIGHBOUR)
            lines = self.run_command(command, decision)
            if os.environ.get("SHOW"):
                print("$ " + command, *lines, sep="\n")
                continue
            output = [shape(line) for line in lines]
            for line in expected:
                wanted, cut, _ = shape(line).partition("...")
                self.assertTrue(any(o.startswith(wanted) if cut else o == wanted for o in output),
                                f"$ {command}: the page shows\n{line}\nand it was\n" + "\n".join(lines))
            ran += 1
        self.assertGreater(ran, 8, "the page has lost its commands")


if __name__ == "__main__":
    unittest.main(verbosity=2)
