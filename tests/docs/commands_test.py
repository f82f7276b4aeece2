#!/usr/bin/env python3
"""The commands of the documentation, one after the other, in a folder that has what they name.

Usage: commands_test.py SOURCE_DIR BUILD_DIR
"""
import http.client
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
sys.path[:0] = [os.path.dirname(os.path.abspath(__file__)), os.path.join(SOURCE, "tests/operators")]
from browser import Browser  # noqa: E402
from blocks import marked  # noqa: E402
from host import Folder, await_true, free_port  # noqa: E402
from service import whole_service  # noqa: E402

NAME = "tests/docs/commands_test.py"
CLIENT = "192.0.2.7"


def lines(page, language="sh"):
    """What a page tells to run; what stands behind ` # ` is a remark."""
    (block,) = [b for b in marked(SOURCE, NAME) if b.page == page and b.language == language]
    return [re.split(r"\s+# ?", line) for line in block.text.splitlines()] if language == "sh" else block.text


class Commands(unittest.TestCase):
    def setUp(self):
        self.folder = Folder()
        self.addCleanup(self.folder.remove)
        # A file that the pages call config/local.yaml, whose process has its socket in var/run.
        host = whole_service(BUILD, self.folder)
        config = json.loads(self.folder.read("all.yaml"))
        os.makedirs(self.folder.file("var/run"))
        os.mkdir(self.folder.file("config"))
        host.control = config["admin"]["socket"] = self.folder.file("var/run/local.sock")
        config["common"]["secrets"].update(antiabuse=self.folder.file("antiabuse"))
        next(s for s in config["services"] if s["id"] == "router")["filters"].append({"id": "antiabuse", "module": "antiabuse.so", "on_error": "allow"})
        config["heuristics"] = [{"id": rule, "module": f"antiabuse/{rule}.so", "on_error": "allow"} for rule in ("acl", "overload", "login")]
        host.file = self.folder.write("config/local.yaml", json.dumps(config))
        self.host = host
        self.addCleanup(host.stop)

    def run_line(self, line):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PERSONA_")}
        environment["PATH"] = os.path.join(BUILD, "bin") + ":" + environment["PATH"]
        return subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=120, cwd=self.folder.path, env=environment)

    def works(self, line):
        done = self.run_line(line)
        self.assertEqual((done.returncode, done.stderr), (0, ""), line)
        return done.stdout

    def test_hot_swap(self):
        self.host.start()
        commands = [line for line, *_ in lines("docs/hot-swap.md")]
        self.assertEqual(len(commands), 4)
        said = [self.works(line) for line in commands]
        self.assertIn("would be published", said[0])
        self.assertRegex(said[1], r"generation \d+ serves")
        self.assertIn("active", said[2])
        self.assertIn("serves", said[3])

    def test_operators_commands(self):
        self.host.start()
        Browser(self.host.router).sign_up(self.folder.file("mail"), "ann@example.org", "a long enough pass")
        right = wrong = 0
        for line, *remark in lines("docs/operators/commands.md"):
            line = line.replace("var/run/dbwriter.sock", "var/run/local.sock")
            if remark and remark[0].startswith("wrong"):
                self.assertEqual(self.run_line(line).returncode, 64, line)
                wrong += 1
            else:
                self.assertNotEqual(self.works(line), "", line)
                right += 1
        self.assertEqual((right, wrong), (3, 1))

    def test_anti_abuse(self):
        # Another version of a heuristic, below plugin_dir, and other limits of it.
        config = json.loads(self.folder.read("config/local.yaml"))
        plugins = config["plugin_dir"] = self.folder.file("plugins")
        shutil.copytree(os.path.join(BUILD, "lib/persona/plugins"), plugins)
        shutil.copy(os.path.join(plugins, "antiabuse/login.so"), os.path.join(plugins, "antiabuse/login-2.so"))
        with open(os.path.join(plugins, "antiabuse/login-2.so"), "ab") as image:
            image.write(b"2")
        self.folder.write("login.yaml", "account: {free: 20}\n")
        self.folder.write("config/local.yaml", json.dumps(config))
        self.host.start()
        self.works(f"persona-host ctl aa block {CLIENT} 600")
        connection = http.client.HTTPConnection("127.0.0.1", self.host.router, timeout=30)
        connection.request("GET", "/wsapi/session_context", headers={"Host": "login.example", "X-Forwarded-For": CLIENT})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        self.assertEqual(answer.status, 429)
        decision = answer.headers["BID-AA-Id"]
        said = {}
        for line, *_ in lines("docs/operators/anti-abuse.md"):
            words = line.split()
            if words[3] == "explain":
                words[4] = decision
            if words[3] == "abort":  # what was committed is tried no more
                self.works(" ".join(words[:3] + ["load", words[4]]))
            said[words[3]] = self.works(" ".join(words))
        self.assertEqual(len(said), 11)
        self.assertIn("overload", said["list"])
        shown = json.loads(lines("docs/operators/anti-abuse.md", "json"))
        explained = json.loads(said["explain"])
        self.assertEqual(explained["id"], decision)
        self.assertEqual(sorted(set(shown) - set(explained)), [], "the page shows what a decision does not have")

    def test_replay(self):
        (block,) = [b for b in marked(SOURCE, NAME) if b.page == "docs/operators/anti-abuse.md" and b.language == "console"]
        second = '192.0.2.7 - - [30/Nov/2026:16:00:00 +0000] "GET /wsapi/nothing HTTP/1.1" 400 812us 33 - "curl/8" 4f1e\n'
        log = self.folder.write("access.log", 15 * second)
        commands, shown = [], []
        for line in block.text.splitlines():
            (commands if line.startswith("$ ") else shown).append(line.removeprefix("$ "))
        said = ""
        for command in commands:
            command = command.replace("/usr/lib/persona/plugins", os.path.join(BUILD, "lib/persona/plugins"))
            said += self.works(command.replace("/var/log/persona/router/access.log", log))
        self.assertEqual(said.splitlines(), shown)

    def test_verifier(self):
        shutil.copy(os.path.join(SOURCE, "config/verifier.yaml"), self.folder.file("config/verifier.yaml"))
        ((line,),) = lines("docs/operators/verifier.md")
        port = free_port()
        line = line.replace("0.0.0.0", "127.0.0.1").replace("10000", str(port))
        environment = {**os.environ, "PATH": os.path.join(BUILD, "bin") + ":" + os.environ["PATH"]}
        with open(self.folder.file("verifier.log"), "w") as log:
            process = subprocess.Popen(["sh", "-c", line.replace("persona-host", "exec persona-host")], cwd=self.folder.path, env=environment, stdout=log, stderr=log)
        try:
            await_true("it is ready", lambda: process.poll() is not None or "ready: process" in self.folder.read("verifier.log"))
            self.assertIsNone(process.poll(), self.folder.read("verifier.log"))
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/status", timeout=30) as answer:
                self.assertEqual(answer.read(), b"OK")
        finally:
            process.terminate()
            process.wait(30)


if __name__ == "__main__":
    unittest.main(verbosity=2)
