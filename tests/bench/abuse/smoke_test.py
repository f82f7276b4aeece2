#!/usr/bin/env python3
"""Twenty seconds of everything, unprotected, behind the FxA rules, and behind ours: smoke_test.py TOP BUILD."""
import os, sys

TOP, BUILD = (os.path.abspath(p) for p in sys.argv[1:3])
sys.path.insert(0, f"{TOP}/bench/abuse")
from simulator import runner

failed = []


def check(good, what):
    print("ok  " if good else "FAIL", what, flush=True)
    if not good:
        failed.append(what)


for target in ("none", "fxa19", "ours"):
    s = runner.run(f"{TOP}/bench/abuse/scenarios/smoke.yaml", 11, target, pin=False, binaries=f"{BUILD}/bin")
    f = {k: v[0] for k, v in s["figures"].items()}
    check(f["crashed"] == 0, f"{target}: nothing ended by itself")
    check(f["attack_requests"] > 500 and f["legit_requests"] > 100, f"{target}: {f['attack_requests']} and {f['legit_requests']} requests")
    check(s["stub"]["requests"] > 100 and s["stub"]["logins"] > 0 and s["stub"]["mails"] > 0, f"{target}: the stub saw {s['stub']}")
    if target == "none":
        check(f["legit_refused"] == 0 and f["attack_stopped"] < 10, f"none stops nothing: {f['attack_stopped']:.1f} %")
    if target == "fxa19":
        check(f["attack_stopped"] > 10, f"fxa19 stops something: {f['attack_stopped']:.1f} %")
sys.exit(1 if failed else 0)
