#!/usr/bin/env python3
"""Two routers that share their counts in Redis, and Redis that goes, hangs and comes back during an attack (S19).

The attack is S8's: one account, every try from another network, through both routers in turn. How many tries get
to the role is counted at the role; nothing here is measured on the clock.

Usage: shared_state_test.py SOURCE_DIR BUILD_DIR
"""
import http.client
import http.server
import json
import os
import re
import shutil
import signal
import sys
import threading
import time
import unittest
import urllib.request

SOURCE, BUILD = (os.path.abspath(a) for a in sys.argv[1:3])
del sys.argv[1:3]
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from host import Folder, Host, await_true, free_port  # noqa: E402
from redis import Redis  # noqa: E402
from wrong_passwords import WrongPasswords  # noqa: E402

BUDGET = 10  # wrong passwords of strangers for one account, in a day
PLUGINS = os.path.join(BUILD, "lib/persona/plugins")


class Router(Host):
    def __init__(self, folder, name, role_port, redis_config, period="20ms", deadline="500ms"):
        self.port, self.admin_port = free_port(), free_port()
        super().__init__(BUILD, folder, name, {
            "loops": 1,
            "admin": {"address": f"127.0.0.1:{self.admin_port}"},
            "common": {"public_url": "https://login.example",
                       "secrets": {"class": folder.file("class"), "antiabuse": folder.file("antiabuse")}},
            "shared_state": {"module": os.path.join(PLUGINS, "antiabuse/state-redis.so"), "period": period, "deadline": deadline,
                             "config": redis_config},
            "heuristics": [{"id": "login", "module": os.path.join(PLUGINS, "antiabuse/login.so"), "on_error": "deny", "budget": "1s",
                            "config": {"account": {"free": BUDGET, "daily": 1000, "row": 1000}, "slots": 4096}}],
            "listeners": [{"name": "router", "address": f"127.0.0.1:{self.port}", "service": "router", "trusted_proxies": ["127.0.0.1/32"]}],
            "upstreams": [{"name": n, "addresses": [f"http://127.0.0.1:{role_port}"]} for n in ("browserid", "dbwriter", "verifier", "static")],
            "services": [{"id": "router", "module": os.path.join(PLUGINS, "router.so"), "filters": [
                {"id": "antiabuse", "module": os.path.join(PLUGINS, "antiabuse.so"), "on_error": "deny", "budget": "1s", "config": {"prefixes": 4096}}]}]})

    def metric(self, name):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}/metrics", timeout=20) as page:
            return int(re.search(rf"^{name} (\d+)$", page.read().decode(), re.M).group(1))

    def exchanges(self):
        return self.metric("bid_aa_shared_exchanges_total")

    def guess(self, account, network):
        """The status of a try at that account; 200: it got through."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("POST", "/wsapi/authenticate_user", json.dumps({"email": account, "pass": "a wrong one", "ephemeral": False}),
                               {"Content-Type": "application/json", "X-Forwarded-For": network})
            answer = connection.getresponse()
            answer.read()
            return answer.status
        finally:
            connection.close()


@unittest.skipUnless(shutil.which("redis-server"), "there is no redis-server on this machine (scripts/packages test)")
class SharedState(unittest.TestCase):
    def setUp(self):
        self.folder = Folder()
        self.addCleanup(self.folder.remove)
        self.role = http.server.ThreadingHTTPServer(("127.0.0.1", 0), WrongPasswords)
        threading.Thread(target=self.role.serve_forever, daemon=True).start()
        self.addCleanup(self.role.server_close)
        self.addCleanup(self.role.shutdown)
        self.networks = 0

    def redis(self, *options):
        self.store = Redis(self.folder, *options)
        self.addCleanup(self.store.kill)
        return self.store.start()

    def router(self, name, **more):
        config = {"address": f"127.0.0.1:{self.store.port}", **more.pop("config", {})}
        router = Router(self.folder, name, self.role.server_port, config, **more)
        self.addCleanup(router.stop)
        return router.start()

    def pair(self):
        self.redis()
        routers = [self.router("a"), self.router("b")]
        for r in routers:
            await_true("both know of each other", lambda r=r: r.metric("bid_aa_shared_peers") == 2)
        return routers

    def settle(self, routers):
        """What was said before has been said and heard by all."""
        for _ in range(2):
            before = [r.exchanges() for r in routers]
            for r, n in zip(routers, before):
                await_true("an exchange", lambda r=r, n=n: r.exchanges() >= n + 2)

    def attack(self, routers, account, tries, sharing=True):
        """How many of the tries got through; each from a network of its own."""
        through = 0
        for n in range(tries):
            self.networks += 1
            status = routers[n % len(routers)].guess(account, f"10.{self.networks >> 8}.{self.networks & 255}.1")
            self.assertIn(status, (200, 429))
            through += status == 200
            if sharing:
                self.settle(routers)
        return through

    def test_one_budget_for_two_routers(self):
        routers = self.pair()
        self.assertEqual(self.attack(routers, "ann@mail.example", 16), BUDGET)
        self.assertEqual(self.attack(routers[:1], "bob@mail.example", 7, sharing=False), 7)
        names = self.store.keys("*")
        self.assertTrue(any(n.startswith("aa:{persona}:login.tries:") for n in names), names)
        self.assertFalse([n for n in names if "mail.example" in n or "10.0." in n], "no address of anybody is in the store")

    def test_a_block_is_known_to_all(self):
        routers = self.pair()
        self.assertEqual(routers[0].guess("ann@mail.example", "192.0.2.7"), 200)
        self.assertEqual(routers[0].ctl("aa", "block", "192.0.2.7", "600").returncode, 0)
        self.settle(routers)
        self.assertEqual(routers[1].guess("ann@mail.example", "192.0.2.7"), 429)
        self.assertEqual(routers[1].guess("ann@mail.example", "192.0.2.8"), 200)
        self.assertEqual(routers[1].ctl("aa", "unblock", "192.0.2.7").returncode, 0)
        self.settle(routers)
        self.assertEqual(routers[0].guess("ann@mail.example", "192.0.2.7"), 200)

    def test_s19_redis_is_killed_during_an_attack_and_comes_back(self):
        routers = self.pair()
        tries = 20
        before = self.attack(routers, "ann@mail.example", tries)
        self.attack(routers, "bob@mail.example", 4)
        self.store.kill()
        # Until they have noticed, each goes on by what it knows; no request is lost or refused for it.
        self.assertEqual(self.attack(routers, "bob@mail.example", 2, sharing=False), 2)
        for r in routers:
            await_true("it is noticed", lambda r=r: r.metric("bid_aa_shared_up") == 0)
            self.assertEqual(r.log().count("counts are not shared any more"), 1, r.log())
        during = self.attack(routers, "eve@mail.example", tries, sharing=False)
        self.assertEqual(during, BUDGET, "half a budget at each of two")
        self.assertEqual(self.attack(routers, "ann@mail.example", 4, sharing=False), 0, "what was known stays known")
        stopped = [100 * (tries - n) / tries for n in (before, during)]
        self.assertGreaterEqual(stopped[1], stopped[0] - 10)
        # It comes back, and has forgotten everything.
        self.store.start()
        for r in routers:
            await_true("it is found again", lambda r=r: r.metric("bid_aa_shared_up") == 1)
        self.settle(routers)
        self.assertEqual(self.attack(routers, "ann@mail.example", 4), 0, "nobody is given a new budget")
        self.assertEqual(self.attack(routers, "joe@mail.example", 16), BUDGET, "one budget again")
        third = self.router("c")
        self.settle([*routers, third])
        self.assertEqual(third.guess("ann@mail.example", "198.51.100.1"), 429, "who comes later learns what the others know")
        for r in routers:
            self.assertEqual(r.log().count("counts are shared with"), 2, r.log())

    def test_a_store_that_hangs_holds_up_nobody(self):
        self.redis()
        router = self.router("a", deadline="50s")
        await_true("it is reached", lambda: router.metric("bid_aa_shared_up") == 1)
        self.store.signal(signal.SIGSTOP)
        self.addCleanup(lambda: self.store.process and self.store.signal(signal.SIGCONT))
        # The one under way when it was stopped may still have been answered.
        await_true("an exchange is under way", lambda: self.stands(router))
        stuck = router.exchanges()
        self.assertEqual(self.attack([router], "ann@mail.example", 14, sharing=False), BUDGET)
        self.assertEqual(router.exchanges(), stuck, "all that was answered while the exchange was not")
        self.store.signal(signal.SIGCONT)
        await_true("it goes on", lambda: router.exchanges() > stuck)

    @staticmethod
    def guide():
        with open(os.path.join(SOURCE, "docs/operators/anti-abuse.md")) as f:
            return f.read()

    @staticmethod
    def stands(router):
        seen = router.exchanges()
        time.sleep(0.5)
        return router.exchanges() == seen

    def test_a_store_that_was_emptied_is_filled_again(self):
        routers = self.pair()
        self.attack(routers, "ann@mail.example", 12)
        self.assertEqual(self.store.command("SCRIPT", "FLUSH"), "+OK")
        self.settle(routers)
        self.assertEqual(self.store.command("FLUSHALL"), "+OK")
        self.settle(routers)
        self.settle(routers)
        self.assertEqual(self.attack(routers, "ann@mail.example", 4), 0)
        self.assertTrue(self.store.keys("aa:{persona}:login.tries:*"), "they have said again what they hold")

    def test_a_password_is_used_and_a_wrong_one_is_said(self):
        self.redis("--requirepass", "a long password")
        right, wrong = (self.folder.write(n, t) for n, t in (("right", "a long password\n"), ("wrong", "another one\n")))
        rights = re.search(r"`ACL SETUSER persona on\n? +>PASSWORD ([^`]+)`", self.guide()).group(1).split()
        self.assertEqual(self.store.command("AUTH", "a long password"), "+OK")
        self.assertEqual(self.store.commands(("AUTH", "a long password"), ("ACL", "SETUSER", "persona", "on", ">its own", *rights))[-1], "+OK")
        own = self.folder.write("own", "its own\n")
        for name, config in (("good", {"password_file": right}), ("least", {"user": "persona", "password_file": own})):
            router = self.router(name, config=config)
            await_true(f"{name} is let in", lambda router=router: router.metric("bid_aa_shared_up") == 1)
            self.assertEqual(self.attack([router], f"{name}@mail.example", BUDGET + 2), BUDGET)
        bad = self.router("bad", config={"password_file": wrong})
        await_true("it is said", lambda: "counts are not shared any more: AUTH: WRONGPASS" in bad.log())
        self.assertNotIn("another one", bad.log())
        self.assertEqual(bad.guess("ann@mail.example", "192.0.2.7"), 200)


if __name__ == "__main__":
    unittest.main(verbosity=2)
