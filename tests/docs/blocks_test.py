#!/usr/bin/env python3
"""Every block of the documentation is run by the test that it names, or stands in docs/not-tested.md with the reason;
and every command that the prose names is one.

Usage: blocks_test.py SOURCE_DIR BUILD_DIR
"""
import os
import re
import subprocess
import sys
import unittest

SOURCE, BUILD = (os.path.abspath(a) for a in sys.argv[1:3])
del sys.argv[1:3]
sys.path[:0] = [os.path.dirname(os.path.abspath(__file__)), os.path.join(SOURCE, "tests/operators")]
from blocks import blocks, pages, read  # noqa: E402
from host import Folder  # noqa: E402
from service import whole_service  # noqa: E402

LIST = "docs/not-tested.md"


def first_line(block):
    return next(line.strip() for line in block.text.splitlines() if line.strip())


def listed():
    """{(page, first line of the block)} of the list's table; the line is without what a table cannot hold."""
    return [tuple(cell.strip().strip("`") for cell in row.split(" | ")[:2])
            for row in re.findall(r"^\| (`.*) \|$", read(SOURCE, LIST), re.M)]


class Blocks(unittest.TestCase):
    def test_every_block_has_a_test_or_a_reason(self):
        open_ends, without = [], []
        for page in pages(SOURCE):
            for block in blocks(SOURCE, page):
                # Pictures and what a program prints.
                if block.language == "text":
                    continue
                if block.kind == "tested":
                    with open(os.path.join(SOURCE, block.test)) as f:
                        if os.path.basename(page) not in f.read():
                            open_ends.append(f"{block}: {block.test} does not read {page}")
                elif block.kind == "snippet":
                    with open(os.path.join(SOURCE, "tests/docs/snippets_test.py")) as f:
                        if f'"{os.path.basename(page)}", "{block.test}"' not in f.read():
                            open_ends.append(f"{block}: snippets_test.py does not run '{block.test}'")
                else:
                    without.append((page, first_line(block)))
        self.assertEqual(open_ends, [])
        self.assertEqual(sorted(without), sorted(listed()), f"blocks without a test, and {LIST}, are not the same")

    def test_a_block_without_a_test_is_found(self):
        folder = Folder()
        self.addCleanup(folder.remove)
        os.makedirs(folder.file("docs"))
        folder.write("docs/page.md", "<!-- tested: a.py -->\n```sh\none\n```\n\n```sh\ntwo\n```\n")
        found = blocks(folder.path, "docs/page.md")
        self.assertEqual([(b.kind, b.test, b.text) for b in found], [("tested", "a.py", "one\n"), ("", "", "two\n")])

    def test_commands_of_the_prose_are_commands(self):
        folder = Folder()
        self.addCleanup(folder.remove)
        host = whole_service(BUILD, folder)
        self.addCleanup(host.stop)
        host.start()
        usage = subprocess.run([host.program, "help"], capture_output=True, text=True).stdout
        roles = host.ctl("help").stdout
        ctl = host.ctl("--help").stdout
        tool = subprocess.run([os.path.join(BUILD, "bin/persona-plugin")], capture_output=True, text=True)
        plugin = tool.stdout + tool.stderr
        seen, unknown = 0, []
        for page in pages(SOURCE):
            text = read(SOURCE, page)
            for program, words in re.findall(r"\b(persona-host|persona-plugin|scripts/[a-z-]+)((?: [a-z][a-z-]+)*)", text):
                words = words.split()
                seen += 1
                if program == "persona-plugin":
                    known = not words or re.search(rf"^\s*(?:persona-plugin )?{words[0]}\b", plugin, re.M)
                elif program == "persona-host":
                    known = (not words or re.search(rf"\b{words[0]}\b", usage) or re.search(rf"^\s*{words[0]}\b", roles, re.M)
                             or words[0] == "ctl" and (len(words) == 1 or re.search(rf"^\s*{words[1]}\b", ctl + roles, re.M)))
                else:
                    known = os.access(os.path.join(SOURCE, program), os.X_OK)
                if not known:
                    unknown.append(f"{page}: {program} {' '.join(words)}")
        self.assertGreater(seen, 50)
        self.assertEqual(unknown, [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
