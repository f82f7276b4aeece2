#!/usr/bin/env python3
"""The router acts alike however it is run: every configuration that ships has the same heuristics, and the same
filters, in the same order. Usage: shipped.py SOURCE"""
import os, sys, yaml

SHIPPED = ["config/local.yaml", "config/split/router.yaml", "packaging/etc/router.yaml"]


def parts(file):
    with open(os.path.join(sys.argv[1], file)) as source:
        config = yaml.safe_load(source)
    router = next(s for s in config["services"] if s["module"] == "router.so")
    filters = [{k: v for k, v in f.items() if k != "config"} for f in router["filters"]]
    return {"heuristics": config.get("heuristics", []), "filters": filters}


expected, wrong = parts(SHIPPED[0]), 0
assert len(expected["heuristics"]) > 10 and len(expected["filters"]) > 4
for file in SHIPPED[1:]:
    for what, mine in parts(file).items():
        if mine != expected[what]:
            print(f"{file}: its {what} differ from those of {SHIPPED[0]}:\n  {mine}\n  {expected[what]}")
            wrong += 1
sys.exit(1 if wrong else 0)
