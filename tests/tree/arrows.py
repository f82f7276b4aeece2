#!/usr/bin/env python3
"""Reads the includes of the tree and fails where a dependency points the wrong way.

Usage: arrows.py TOP            checks the tree at TOP
       arrows.py TOP --planted  copies the tree's rules onto planted violations: each must be found
"""
import os, re, sys, tempfile

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
C_HEADERS = set("""assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign stdarg
stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string tgmath threads time uchar wchar wctype""".split())
ALLOWED = {  # room -> rooms of ours that it may include
    "sdk": {"sdk"},
    "libs": {"libs"},
    "host": {"host", "sdk"},
    "plugins": {"plugins", "libs", "sdk"},
    "examples": {"libs", "sdk", "examples"},
}


def room_of(target):
    if target.startswith("persona/"):
        return "sdk"
    first = target.split("/")[0]
    return first if first in ("host", "libs", "plugins", "sdk", "tests", "examples", "bench") else None


def violations(top):
    found = []
    for room in ALLOWED:
        for folder, _, names in os.walk(os.path.join(top, room)):
            for name in names:
                if not name.endswith((".h", ".hpp", ".c", ".cpp")):
                    continue
                path = os.path.relpath(os.path.join(folder, name), top)
                with open(os.path.join(top, path), encoding="utf-8", errors="replace") as source:
                    for number, line in enumerate(source, 1):
                        match = INCLUDE.match(line)
                        if match:
                            why = judge(room, path, match.group(1), match.group(2))
                            if why:
                                found.append(f"{path}:{number}: {match.group(2)}: {why}")
    return found


def judge(room, path, kind, target):
    other = room_of(target)
    if target.startswith("boost/") and not path.startswith("host/net/"):
        return "Boost stays inside host/net"
    if path.startswith("sdk/include/"):
        if other == "sdk" or (kind == '"' and not other):
            return None
        standard = "/" not in target and ("." not in target or target[:-2] in C_HEADERS)
        return None if standard and not other else "sdk/include takes the C and C++ standard headers alone"
    if other is None:
        return None
    if other not in ALLOWED[room]:
        return f"{room} must not depend on {other}"
    shared = target.count("/") == 1  # beside the plugins' folders: no plugin, but a part of several
    if room == "plugins" and other == "plugins" and not shared and target.split("/")[1] != path.split("/")[1]:
        return "a plugin must not depend on another one"
    if path.startswith("libs/protocol/") and other == "libs" and not target.startswith("libs/protocol/"):
        return "libs/protocol depends on nothing else of ours"
    return None


PLANTED = {
    "sdk/include/persona/sdk/bad.hpp": '#include "host/net/engine.h"',
    "sdk/include/persona/sdk/poco.hpp": "#include <Poco/Types.h>",
    "libs/bad/a.cpp": '#include "host/net/engine.h"',
    "libs/bad/b.cpp": '#include "plugins/router/routes.h"',
    "libs/bad/c.cpp": "#include <persona/abi/types.h>",
    "libs/protocol/d.cpp": '#include "libs/wsapi/form.h"',
    "host/app/e.cpp": "#include <boost/asio.hpp>",
    "host/app/f.cpp": '#include "libs/protocol/key.h"',
    "plugins/router/g.cpp": '#include "plugins/static/pages.h"',
    "plugins/router/h.cpp": '#include "host/net/engine.h"',
}


def main():
    if sys.argv[2:] == ["--planted"]:
        missed = []
        for path, line in PLANTED.items():
            with tempfile.TemporaryDirectory() as top:
                os.makedirs(os.path.join(top, os.path.dirname(path)))
                with open(os.path.join(top, path), "w") as out:
                    out.write(line + "\n")
                if len(violations(top)) != 1:
                    missed.append(path)
        print("missed: " + ", ".join(missed) if missed else f"all {len(PLANTED)} planted violations were found")
        return 1 if missed else 0
    found = violations(sys.argv[1])
    print("\n".join(found) if found else "every arrow points the right way")
    return 1 if found else 0


sys.exit(main())
