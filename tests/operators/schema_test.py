#!/usr/bin/env python3
"""The JSON Schema of the configuration takes every file that check-config takes, and refuses what it refuses.

Usage: schema_test.py SOURCE_DIR BUILD_DIR
"""
import copy
import glob
import json
import os
import subprocess
import sys
import unittest

import jsonschema
import yaml

SOURCE, BUILD = (os.path.abspath(a) for a in sys.argv[1:3])
del sys.argv[1:3]
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from host import Folder  # noqa: E402

HOST = os.path.join(BUILD, "bin/persona-host")
FILES = sorted(glob.glob(SOURCE + "/config/**/*.yaml", recursive=True) + glob.glob(SOURCE + "/packaging/etc/*.yaml"))
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("PERSONA_")}


class Schema(unittest.TestCase):
    def setUp(self):
        self.folder = Folder()
        self.addCleanup(self.folder.remove)

    def run_host(self, command, document):
        """Exit status and output; state goes to the test's folder, plugins come from the build."""
        text = json.dumps({**document, "state_dir": self.folder.file("state"), "plugin_dir": os.path.join(BUILD, "lib/persona/plugins")})
        done = subprocess.run([HOST, command, self.folder.write("host.yaml", text)], capture_output=True, text=True, timeout=120, env=ENVIRONMENT, cwd=self.folder.path)
        return done.returncode, done.stdout, done.stderr

    def load(self, name):
        with open(name) as f:
            document = yaml.safe_load(f)
        for service in document["services"]:
            if "web_dir" in service.get("config", {}):
                service["config"]["web_dir"] = os.path.join(BUILD, "share/persona/web")
            for member in service.get("filters", []):
                if "explain" in member.get("config", {}):
                    member["config"]["explain"]["file"] = "explain.jsonl"
        # Which the roles make where they are missing: never in this machine's own folders.
        secrets = document.get("common", {}).get("secrets", {})
        secrets.update({name: f"secrets/{name}" for name in secrets})
        return document

    def validator(self, document):
        code, out, err = self.run_host("schema", document)
        self.assertEqual(code, 0, err)
        schema = json.loads(out)
        jsonschema.Draft202012Validator.check_schema(schema)
        return jsonschema.Draft202012Validator(schema)

    def test_every_file_that_ships_fits(self):
        self.assertGreater(len(FILES), 12)
        for name in FILES:
            with self.subTest(name):
                document = self.load(name)
                self.assertEqual([e.message for e in self.validator(document).iter_errors(document)], [])

    def test_what_check_config_refuses_does_not_fit(self):
        good = self.load(os.path.join(SOURCE, "config/local.yaml"))
        validator = self.validator(good)

        def change(path, value):
            document = copy.deepcopy(good)
            at = document
            for step in path[:-1]:
                at = at[step]
            at[path[-1]] = value
            return document

        wrong = [change(["processs"], "x"), change(["loops"], 1000), change(["loops"], "many"), change(["log", "level"], "loud"), change(["drain_timeout"], "soon"),
                 change(["listeners", 0, "limits"], {"connections": 0}), change(["listeners", 0, "limits"], {"header_bytes": "10 pounds"}),
                 change(["listeners", 0, "adress"], "x"), change(["lockdown"], "perhaps"), change(["executors", "api", "threads"], 0),
                 change(["services", 0, "config", "domain_key", "fiel"], "x"), change(["services", 1, "config", "mail", "transport"], "pigeon"),
                 change(["services", 5, "filters", 2, "on_error"], "shrug"), change(["common", "public_ulr"], "x"), change(["listeners", 0], {"name": "x"})]
        for document in wrong:
            code, _, err = self.run_host("check-config", document)
            self.assertEqual(code, 78, err)
            self.assertFalse(validator.is_valid(document), err)

    def test_values_from_elsewhere_fit(self):
        document = self.load(os.path.join(SOURCE, "config/local.yaml"))
        validator = self.validator(document)
        document["loops"] = "${env:LOOPS:-2}"
        document["drain_timeout"] = "${file:/etc/drain}"
        document["test_open_roles"] = "${env:OPEN:-false}"
        self.assertEqual([e.message for e in validator.iter_errors(document)], [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
