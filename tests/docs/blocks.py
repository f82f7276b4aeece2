"""The fenced blocks of the documentation, each with what is said to run it."""
import os
import re

MARKER = re.compile(r"^<!-- (tested|snippet): (\S+) -->$")


class Block:
    def __init__(self, page, line, language, marker):
        self.page, self.line, self.language = page, line, language
        self.kind, self.test = marker or ("", "")
        self.text = ""

    def __str__(self):
        return f"{self.page}:{self.line}"


def pages(source):
    """README and the like, docs/ without the decisions, and the SDK's guide; relative to `source`."""
    found = [name for name in os.listdir(source) if name.endswith(".md") and name != "CHANGELOG.md"]
    for top in ("docs", "sdk/doc"):
        for folder, _, names in os.walk(os.path.join(source, top)):
            found += [os.path.relpath(os.path.join(folder, n), source) for n in names if n.endswith(".md")]
    return sorted(p for p in found if not p.startswith("docs/decisions/"))


def read(source, page):
    with open(os.path.join(source, page), encoding="utf-8") as f:
        return f.read()


def blocks(source, page):
    found, block, marker = [], None, None
    for number, line in enumerate(read(source, page).splitlines(), 1):
        if block is None and line.startswith("```"):
            block = Block(page, number, line[3:].strip(), marker.groups() if marker else None)
            marker = None  # it is said of one block, not of those that follow
        elif block is not None and line == "```":
            found.append(block)
            block = None
        elif block is not None:
            block.text += line + "\n"
        elif line.strip():
            marker = MARKER.match(line)
    return found


def marked(source, test):
    """The blocks that name `test` as what runs them."""
    return [b for page in pages(source) for b in blocks(source, page) if b.test == test]
