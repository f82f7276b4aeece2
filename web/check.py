#!/usr/bin/env python3
"""Checks message catalogues against each other, the templates and the scripts.

A name that a page or a script uses and English lacks, a name that nothing uses, a name that another
language lacks or has beyond English, a text where English has plural forms or the other way round,
plural forms that are not those of the language, and a placeholder that differs: each is a fault, and
fails the build. An empty text stands for "as in English".
"""
import json
import os
import re
import sys

TEMPLATE = re.compile(r"\{\{\{?\s*t\.([A-Za-z0-9_.]+)\s*\}?\}\}")
# t('error.network'), t(`error.${code}`): a name, or the start of names that are put together.
SCRIPT = re.compile(r"\b(?:t|nodes)\(\s*(?:'([^']+)'|`([^`$]*)\$\{)")
# Names that travel as data before they reach t() are written message('...').
MESSAGE = re.compile(r"\bmessage\(\s*'([^']+)'")
# The plural categories of whole numbers by language, as Unicode (CLDR) and so Intl.PluralRules have them.
PLURALS = {
    "ar": {"zero", "one", "two", "few", "many", "other"},
    "de": {"one", "other"},
    "en": {"one", "other"},
    "es": {"one", "many", "other"},
    "fr": {"one", "many", "other"},
    "ja": {"other"},
    "pt": {"one", "many", "other"},
}
SLOT = re.compile(r"\{([a-z_]+)\}")


def load(path):
    def unique(pairs):
        seen = {}
        for name, value in pairs:
            if name in seen:
                raise ValueError(f"'{name}' stands twice")
            seen[name] = value
        return seen
    with open(path, encoding="utf-8") as source:
        return json.load(source, object_pairs_hook=unique)


def kind(message):
    """What the pages and scripts can use; None for everything else that JSON knows."""
    if isinstance(message, str):
        return "text"
    if isinstance(message, dict) and all(isinstance(form, str) for form in message.values()):
        return "plural forms"
    return None


def slots(message):
    texts = [message] if isinstance(message, str) else list(message.values())
    return {name for text in texts for name in SLOT.findall(text)}


def read(path):
    with open(path, encoding="utf-8") as source:
        return source.read()


def uses(source):
    """(names, prefixes) that templates and scripts use, with a place for each."""
    names, prefixes = {}, {}
    for base, _, files in os.walk(source):
        for file in files:
            path = os.path.join(base, file)
            if file.endswith(".mustache"):
                found = [(m, None) for m in TEMPLATE.findall(read(path))]
            elif file.endswith(".js"):
                text = read(path)
                found = [("js." + n if n else None, "js." + p if p else None) for n, p in SCRIPT.findall(text)]
                found += [("js." + n, None) for n in MESSAGE.findall(text)]
            else:
                continue
            for name, prefix in found:
                if name:
                    names.setdefault(name, path)
                if prefix:
                    prefixes.setdefault(prefix, path)
    return names, prefixes


def faults(source):
    found = []
    folder = os.path.join(source, "locales")
    catalogues = {}
    for file in sorted(os.listdir(folder)):
        try:
            catalogues[file[:-5]] = load(os.path.join(folder, file))
        except ValueError as error:
            found.append(f"{folder}/{file}: {error}")
    english = catalogues.get("en", {})
    names, prefixes = uses(source)
    for name, place in sorted(names.items()):
        if name not in english:
            found.append(f"{place}: message '{name}' is not in locales/en.json")
        elif not name.startswith("js.") and not isinstance(english[name], str):
            found.append(f"{place}: message '{name}' has plural forms, which templates cannot choose")
    for name in english:
        if name not in names and not any(name.startswith(p) for p in prefixes):
            found.append(f"locales/en.json: nothing uses '{name}'")
    for tag, texts in catalogues.items():
        forms = PLURALS.get(tag)
        if forms is None:
            found.append(f"check.py: PLURALS does not say which plural forms '{tag}' has")
        for name in english:
            wanted, given = kind(english[name]), kind(texts.get(name))
            if name not in texts:
                found.append(f"locales/{tag}.json: '{name}' is missing (an empty text means: as in English)")
            elif texts[name] == "":
                continue
            elif given is None:
                found.append(f"locales/{tag}.json: '{name}' is neither a text nor plural forms that are texts")
            elif wanted is None:
                continue  # said of English
            elif given != wanted:
                found.append(f"locales/{tag}.json: '{name}' is {given}, English has {wanted}")
            elif slots(texts[name]) != slots(english[name]):
                found.append(f"locales/{tag}.json: '{name}' has the placeholders {sorted(slots(texts[name]))}, "
                             f"English has {sorted(slots(english[name]))}")
        for name in texts:
            if name not in english:
                found.append(f"locales/{tag}.json: '{name}' is not in English")
            elif forms and kind(texts[name]) == "plural forms":
                given = set(texts[name])
                found += [f"locales/{tag}.json: '{name}' lacks the plural form '{f}'" for f in sorted(forms - given)]
                found += [f"locales/{tag}.json: '{name}' has the plural form '{f}', the language has not"
                          for f in sorted(given - forms)]
    return found


if __name__ == "__main__":
    problems = faults(sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__)))
    print("\n".join(problems))
    sys.exit(1 if problems else 0)
