#!/usr/bin/env python3
"""What docs/operators/monitoring names is exported by a running service, and promtool takes the rules.

Usage: monitoring_test.py SOURCE_DIR BUILD_DIR
"""
import json
import os
import re
import shutil
import subprocess
import sys
import unittest
import urllib.request

SOURCE, BUILD = (os.path.abspath(a) for a in sys.argv[1:3])
del sys.argv[1:3]
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from host import Folder  # noqa: E402
from service import whole_service  # noqa: E402

GUIDE = os.path.join(SOURCE, "docs/operators/monitoring")
RULES = os.path.join(GUIDE, "rules.yaml")


def names(text):
    return set(re.findall(r"\bpersona_[a-z0-9_]+", text))


class Monitoring(unittest.TestCase):
    def setUp(self):
        self.folder = Folder()
        self.addCleanup(self.folder.remove)

    def test_every_name_is_exported(self):
        host = whole_service(BUILD, self.folder)
        self.addCleanup(host.stop)
        host.start()
        with urllib.request.urlopen(f"http://127.0.0.1:{host.router}/wsapi/session_context", timeout=30) as answer:
            self.assertEqual(answer.status, 200)
        with urllib.request.urlopen(f"http://127.0.0.1:{host.admin}/metrics", timeout=30) as answer:
            exported = names(answer.read().decode())
        with open(RULES) as f:
            rules = names(f.read())
        with open(os.path.join(GUIDE, "dashboard.json")) as f:
            targets = [t["expr"] for panel in json.load(f)["panels"] for t in panel["targets"]]
        self.assertGreater(len(rules), 30)
        self.assertGreater(len(targets), 30)
        self.assertEqual(sorted(rules - exported), [])
        self.assertEqual(sorted(names(" ".join(targets)) - exported), [])

    def test_the_rules_and_the_dashboards_queries_are_prometheus_own(self):
        promtool = os.environ.get("PROMTOOL") or shutil.which("promtool")
        if not promtool:
            self.skipTest("there is no promtool on this machine (scripts/packages test)")
        done = subprocess.run([promtool, "check", "rules", RULES], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        with open(os.path.join(GUIDE, "dashboard.json")) as f:
            targets = [t["expr"] for panel in json.load(f)["panels"] for t in panel["targets"]]
        # As rules, so that the same parser reads them.
        queries = {"groups": [{"name": "dashboard", "rules": [{"record": f"panel:{i}", "expr": e} for i, e in enumerate(targets)]}]}
        done = subprocess.run([promtool, "check", "rules", self.folder.write("queries.yaml", json.dumps(queries))], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn(f"{len(targets)} rules found", done.stdout)

        with open(os.path.join(SOURCE, "docs/operators/monitoring.md")) as f:
            config = re.search(r"```yaml\n(.*?)```", f.read(), re.S).group(1).replace("/usr/share/doc/persona-host/operators/monitoring", GUIDE)
        done = subprocess.run([promtool, "check", "config", self.folder.write("prometheus.yml", config)], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("1 rule files found", done.stdout)
        # The ports are those of the configurations that ship.
        for role in ("browserid", "dbwriter", "keysigner", "router", "static", "verifier"):
            with open(os.path.join(SOURCE, f"packaging/etc/{role}.yaml")) as f:
                admin = re.search(r'^admin: \{address: "([^"]+)"', f.read(), re.M).group(1)
            self.assertIn(f'"{admin}"', config, role)


if __name__ == "__main__":
    unittest.main(verbosity=2)
