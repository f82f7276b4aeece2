#!/usr/bin/env python3
"""The trace compiler, the scenarios and the metrics: simulator_test.py TOP."""
import glob, os, re, sys, unittest

TOP = os.path.abspath(sys.argv[1])
sys.path.insert(0, f"{TOP}/bench/abuse")
from simulator import metrics, people, scenario, targets, trace

SMALL = {"before": 2, "attack": 5, "after": 2, "legit": {"users": 500, "flow": 50, "cgnat_users": [50, 80], "sites": 20},
         "attacks": [{"kind": "guess", "sources": 40, "rate": 1, "hit": 0.5}, {"kind": "flood", "sources": 3, "rate": 20}]}


COSTS = {"authenticate_user": 168200, "session_context": 100, "stage_reset": 300}


def events(octets):
    return list(trace.RECORD.iter_unpack(octets))


def row(**given):
    base = dict.fromkeys(metrics.Row._fields, 0)
    base.update(route=trace.ROUTES.index("session_context"), cost=100)
    base.update(given)
    return metrics.Row(**base)


class Trace(unittest.TestCase):
    def test_the_same_seed_gives_the_same_octets_and_another_gives_others(self):
        make = lambda seed: trace.compile_trace(scenario.complete("t", SMALL), seed)
        self.assertEqual(make(7), make(7))
        self.assertNotEqual(make(7), make(8))

    def test_what_is_added_leaves_the_people_as_they_are(self):
        quiet = dict(SMALL, attacks=[])
        legit = lambda s: [e for e in events(trace.compile_trace(scenario.complete("t", s), 3)) if e[7] == trace.LEGIT]
        self.assertEqual(legit(SMALL), legit(quiet))
        self.assertGreater(len(legit(quiet)), 50)

    def test_it_is_in_order_and_in_loopback_and_as_often_as_asked(self):
        all_events = events(trace.compile_trace(scenario.complete("t", SMALL), 1))
        self.assertEqual([e[0] for e in all_events], sorted(e[0] for e in all_events))
        for e in all_events:
            self.assertEqual(e[2] >> 24, 127)
            self.assertNotIn(e[2] & 255, (0, 255))
            self.assertGreaterEqual(e[2], 0x7F000100)  # never the address of the services themselves
        flood = [e for e in all_events if e[12] == 2]
        self.assertTrue(240 < len(flood) < 360, len(flood))
        self.assertTrue(all(2e6 <= e[0] < 7e6 for e in flood))

    def test_tiers_and_shared_addresses(self):
        def bots(population):
            given = dict(SMALL, legit=dict(SMALL["legit"], population=population), attacks=[{"kind": "guess", "sources": 300, "rate": 1, "shared": 0.1}])
            return [e for e in events(trace.compile_trace(scenario.complete("t", given), 1, "A2")) if e[7] == trace.ATTACK]

        self.assertEqual({e[9] for e in bots(500)}, {2})
        among = {e[1] for e in bots(500) if e[8] == people.BOT_AT_HOME}
        self.assertTrue(10 <= len(among) <= 55, len(among))
        # One in ten of the bots sits among people; these are a tenth of the people there are.
        self.assertLess(len({e[1] for e in bots(5000) if e[8] == people.BOT_AT_HOME}), len(among))

    def test_a_flash_crowd_rises_to_its_peak(self):
        rate = trace.curve(dict(scenario.DEFAULTS["legit"], curve="flash", peak=10, minutes_a_second=1.0))
        values = [rate(t) for t in range(120)]
        self.assertAlmostEqual(min(values), 1, delta=0.2)
        self.assertAlmostEqual(max(values), 10, delta=0.2)
        day = trace.curve(dict(scenario.DEFAULTS["legit"], curve="day"))
        self.assertAlmostEqual(sum(day(t) for t in range(1440)) / 1440, 1, delta=0.01)
        self.assertAlmostEqual(max(day(t) for t in range(1440)), 1.95, delta=0.01)

    def test_routes_are_numbered_as_the_generator_numbers_them(self):
        with open(f"{TOP}/bench/abuse/src/world.cpp") as f:
            names = re.findall(r'\{\w+,\s+"(\w+)",\s+(?:true|false),', f.read())
        self.assertEqual(names, trace.ROUTES)

    def test_addresses_are_handed_out_once(self):
        a = people.Addresses(5)
        many = [a.one() for _ in range(20000)]
        self.assertEqual(len(set(many)), len(many))
        net = a.net(50)
        self.assertEqual(len({x >> 8 for x in net}), 1)


class Scenarios(unittest.TestCase):
    def test_every_shipped_scenario_is_read(self):
        names = sorted(os.path.basename(f)[:3] for f in glob.glob(f"{TOP}/bench/abuse/scenarios/S*.yaml"))
        self.assertEqual(names, [f"S{i:02}" for i in range(21)])
        for file in glob.glob(f"{TOP}/bench/abuse/scenarios/*.yaml"):
            scenario.load(file)

    def test_mistakes_are_named(self):
        for given, word in (({"legit": {"usres": 1}}, "usres"), ({"attacks": [{"kind": "flod"}]}, "flod"), ({"before": -1}, "before"),
                            ({"legit": {"users": "many"}}, "users"), ({"attacks": [{"kind": "flood", "rate": 0}]}, "rate"), ({"tier": "A9"}, "A9")):
            with self.assertRaises(scenario.ScenarioError) as e:
                scenario.complete("x", given)
            self.assertIn(word, str(e.exception))

    def test_limits_are_scaled_and_never_nothing(self):
        self.assertEqual(targets.scaled("a @x20@ b @x1@ c", 0.25), "a 5 b 1 c")
        self.assertEqual(targets.scaled("@x20@", 8), "160")


class Metrics(unittest.TestCase):
    def setUp(self):
        self.scenario = scenario.complete("t", {"before": 10, "attack": 20, "after": 20})

    def evaluate(self, rows):
        return metrics.Evaluation(self.scenario, rows, COSTS)

    def test_stopped_by_requests_and_by_cost(self):
        login = trace.ROUTES.index("authenticate_user")
        rows = [row(label=1, at=12e6, verdict=metrics.ADMITTED) for _ in range(3)]
        rows += [row(label=1, at=12e6, verdict=metrics.REFUSED, cost=0, route=login)]
        by_request, by_cost = self.evaluate(rows).stopped()
        self.assertAlmostEqual(by_request, 25)
        self.assertAlmostEqual(by_cost, 100 * 168200 / (168200 + 300))

    def test_hanging_is_not_stopping_and_unsent_is_nothing(self):
        rows = [row(label=1, verdict=metrics.TIMED_OUT, cost=0), row(label=1, verdict=metrics.UNSENT, cost=0), row(label=1, verdict=metrics.DROPPED, cost=0)]
        self.assertAlmostEqual(self.evaluate(rows).stopped()[0], 50)

    def test_what_the_back_end_turned_away_was_let_through_all_the_same(self):
        login = trace.ROUTES.index("authenticate_user")
        rows = [row(label=1, route=login, cost=200, outcome=metrics.BUSY, verdict=metrics.ADMITTED, at=12e6)]
        e = self.evaluate(rows)
        self.assertEqual(e.stopped(), (0.0, 0.0))
        self.assertAlmostEqual(e.figures()["attack_hash_cores"][0], 0.1682 / 20)

    def test_people_refused_and_challenged(self):
        rows = [row(verdict=metrics.REFUSED, cost=0, place=people.CGNAT), row(place=people.CGNAT), row(place=people.HOME), row(verdict=metrics.CHALLENGED, cost=0)]
        f = self.evaluate(rows).figures()
        self.assertAlmostEqual(f["legit_refused"][0], 25)
        self.assertAlmostEqual(f["cgnat_refused"][0], 50)
        self.assertAlmostEqual(f["legit_challenged"][0], 25)
        self.assertIsNone(f["verify_refused"][0])

    def test_signed_in_after_stop(self):
        end = lambda **g: row(route=metrics.ACTIVITY, latency=trace.BEHAVIOUR["signin"], **g)
        rows = [end(verdict=metrics.SIGNED_IN, flags=metrics.STOPPED), end(verdict=metrics.GAVE_UP, flags=metrics.STOPPED), end(verdict=metrics.SIGNED_IN),
                end(verdict=metrics.SIGNED_IN)]
        f = self.evaluate(rows).figures()
        self.assertAlmostEqual(f["signed_in_after_stop"][0], 50)
        self.assertAlmostEqual(f["logins_stopped"][0], 50)
        self.assertAlmostEqual(f["logins_failed"][0], 25)

    def test_times_to_mitigate_and_to_recover(self):
        rows = []
        for t in range(10, 30):
            rows += [row(label=1, at=t * 1e6, verdict=metrics.ADMITTED if t < 17 else metrics.REFUSED) for _ in range(20)]
        for t in range(10, 50):
            rows += [row(at=t * 1e6, verdict=metrics.REFUSED if t == 36 else metrics.ADMITTED) for _ in range(10)]
        f = self.evaluate(rows).figures()
        self.assertEqual(f["ttm"][0], 10)  # the slot from 15 to 20 still lets some through
        self.assertEqual(f["ttr"][0], 10)
        rows.append(row(label=1, at=29e6, verdict=metrics.ADMITTED))
        self.assertEqual(self.evaluate(rows).figures()["ttm"][0], 10)
        rows += [row(label=1, at=29e6, verdict=metrics.ADMITTED) for _ in range(50)]
        self.assertIsNone(self.evaluate(rows).figures()["ttm"][0])

    def test_tokens_that_bots_fetch_are_no_attack_but_when_they_are_refused(self):
        self.scenario["attacks"] = [{"kind": "guess", "tier": None}, {"kind": "flood", "tier": None}]
        login = trace.ROUTES.index("authenticate_user")
        rows = [row(label=1, group=1), row(label=1, group=1, route=login, verdict=metrics.REFUSED, cost=0), row(label=1, group=1, verdict=metrics.REFUSED, cost=0)]
        self.assertAlmostEqual(self.evaluate(rows).stopped()[0], 100)
        rows.append(row(label=1, group=2))
        self.assertAlmostEqual(self.evaluate(rows).stopped()[0], 100 * 2 / 3)

    def test_by_attack_and_by_rule(self):
        self.scenario["attacks"] = [{"kind": "flood", "tier": None}, {"kind": "guess", "tier": "A2"}]
        rows = [row(label=1, group=1), row(label=1, group=1, verdict=metrics.REFUSED, cost=0, decision=9), row(label=1, group=2, verdict=metrics.CHALLENGED, cost=0),
                row(verdict=metrics.REFUSED, cost=0, decision=9)]
        e = self.evaluate(rows)
        self.assertEqual(e.by_attack(), [["flood", None, 2, 1, 0], ["guess", "A2", 1, 0, 0]])
        rules = e.by_rule({9: "rate.prefix"})
        self.assertEqual(rules["attack refused by rate.prefix (session_context)"], 1)
        self.assertEqual(rules["legit refused by rate.prefix (session_context)"], 1)
        self.assertEqual(rules["attack challenged by a rule that is not told (session_context)"], 1)

    def test_mails_and_victims(self):
        self.scenario["victim"] = {"account": 1, "every": 30}
        rows = [row(label=1, at=t * 1e6, outcome=5, account=a, route=trace.ROUTES.index("stage_reset")) for t, a in ((1, 1), (2, 1), (3, 2), (700, 1))]
        login = trace.ROUTES.index("authenticate_user")
        rows += [row(place=people.VICTIM, route=login), row(place=people.VICTIM, route=login, verdict=metrics.REFUSED, cost=0)]
        f = self.evaluate(rows).figures()
        self.assertEqual(f["mails_per_victim_max"][0], 2)
        self.assertAlmostEqual(f["victim_lock"][0], 0.5)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
