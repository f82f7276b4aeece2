#!/usr/bin/env python3
"""A process is replaced, or restarted behind a supervisor's socket, while requests come: none is lost.

Usage: replace_test.py SOURCE_DIR BUILD_DIR
"""
import os
import shutil
import socket
import sys
import unittest
import urllib.request

SOURCE, BUILD = (os.path.abspath(a) for a in sys.argv[1:3])
del sys.argv[1:3]
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from host import Folder, Host, Wrk, alive, await_true, free_port  # noqa: E402


@unittest.skipUnless(shutil.which("wrk"), "there is no wrk on this machine (scripts/packages test)")
class Replace(unittest.TestCase):
    def setUp(self):
        self.folder = Folder()
        self.addCleanup(self.folder.remove)
        self.hosts = []
        self.addCleanup(lambda: [h.stop() for h in self.hosts])

    def host(self, name, config, **more):
        self.hosts.append(Host(BUILD, self.folder, name, config, **more))
        return self.hosts[-1].start()

    def back(self, address, **more):
        return self.host("back", {
            "common": {"public_url": "https://login.example", "domain_key": {"public_file": self.folder.file("domain.json")},
                       "secrets": {"roles": self.folder.file("roles")}},
            "listeners": [{"name": "static", "address": address, "service": "static"}],
            "services": [{"id": "keysigner", "module": "keysigner.so", "config": {"domain_key": {"file": self.folder.file("domain.pem")}}},
                         {"id": "static", "module": "static.so"}]}, **more)

    def front(self, port, upstream):
        return self.host("front", {
            "common": {"public_url": "https://login.example"},
            "pid_file": self.folder.file("front.pid"),
            "listeners": [{"name": "router", "address": f"127.0.0.1:{port}", "service": "router"}],
            "upstreams": [{"name": n, "addresses": [upstream]} for n in ("browserid", "dbwriter", "verifier", "static")],
            "services": [{"id": "router", "module": "router.so"}]})

    def seen(self, wrk, more_than=200):
        requests, bad = wrk.faults()
        self.assertEqual(bad, [], f"of {requests} requests")
        self.assertGreater(requests, more_than)

    def test_a_new_process_takes_over(self):
        port, path = free_port(), self.folder.file("static.sock")
        back = self.back("unix:" + path)
        front = self.front(port, "unix:" + path)
        wrk = Wrk(f"http://127.0.0.1:{port}/include.js")
        old = [front.replace(), back.replace(), front.replace(), back.replace()]
        for pid in old:
            await_true(f"{pid} has drained", lambda pid=pid: not alive(pid))
        self.seen(wrk)
        self.assertEqual(self.folder.read("front.pid").strip(), str(front.pids[-1]))
        self.assertNotIn("was cut", front.log() + back.log())

    def test_one_that_does_not_come_up_changes_nothing(self):
        port = free_port()
        front = self.front(port, "http://127.0.0.1:9")
        good = self.folder.read("front.yaml")
        for wrong, why in (("{", "status 78"), (good.replace('"router.so"', '"none.so"'), "status 78"),
                           (good.replace(str(port), str(free_port())), "status 69")):
            self.folder.write("front.yaml", wrong)
            done = front.ctl("replace")
            self.assertEqual((done.returncode, why in done.stderr), (1, True), done.stderr + front.log())
        self.assertIn("make ListenStream= of the socket unit the same", front.log())
        self.assertIsNone(front.process.poll())
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/__heartbeat__", timeout=20) as answer:
            self.assertEqual(answer.status, 200)
        self.assertEqual(self.folder.read("front.pid").strip(), str(front.process.pid))
        self.folder.write("front.yaml", good)
        front.replace()

    def test_a_restart_behind_a_supervisors_socket(self):
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen(4096)
            port = listening.getsockname()[1]
            back = self.back(f"127.0.0.1:{port}", socket_name="static", given=listening)
            wrk = Wrk(f"http://127.0.0.1:{port}/include.js")
            for _ in range(3):
                self.assertEqual(back.stop(), 0)
                back.start()
            self.seen(wrk)

    def test_a_socket_for_nobody_is_refused(self):
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen()
            with self.assertRaisesRegex(AssertionError, "handed over for 'other', and no listener has that name"):
                self.back(f"127.0.0.1:{free_port()}", socket_name="other", given=listening)
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            with self.assertRaisesRegex(AssertionError, "is no listening socket"):
                self.back(f"127.0.0.1:{free_port()}", socket_name="static", given=bound)


if __name__ == "__main__":
    unittest.main(verbosity=2)
