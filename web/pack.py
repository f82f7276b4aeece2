#!/usr/bin/env python3
"""Lays the bundles, templates and catalogues out as the static role reads them.

Usage: pack.py --source web --bundles DIR --out share/persona/web --revision 1234abc

OUT/v/<hash>/<name>     hashed assets, with .gz and .br beside; those of the last builds stay
OUT/root/               files with names of their own: include.js, robots.txt
OUT/views, OUT/locales  templates and catalogues, checked by check.py
OUT/manifest.json       {"revision", "assets": {name: hash}}
"""
import argparse
import gzip
import hashlib
import json
import os
import shutil
import sys

import brotli

import check

KEPT_BUILDS = 4  # this one and three before it: pages that browsers still show name their assets


def write(path, data, variants=False):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    files = {path: data}
    if variants:
        files[path + ".gz"] = gzip.compress(data, 9, mtime=0)
        files[path + ".br"] = brotli.compress(data, mode=brotli.MODE_TEXT, quality=11)
    for name, content in files.items():
        with open(name + ".new", "wb") as out:
            out.write(content)
        os.replace(name + ".new", name)


def read(path):
    with open(path, "rb") as source:
        return source.read()


def assets(bundles, out):
    hashes = {}
    for name in sorted(os.listdir(os.path.join(bundles, "assets"))):
        data = read(os.path.join(bundles, "assets", name))
        hashes[name] = hashlib.sha256(data).hexdigest()[:16]
        path = os.path.join(out, "v", hashes[name], name)
        if not os.path.exists(path + ".br"):
            write(path, data, variants=True)
    return hashes


def prune(out, hashes):
    """Remembers this build and removes what none of the last builds named."""
    record = os.path.join(out, "builds.json")
    builds = json.loads(read(record)) if os.path.exists(record) else []
    mine = sorted(set(hashes.values()))
    builds = ([b for b in builds if b != mine] + [mine])[-KEPT_BUILDS:]
    kept = {h for b in builds for h in b}
    for folder in os.listdir(os.path.join(out, "v")):
        if folder not in kept:
            shutil.rmtree(os.path.join(out, "v", folder))
    write(record, json.dumps(builds).encode())


def replace_folder(out, name, files):
    folder = os.path.join(out, name)
    os.makedirs(folder, exist_ok=True)
    for relative, data in files.items():
        write(os.path.join(folder, relative), data)
    for base, _, names in os.walk(folder):
        for existing in names:
            path = os.path.join(base, existing)
            plain = path[:-3] if path.endswith((".gz", ".br")) else path
            if os.path.relpath(plain, folder) not in files:
                os.remove(path)


def tree(top):
    return {os.path.relpath(os.path.join(base, name), top): read(os.path.join(base, name))
            for base, _, names in os.walk(top) for name in names}


def main():
    parser = argparse.ArgumentParser()
    for option in ("source", "bundles", "out", "revision"):
        parser.add_argument("--" + option, required=True)
    a = parser.parse_args()
    faults = check.faults(a.source)
    if faults:
        print("\n".join(faults), file=sys.stderr)
        sys.exit(1)
    hashes = assets(a.bundles, a.out)
    root = tree(os.path.join(a.source, "root"))
    root["ver.txt"] = (a.revision[:7] + "\n").encode()
    shared = tree(os.path.join(a.bundles, "shared"))
    replace_folder(a.out, "root", {**root, **shared})
    for name, data in shared.items():
        write(os.path.join(a.out, "root", name), data, variants=True)
    replace_folder(a.out, "views", tree(os.path.join(a.source, "views")))
    replace_folder(a.out, "locales", tree(os.path.join(a.source, "locales")))
    write(os.path.join(a.out, "manifest.json"),
          json.dumps({"revision": a.revision, "assets": hashes}, indent=1).encode())
    prune(a.out, hashes)


if __name__ == "__main__":
    main()
