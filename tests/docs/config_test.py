#!/usr/bin/env python3
"""The fragments of YAML in the documentation, each within a configuration that works: they are taken, and what they
set is in effect.

Usage: config_test.py SOURCE_DIR BUILD_DIR
"""
import json
import os
import re
import subprocess
import sys
import unittest

import yaml

SOURCE, BUILD = (os.path.abspath(a) for a in sys.argv[1:3])
del sys.argv[1:3]
sys.path[:0] = [os.path.dirname(os.path.abspath(__file__)), os.path.join(SOURCE, "tests/operators")]
from blocks import marked  # noqa: E402
from host import Folder  # noqa: E402
from service import whole_service  # noqa: E402

NAME = "tests/docs/config_test.py"
# The pages: README.md cdn.md keysigner.md mail.md scaling.md security-log.md tls.md anti-abuse.md
PROGRAM = os.path.join(BUILD, "bin/persona-host")
FILTER_MODULES = os.path.join(BUILD, "lib/persona/plugins")


def of_the_host(key):
    return key in ("common", "listeners", "upstreams", "services", "heuristics", "executors", "log", "admin", "access_log", "statsd", "process", "state_dir", "shared_state")


def into(config, fragment):
    """Puts what a page shows where it belongs."""
    if isinstance(fragment, list):
        # Filters of the router.
        filters = next(s for s in config["services"] if s["id"] == "router")["filters"]
        config["heuristics"] = [{"id": rule, "module": f"antiabuse/{rule}.so", "on_error": "allow"} for rule in ("rate", "stuffing")]
        for f in fragment:
            filters[:] = [old for old in filters if old["id"] != f["id"]] + [f]
        return
    for key, value in fragment.items():
        if not of_the_host(key):
            next(s for s in config["services"] if s["id"] == "dbwriter")["config"][key] = value
        elif key == "common":
            config["common"].update(value)
        elif isinstance(value, list) and key in config:
            name = "id" if key in ("services", "heuristics") else "name"
            for item in value:
                old = next((o for o in config[key] if o[name] == item[name]), None)
                if old is None:
                    config[key].append(item)
                elif key == "services":
                    old.setdefault("config", {}).update(item.get("config", {}))
                else:
                    config[key][config[key].index(old)] = item
        else:
            config[key] = value


def leaves(value):
    if isinstance(value, dict):
        for v in value.values():
            yield from leaves(v)
    elif isinstance(value, list):
        for v in value:
            yield from leaves(v)
    else:
        yield value


class Fragments(unittest.TestCase):
    def run_host(self, command, config):
        file = self.folder.write("config.yaml", config if isinstance(config, str) else json.dumps(config))
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PERSONA_")}
        return subprocess.run([PROGRAM, command, file], capture_output=True, text=True, timeout=120, env=environment, cwd=self.folder.path)

    def setUp(self):
        self.folder = Folder()
        self.addCleanup(self.folder.remove)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj", "/CN=login.example",
                        "-keyout", self.folder.file("key.pem"), "-out", self.folder.file("chain.pem")], check=True, capture_output=True)
        self.folder.write("password", "a password\n")
        os.chmod(self.folder.file("password"), 0o600)

    def place(self, text):
        """Paths of an installation become those of this test."""
        for old, new in (("/etc/persona/tls/chain.pem", "chain.pem"), ("/etc/persona/tls/key.pem", "key.pem"), ("/etc/persona/smtp-password", "password"),
                         ("/etc/persona/pin", "password"), ("/etc/persona/secrets/redis", "password"), ("/var/lib/persona/mail-queue", "queue")):
            text = text.replace(old, self.folder.file(new))
        return text

    def test_every_fragment(self):
        found = marked(SOURCE, NAME)
        self.assertGreater(len(found), 7)
        for block in found:
            with self.subTest(str(block)):
                fragment = yaml.safe_load(self.place(block.text))
                whole = isinstance(fragment, dict) and "services" in fragment and "listeners" in fragment
                if whole:
                    config = fragment
                else:
                    config = json.loads(json.dumps(self.base()))
                    into(config, fragment)
                # Which checks as check-config does, and shows what holds.
                done = self.run_host("print-config", config)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                for value in leaves(fragment):
                    if isinstance(value, str) and not re.search(r"\$\{", value):
                        self.assertIn(value, done.stdout, "print-config does not show it")

    def base(self):
        host = whole_service(BUILD, self.folder)
        return json.loads(self.folder.read("all.yaml")) if host else None

    def test_a_wrong_fragment_is_refused(self):
        config = self.base()
        into(config, yaml.safe_load("smtp: {hots: mail.example}"))
        done = self.run_host("check-config", config)
        self.assertEqual(done.returncode, 78)
        self.assertIn("hots", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
