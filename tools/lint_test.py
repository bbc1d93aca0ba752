#!/usr/bin/env python3
"""The lints against samples in testdata/: each marked line must be found, and nothing else."""

import os
import re
import unittest

import cpp_tokens
import lint_coroutines
import lint_docs
import lint_seams

HERE = os.path.dirname(os.path.abspath(__file__))


def expected(text):
    """(line, rule) for each `// bad: <rules>`, and for each excuse without a reason."""
    result = set()
    for number, line in enumerate(text.splitlines(), 1):
        marked = re.search(r"// bad: ([\w ]+)$", line)
        result |= {(number, rule) for rule in (marked.group(1).split() if marked else [])}
        if re.search(r"// lint: ok$", line):
            result.add((number, "excuse"))
    return result


class Samples(unittest.TestCase):
    def samples(self, folder):
        for name in sorted(os.listdir(os.path.join(HERE, "testdata", folder))):
            yield name, cpp_tokens.read(HERE, os.path.join("testdata", folder, name))

    def test_coroutines(self):
        for name, text in self.samples("coroutines"):
            with self.subTest(name):
                wanted = expected(text)
                excuses = {line for line, rule in wanted if rule == "excuse"}
                found = {(line, rule) for line, rule, _ in lint_coroutines.lint(name, text, frozenset({"Epoch"}))
                         if rule == "excuse" or line not in excuses}
                self.assertEqual(found, wanted)

    def test_unmatched_brackets_are_reported(self):
        self.assertEqual(lint_coroutines.lint("a.cc", "void f() { ( }")[0][1], "parse")

    def test_seams(self):
        for name, text in self.samples("seams"):
            with self.subTest(name):
                found = {(line, rule) for line, rule, _ in lint_seams.lint(text)}
                self.assertEqual(found, expected(text))

    def test_allow_list_takes_only_what_it_names(self):
        allowed = lint_seams.read_allowed("src/cli/**  system,clock  reads the user's files\n# a comment\n")
        self.assertTrue(lint_seams.is_allowed(allowed, "src/cli/copy.cc", "system"))
        self.assertTrue(lint_seams.is_allowed(allowed, "src/cli/deep/copy.cc", "clock"))
        self.assertFalse(lint_seams.is_allowed(allowed, "src/cli/copy.cc", "thread"))
        self.assertFalse(lint_seams.is_allowed(allowed, "src/client/copy.cc", "system"))

    def test_allow_list_wants_a_reason(self):
        with self.assertRaises(SystemExit):
            lint_seams.read_allowed("src/cli/**  system\n")

    def test_docs(self):
        text = "[a](../there.md#part) [b](gone.md)\n```\n[c](gone.md)\n```\n[d](https://example.org)\n"
        found = lint_docs.faults_in("docs/x.md", text, lambda path: path == "there.md")
        self.assertEqual(found, ["docs/x.md:1: link to gone.md, which isn't there"])


if __name__ == "__main__":
    unittest.main(verbosity=0)
