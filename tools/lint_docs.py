#!/usr/bin/env python3
"""Finds links in our Markdown that lead nowhere, and change notes whose name says no kind.

    tools/lint_docs.py
"""

import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s#]+)(?:#[^)]*)?\)")
KINDS = ("new-", "changed-", "fixed-", "format-")


def faults_in(path, text, exists):
    """Broken relative links of one file, as lines; `exists` tells about a path from the root."""
    text = re.sub(r"```.*?```", lambda match: re.sub(r"[^\n]", " ", match.group()), text, flags=re.DOTALL)
    found = []
    for match in LINK.finditer(text):
        target = match.group(1)
        if re.match(r"[a-z]+:", target):
            continue
        if not exists(os.path.normpath(os.path.join(os.path.dirname(path), target))):
            found.append(f"{path}:{text.count(chr(10), 0, match.start()) + 1}: link to {target}, which isn't there")
    return found


def main():
    listed = []
    for folder, subfolders, files in os.walk(ROOT):
        subfolders[:] = sorted(name for name in subfolders if name not in (".git", "build", "testdata"))
        listed += [os.path.relpath(os.path.join(folder, name), ROOT) for name in sorted(files)]
    faults = []
    for path in listed:
        if path.endswith(".md"):
            with open(os.path.join(ROOT, path), encoding="utf-8") as file:
                faults += faults_in(path, file.read(), lambda target: os.path.exists(os.path.join(ROOT, target)))
        if path.startswith("changes/unreleased/") and not os.path.basename(path).startswith(KINDS):
            faults.append(f"{path}: a change note's name starts with its kind: {', '.join(KINDS)}")
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        sys.exit(f"lint_docs: {len(faults)} faults")


if __name__ == "__main__":
    main()
