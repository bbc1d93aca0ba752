#!/usr/bin/env python3
"""Help, manual page and completion say the same, and shells can use the completion."""

import os
import re
import shutil
import subprocess
import unittest

from daos_tool import DAOS, DaosTest, main

OPTION = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")


def options_in(text):
    return {word for word in OPTION.findall(text) if word.startswith("--") or len(word) == 2}


class Manual(DaosTest):
    def page(self):
        """The page as a reader sees it, without its formatting."""
        text = self.ok("manual", env={})
        text = re.sub(r"\\f[BIR]", "", text)
        return text.replace("\\-", "-").replace("\\e", "\\").replace("\\&", "")

    def sections(self):
        """{command: its part of the page}, and the rest under ''."""
        parts = re.split(r'^\.SS "daos ([a-z -]+)"$', self.page().split(".SH EXIT STATUS")[0], flags=re.MULTILINE)
        sections = dict(zip(parts[1::2], parts[2::2]))
        sections[""] = parts[0]
        return sections

    def commands(self):
        """What the help of the program and of its groups lists."""
        listed = self.ok("--help", env={})
        return [line.split("  ")[1].strip() for line in listed.splitlines()
                if re.match(r"  [a-z]", line)]

    def test_every_command_of_the_help_is_in_the_manual_and_the_other_way_round(self):
        self.assertGreater(len(self.commands()), 20)
        self.assertEqual(sorted(self.commands()), sorted(name for name in self.sections() if name))

    def test_every_option_of_a_command_s_help_is_in_its_part_of_the_manual_and_the_other_way_round(self):
        sections = self.sections()
        everywhere = options_in(sections[""])
        self.assertIn("--json", everywhere)
        for command in self.commands():
            shown = options_in(self.ok(*command.split(), "--help", env={}))
            self.assertEqual(shown - everywhere, options_in(sections[command]) - everywhere, command)
            self.assertLessEqual(everywhere, shown, command)

    def test_every_option_is_completed(self):
        for command in self.commands():
            listed = self.ok(*command.split(), "--help", env={})
            shown = {word for line in listed.splitlines() if line.lstrip().startswith("-")
                     for word in options_in(line.strip().split("   ")[0]) if word.startswith("--")}
            offered = set(self.ok("__complete", *command.split(), "--", env={}).split())
            self.assertEqual(offered - {"--epc"}, shown - {"--epc"}, command)

    def test_groups_have_help(self):
        for group, verb in [("pool", "query"), ("container", "list"), ("cont", "list"), ("filesystem", "ls"), ("fs", "ls"),
                            ("kv", "put"), ("object", "query"), ("obj", "query"), ("system", "create")]:
            self.assertRegex(self.ok(group, "--help", env={}), f"(?m)^  [a-z]+ {verb} ")

    @unittest.skipUnless(shutil.which("man"), "man isn't installed")
    def test_man_renders_it_without_complaints(self):
        page = os.path.join(self.folder, "daos.1")
        with open(page, "w", encoding="utf-8") as file:
            file.write(self.ok("manual", env={}))
        done = subprocess.run(["man", "--warnings", "-l", page], capture_output=True, text=True, check=False, timeout=60,
                              env={**os.environ, "MANWIDTH": "100", "LC_ALL": "C.UTF-8", "MANROFFOPT": ""})
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("container create", done.stdout)


class Completion(DaosTest):
    def complete(self, line):
        """What bash would offer for a line."""
        script = ('source <("$DAOS" completion bash); COMP_LINE=$LINE; COMP_POINT=${#LINE}; COMP_TYPE=9; '
                  'compopt() { :; }; _daos; printf "%s\\n" "${COMPREPLY[@]}"')
        folder = os.path.dirname(DAOS)
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False,
                              env={**os.environ, "DAOS": DAOS, "LINE": line, "AEON_SYSTEM": "local:" + self.store,
                                   "PATH": folder + ":" + os.environ["PATH"]})
        self.assertEqual(done.stderr, "")
        return done.stdout.split()

    def test_commands_and_options(self):
        self.assertEqual(self.complete("daos cont"), ["container"])
        self.assertEqual(self.complete("daos container check"), ["check"])
        self.assertEqual(self.complete("daos kv put p c 1 k v --i"), ["--if-missing"])

    def test_names_of_pools_and_containers(self):
        self.make_container("home")
        self.make_container("house")
        self.assertEqual(self.complete("daos container query "), ["default"])
        self.assertEqual(self.complete("daos container query default ho"), ["home", "house"])
        self.assertEqual(self.complete("daos fs ls daos://default/hom"), ["//default/home/"])

    def test_files(self):
        path = self.write_file("some-file", "")
        self.assertEqual(self.complete(f"daos fs copy {path[:-2]}"), [path])


if __name__ == "__main__":
    main()
