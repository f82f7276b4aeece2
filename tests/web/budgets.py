#!/usr/bin/env python3
"""The sizes that the specification allows, in octets after gzip (frontend.md section 7)."""
import json
import os
import sys

BUDGETS = {"include.js": 6 * 1024, "dialog.js": 35 * 1024, "style.css": 8 * 1024}

web = sys.argv[1]
hashes = json.load(open(os.path.join(web, "manifest.json")))["assets"]
paths = {"include.js": os.path.join(web, "root/include.js.gz")}
paths.update({name: os.path.join(web, "v", hashes[name], name + ".gz") for name in ("dialog.js", "style.css")})
failed = False
for name, most in BUDGETS.items():
    size = os.path.getsize(paths[name])
    print(f"{name}: {size} of {most}")
    failed |= size > most
sys.exit(failed)
