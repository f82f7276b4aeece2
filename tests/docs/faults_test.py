#!/usr/bin/env python3
"""docs/faults.md names counters that the program has and tests that exist, or it is a wish.

Usage: faults_test.py SOURCE_DIR BUILD_DIR
"""
import os, re, subprocess, sys, unittest

SOURCE, BUILD = (os.path.abspath(a) for a in sys.argv[1:3])
del sys.argv[1:3]


def rows():
    with open(os.path.join(SOURCE, "docs/faults.md")) as f:
        lines = [[c.strip() for c in l.strip().strip("|").split(" | ")] for l in f if l.startswith("| ")]
    return [l for l in lines if l[0] != "fault"]


def sources():
    for folder, _, files in os.walk(os.path.join(SOURCE, "host")):
        for name in files:
            if name.endswith((".cpp", ".h")):
                with open(os.path.join(folder, name)) as f:
                    yield f.read()


def counters(cell):
    """The names of a cell; one that begins with a dot goes on from the one before it, or is a filter's."""
    before = ""
    for name in re.findall(r"`([^`]+)`", cell):
        if name.startswith(".") and before:
            name = before.rsplit(".", 1)[0] + name
        before = name if not name.startswith(".") else before
        yield name.lstrip(".")


class Faults(unittest.TestCase):
    def test_every_fault_has_a_counter_and_a_test(self):
        self.assertGreater(len(rows()), 25)
        for row in rows():
            self.assertEqual(len(row), 4, row)
            self.assertTrue(list(counters(row[2])), row)
            self.assertTrue(re.findall(r"`([^`]+)`", row[3]), row)

    def test_the_program_has_the_counters(self):
        text = "\n".join(sources())
        for row in rows():
            for name in counters(row[2]):
                # Refusals are counted by the step that refused; the scanner of heads leaves the engine's name out.
                spellings = [name, name.removeprefix("engine."), "generation.refused."]
                known = any(f'"{s}"' in text for s in spellings if s in name)
                self.assertTrue(known, f"{name} of: {row[0]}")

    def test_the_tests_exist(self):
        listed = subprocess.run(["ctest", "-N", "--test-dir", BUILD], check=True, capture_output=True, text=True).stdout
        tests = {t.strip() for t in re.findall(r"Test\s+#\d+: (\S+)", listed)}
        for row in rows():
            for name in re.findall(r"`([^`]+)`", row[3]):
                self.assertTrue(any(t == name or t.startswith(name + ".") for t in tests), f"{name} of: {row[0]}")


unittest.main()
