#!/usr/bin/env python3
"""What web/check.py finds in catalogues, each fault with its file and its name.

Usage: check_test.py SOURCE_DIR
"""
import json
import os
import shutil
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.abspath(sys.argv[1]), "web"))
del sys.argv[1:2]
import check  # noqa: E402

ENGLISH = {"title": "Hello {name}", "js.count": {"one": "{n} mail", "other": "{n} mails"}}


class Check(unittest.TestCase):
    def faults(self, german, english=None, tag="de"):
        folder = tempfile.mkdtemp(prefix="persona-check-")
        self.addCleanup(shutil.rmtree, folder)
        os.mkdir(folder + "/locales")
        for name, text in (("page.mustache", "{{t.title}}"), ("page.js", "t('count')"),
                           ("locales/en.json", json.dumps(english or ENGLISH)), (f"locales/{tag}.json", json.dumps(german))):
            with open(os.path.join(folder, name), "w") as f:
                f.write(text)
        return check.faults(folder)

    def test_a_translation_is_good(self):
        self.assertEqual(self.faults({"title": "Hallo {name}", "js.count": {"one": "{n} Mail", "other": "{n} Mails"}}), [])
        self.assertEqual(self.faults({"title": "", "js.count": {"one": "eine von {n}", "other": "{n} Mails"}}), [])
        self.assertEqual(self.faults({"title": "", "js.count": ""}), [])

    def test_the_type_is_that_of_english(self):
        good = {"title": "Hallo {name}", "js.count": {"one": "{n} Mail", "other": "{n} Mails"}}
        for change, said in (({"title": {"other": "Hallo {name}"}}, "'title' is plural forms, English has text"),
                             ({"js.count": "{n} Mails"}, "'js.count' is text, English has plural forms"),
                             ({"title": 7}, "'title' is neither a text nor plural forms that are texts"),
                             ({"title": None}, "'title' is neither a text nor plural forms that are texts"),
                             ({"title": ["Hallo {name}"]}, "'title' is neither a text nor plural forms that are texts"),
                             ({"js.count": {"other": 7}}, "'js.count' is neither a text nor plural forms that are texts"),
                             ({"js.count": {}}, "'js.count' lacks the plural form 'other'")):
            found = self.faults({**good, **change})
            self.assertIn("locales/de.json: " + said, found, change)

    def test_plural_forms_are_those_of_the_language(self):
        found = self.faults({"title": "", "js.count": {"few": "{n} Mails", "other": "{n} Mails"}})
        self.assertIn("locales/de.json: 'js.count' lacks the plural form 'one'", found)
        self.assertIn("locales/de.json: 'js.count' has the plural form 'few', the language has not", found)

    def test_a_language_is_known(self):
        found = self.faults({"title": "", "js.count": ""}, tag="tlh")
        self.assertEqual(found, ["check.py: PLURALS does not say which plural forms 'tlh' has"])

    def test_english_has_a_type_too(self):
        self.assertIn("locales/en.json: 'title' is neither a text nor plural forms that are texts",
                      self.faults({"title": "Hallo"}, {**ENGLISH, "title": 7}))

    def test_names_and_placeholders(self):
        found = self.faults({"title": "Hallo {nam}", "more": "mehr"})
        self.assertIn("locales/de.json: 'title' has the placeholders ['nam'], English has ['name']", found)
        self.assertIn("locales/de.json: 'js.count' is missing (an empty text means: as in English)", found)
        self.assertIn("locales/de.json: 'more' is not in English", found)


unittest.main(verbosity=2)
