#!/usr/bin/env python3
"""The beginning of README.md as it stands, in a network of its own, as the ports are fixed: scripts/run starts the service,
all that it prints answers, the demo says what README shows, Ctrl-C ends everything. Root alone can make such a network.

Usage: readme_test.py SOURCE_DIR
"""
import os
import re
import signal
import subprocess
import sys
import time
import unittest
import urllib.error
import urllib.request

SOURCE = os.path.abspath(sys.argv[1])
del sys.argv[1:2]
sys.path[:0] = [os.path.dirname(os.path.abspath(__file__)), os.path.join(SOURCE, "tests/operators")]
from blocks import blocks, read  # noqa: E402
from host import Folder, own_network  # noqa: E402

own_network()

STARTED = "Ctrl-C stops it."
RUN, DEMO = blocks(SOURCE, "README.md")[0], next(b for b in blocks(SOURCE, "README.md") if b.text.startswith("$ "))


def status(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as e:
        return e.code


def constant(text):
    """What a demo prints, without what differs from one to the next: address and assertion."""
    return re.sub(r"(?m)^eyJ\S+$", "eyJ...", re.sub(r"demo-[\d-]+@", "demo-N@", text))


class Readme(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        # The checkout's own data stay as they are.
        os.makedirs(os.path.join(SOURCE, "var"), exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "readme", os.path.join(SOURCE, "var")], check=True)
        cls.environment = {k: v for k, v in os.environ.items() if not k.startswith("PERSONA_")}

    def shell(self, line):
        return subprocess.run(["bash", "-c", line], cwd=SOURCE, env=self.environment, capture_output=True, text=True)

    def run_service(self, line):
        """What `line` says until it serves, and its process."""
        self.addCleanup(self.shell, "scripts/run --stop")
        folder = Folder()
        self.addCleanup(folder.remove)
        log = open(folder.file("log"), "w+")
        self.addCleanup(log.close)
        process = subprocess.Popen(["bash", "-c", line], cwd=SOURCE, env=self.environment, stdout=log,
                                   stderr=subprocess.STDOUT, start_new_session=True)
        said = ""
        while STARTED not in said:
            running = process.poll() is None
            log.seek(0)
            said = log.read()
            self.assertTrue(running or STARTED in said, said)
            time.sleep(0.1)
        return said, process

    def works(self, line, processes):
        said, process = self.run_service(line)
        self.assertIn(f"{processes} process(es)", said)
        urls = re.findall(r"http://127\.0\.0\.1:\d+\S*", said)
        self.assertEqual(len(urls), 6, said)
        for url in urls:
            self.assertEqual(status(url), 405 if url.endswith("/verify") else 200, url)
        command, _, shown = DEMO.text.partition("\n")
        demo = self.shell(command.removeprefix("$ "))
        self.assertEqual((demo.returncode, constant(demo.stdout)), (0, constant(shown)), demo.stderr)
        os.killpg(process.pid, signal.SIGINT)
        self.assertEqual(process.wait(60), 0)
        for url in urls:
            with self.assertRaises(urllib.error.URLError):
                status(url)

    def test_one_process_and_the_examples(self):
        self.works(RUN.text.splitlines()[0], 2)

    def test_a_process_for_each_role(self):
        line = "scripts/run --split"
        self.assertIn(f"`{line}` starts one process for each role", read(SOURCE, "README.md"))
        self.works(line, 7)


if __name__ == "__main__":
    unittest.main(verbosity=2)
