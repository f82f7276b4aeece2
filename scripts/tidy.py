#!/usr/bin/env python3
"""clang-tidy over sources of the release build, as many at once as there are cores.

Usage: tidy.py [--seconds N] SOURCE...      (scripts/lint calls it)

A source that was clean is not looked at again until it, a header of ours that it includes, its command or
.clang-tidy changes: build/tidy/clean holds an empty file named by the hash of all these. With --seconds no
new source is begun after that time; what is left is counted and said. Exit code 1: something was found.
"""
import argparse, concurrent.futures, hashlib, json, os, re, subprocess, sys, time

CLEAN = "build/tidy/clean"
NOISE = re.compile(r"^\d+ warnings? |^\d+ errors? |^Suppressed |^Use -header-filter|^Error while processing|^\s*$")
# What g++ knows and clang does not, and what clang would only complain about.
EXTRA = ["-Qunused-arguments", "-Wno-unknown-warning-option", "-Wno-ignored-optimization-argument"]


def commands():
    """Writes the compilation database without what clang does not know; command by source."""
    with open("build/compile_commands.json") as source:
        entries = json.load(source)
    for entry in entries:
        entry["command"] = entry["command"].replace(" -fno-gnu-unique", "")
    os.makedirs(CLEAN, exist_ok=True)
    with open("build/tidy/compile_commands.json", "w") as out:
        json.dump(entries, out)
    return {os.path.relpath(entry["file"]): entry for entry in entries}


def headers():
    """Headers of ours by object file, from what the compiler told ninja."""
    text = subprocess.run(["ninja", "-C", "build", "-t", "deps"], capture_output=True, text=True).stdout
    found, current = {}, None
    top = os.getcwd() + "/"
    for line in text.splitlines():
        if line.startswith("    "):
            path = os.path.normpath(os.path.join("build", line.strip()))
            if path.startswith(top):
                path = path[len(top):]
            if not path.startswith(("/", "..", "build/")):
                current.append(path)
        elif ":" in line:
            current = found.setdefault(line.split(":")[0], [])
    return found


def fingerprint(source, entry, included):
    digest = hashlib.sha256(entry["command"].encode())
    for path in [".clang-tidy", source] + sorted(set(included)):
        digest.update(path.encode() + b"\0")
        if os.path.exists(path):
            with open(path, "rb") as content:
                digest.update(content.read())
    return digest.hexdigest()


def look(source):
    extra = [f"--extra-arg={argument}" for argument in EXTRA]
    done = subprocess.run(["clang-tidy", "-p", "build/tidy", "--quiet", *extra, source], capture_output=True, text=True)
    lines = [line for line in (done.stdout + done.stderr).splitlines() if not NOISE.match(line)]
    return done.returncode, "\n".join(lines)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("sources", nargs="*")
    options = parser.parse_args()
    started = time.monotonic()
    known, included = commands(), headers()
    todo, clean = [], 0
    for source in options.sources:
        if source not in known:
            continue  # not compiled here
        entry = known[source]
        mark = os.path.join(CLEAN, fingerprint(source, entry, included.get(entry.get("output", ""), [])))
        if os.path.exists(mark):
            clean += 1
        else:
            todo.append((source, mark))
    left, bad, seen = [], 0, set()

    def work(item):
        if time.monotonic() - started > options.seconds:
            return item, None, ""
        return item, *look(item[0])

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for (source, mark), code, text in pool.map(work, todo):
            if code is None:
                left.append(source)
            elif code == 0:
                open(mark, "w").close()
            else:
                bad += 1
                if text not in seen:
                    print(text, flush=True)
                seen.add(text)
    looked = len(todo) - len(left)
    print(f"clang-tidy: {looked} sources looked at, {clean} known to be clean, {bad} with findings"
          + (f"; {len(left)} left when the time was over (scripts/lint --all --tidy-only)" if left else ""))
    return 1 if bad else 0


sys.exit(main())
