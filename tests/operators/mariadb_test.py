#!/usr/bin/env python3
"""docs/operators/mariadb.md as it stands: its SQL makes the users, its YAML connects the roles, and browserid's user
may read and nothing else.

Usage: mariadb_test.py SOURCE_DIR BUILD_DIR
"""
import json
import os
import re
import sys
import unittest

import yaml

SOURCE, BUILD = (os.path.abspath(a) for a in sys.argv[1:3])
del sys.argv[1:3]
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from browser import Browser  # noqa: E402
from host import Folder  # noqa: E402
from mariadb import MariaDb  # noqa: E402
from service import whole_service  # noqa: E402

PASSWORD = "of both users"


class Guide(unittest.TestCase):
    def block(self, language):
        with open(os.path.join(SOURCE, "docs/operators/mariadb.md")) as f:
            return re.search(rf"```{language}\n(.*?)```", f.read(), re.S).group(1)

    def test_the_page(self):
        folder = Folder()
        self.addCleanup(folder.remove)
        server = MariaDb(folder)
        self.addCleanup(server.stop)
        self.assertEqual(server.run(self.block("sql").replace("'...'", f"'{PASSWORD}'")), (0, ""))

        folder.write("db-password", PASSWORD + "\n")
        os.chmod(folder.file("db-password"), 0o600)
        text = self.block("yaml").replace("/etc/persona/db-password", folder.file("db-password")).replace("db.example", "127.0.0.1").replace("3306", str(server.port))
        host = whole_service(BUILD, folder)
        config = json.loads(folder.read("all.yaml"))
        # One process: each role has its own user, as in its own file.
        del config["common"]["database"]
        for service in config["services"]:
            if service["id"] in ("dbwriter", "browserid"):
                own = yaml.safe_load(text)["common"]
                own["database"]["user"] = {"dbwriter": "persona_writer", "browserid": "persona_reader"}[service["id"]]
                service.setdefault("config", {}).update(own)
        folder.write("all.yaml", json.dumps(config))
        self.addCleanup(host.stop)
        host.start()
        browser = Browser(host.router)
        browser.sign_up(folder.file("mail"), "ann@mail.example", "a long enough pass")
        self.assertTrue(browser.call("GET", "session_context")["authenticated"])

        code, tables = server.run("SHOW TABLES FROM persona", "persona_reader", PASSWORD)
        self.assertEqual(code, 0, tables)
        self.assertGreater(len(tables.split()), 3)
        for table in tables.split():
            self.assertEqual(server.run(f"SELECT COUNT(*) FROM persona.{table}", "persona_reader", PASSWORD)[0], 0)
            code, said = server.run(f"DELETE FROM persona.{table}", "persona_reader", PASSWORD)
            self.assertEqual(code, 1)
            self.assertIn("denied", said)


if __name__ == "__main__":
    unittest.main(verbosity=2)
