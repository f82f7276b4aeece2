#!/usr/bin/env python3
"""What befalls a front under attack: false proofs (S16), swaps (S18), pauses (S20): scenarios_test.py TOP BUILD.

The scenarios that ship, shortened, against the configuration that ships. Judged by counts alone."""
import os, sys

TOP, BUILD = (os.path.abspath(p) for p in sys.argv[1:3])
sys.path.insert(0, f"{TOP}/bench/abuse")
from simulator import runner, scenario as scenarios

failed = []


def check(good, what):
    print("ok  " if good else "FAIL", what, flush=True)
    if not good:
        failed.append(what)


def run(name, seconds, **changes):
    s = scenarios.load(f"{TOP}/bench/abuse/scenarios/{name}.yaml")
    s["before"], s["attack"], s["after"] = seconds
    for key, value in changes.items():
        s[key] = {**s[key], **value} if isinstance(value, dict) else value
    out = runner.run(s, 23, "ours", pin=False, binaries=f"{BUILD}/bin")
    figures = {k: v[0] for k, v in out["figures"].items()}
    check(figures["crashed"] == 0, f"{name}: the front is there at the end")
    check(figures["legit_requests"] > 50, f"{name}: people came: {figures['legit_requests']} requests")
    hung = sum(r[3] for side, r in out["routes"].items() if side.startswith("legit "))
    check(hung == 0, f"{name}: no request of people was dropped or hung: {hung}")
    check(all(e[2] == "done" for e in out["events"]), f"{name}: events {out['events'][:3]}")
    return out, figures


def attacks(name):
    return [dict(a) for a in scenarios.load(f"{TOP}/bench/abuse/scenarios/{name}.yaml")["attacks"]]


# S16: forged proofs and used ones, beside guesses that are paid for. The stub sees none of the former.
guesses = attacks("S16-false-work")
guesses[0].update(sources=4)  # no more than the stub has cores to hash for: nobody waits for a hash here
out, figures = run("S16-false-work", (8, 20, 2), legit={"users": 4000, "flow": 2}, attacks=guesses)
honest, forged = out["attacks"]
check(forged[2] > 500, f"S16: {forged[2]} false proofs were shown")
check(forged[3] == 0, f"S16: {forged[3]} of them were let through")
check(figures["legit_refused"] == 0, f"S16: people refused: {figures['legit_refused']:.3f} %")

# S18: a flood while the front takes its configuration anew, again and again. What was known of the flood is known
# to each successor: the second half of the attack fares no better than the first.
flood = attacks("S18-swap")
flood[0].update(sources=200)
out, figures = run("S18-swap", (12, 20, 2), legit={"users": 4000, "flow": 2}, attacks=flood,
                   events=[{"at": 20, "every": 3, "do": "swap"}])
check(len(out["events"]) >= 4, f"S18: {len(out['events'])} swaps")
first = [s for s in out["slots"] if 12 <= s[0] < 20]
later = [s for s in out["slots"] if 20 <= s[0] < 32]
sent, let_in = sum(s[4] for s in later), sum(s[5] for s in later)
check(sent > 5000, f"S18: {sent} requests of the flood came after the first swap, {sum(s[4] for s in first)} before")
check(let_in < sent / 50, f"S18: {let_in} of them were let through")
check(figures["legit_refused"] == 0, f"S18: people refused: {figures['legit_refused']:.3f} %")

# S20: the front stands still for 120 ms in every 3 s. Queues form and go; nobody is shed for it.
out, figures = run("S20-pauses", (15, 15, 0), legit={"flow": 4}, events=[{"at": 6, "every": 3, "do": "pause", "ms": 120}])
check(len(out["events"]) >= 7, f"S20: {len(out['events'])} pauses")
check(figures["legit_requests"] > 5000, f"S20: {figures['legit_requests']} requests")
check(figures["legit_refused"] <= 0.5, f"S20: shed {figures['legit_refused']:.3f} %")
sys.exit(1 if failed else 0)
