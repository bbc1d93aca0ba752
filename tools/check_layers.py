#!/usr/bin/env python3
"""Checks every #include below src/ against the table of layers and what each module declares.

An include of another module's header must be allowed by cmake/layers.cmake and be declared: named in
DEPENDS or PRIVATE_DEPENDS of the module's add_module, or reachable from those through public DEPENDS.
Tests, fuzz targets and benches may also use what TEST_DEPENDS reaches, wherever it is in the table.
Headers outside a module's include/ are private to it. And every source is on some list of its module, or it would
never be built, and a test never run.

    tools/check_layers.py [--root FOLDER]
"""

import argparse
import os
import re
import sys

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.MULTILINE)
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
TEST_FILE = re.compile(r"(_test|_fuzz|_bench)\.(cc|c|h)$")
LISTS = {
    "PUBLIC_HEADERS", "SOURCES", "TESTS", "SLOW_TESTS", "FUZZ", "BENCH", "DEPENDS", "PRIVATE_DEPENDS",
    "TEST_DEPENDS", "LIBS", "PRIVATE_LIBS", "TEST_LIBS",
}
SOURCE_LISTS = ("SOURCES", "TESTS", "SLOW_TESTS", "FUZZ", "BENCH")
SOURCE_SUFFIXES = (".h", ".hpp", ".c", ".cc", ".inc")


def name_of(folder):
    return folder.replace("/", "_")


def read_layers(text):
    """The table: module → the modules it may use; in order, from the bottom."""
    text = re.sub(r"#[^\n]*", "", text)
    allowed, folders = {}, {}
    for arguments in re.findall(r"^layer\(([^)]*)\)", text, re.MULTILINE):
        folder, *nearest = arguments.split()
        reach = set()
        for lower in nearest:
            if lower == "ANY":
                reach |= set(allowed)
            elif name_of(lower) not in allowed:
                raise SystemExit(f"cmake/layers.cmake: '{folder}' names '{lower}', which isn't above it")
            else:
                reach |= {name_of(lower)} | allowed[name_of(lower)]
        allowed[name_of(folder)] = reach
        folders[name_of(folder)] = folder
    return allowed, folders


def cmake_calls(text, command):
    """Arguments of each call of `command`, comments dropped."""
    text = re.sub(r"#[^\n]*", "", text)
    for match in re.finditer(r"\b" + command + r"\s*\(", text):
        end = text.find(")", match.end())
        yield re.findall(r'"[^"]*"|\S+', text[match.end():end])


def read_module(text):
    """The lists of the add_module call in a CMakeLists.txt, and what add_program and others name besides."""
    declared = {key: [] for key in LISTS}
    for arguments in cmake_calls(text, "add_module"):
        current = None
        for argument in arguments[1:]:
            if argument in LISTS:
                current = argument
            elif argument == "EXPORTED":
                current = None
            elif current:
                declared[current].append(argument)
    programs = {}  # Source of a program or shared library → the modules it names.
    for command in ("add_program", "add_c_library"):
        for arguments in cmake_calls(text, command):
            sources, depends, current = [], [], None
            for argument in arguments[1:]:
                if re.fullmatch(r"[A-Z_]+", argument):
                    current = argument
                elif current == "SOURCES":
                    sources.append(argument)
                elif current in ("DEPENDS", "WHOLE"):
                    depends.append(name_of(argument))
            for source in sources:
                programs[source] = depends
    return declared, programs


class Tree:
    """The files below src/, with `changes` (path → text) laid over them for the self test."""

    def __init__(self, root, changes=None):
        self.root = root
        self.changes = changes or {}
        self.paths = set(self.changes)
        for folder, subfolders, files in os.walk(os.path.join(root, "src")):
            subfolders[:] = [name for name in subfolders if name != "testdata"]
            for name in files:
                self.paths.add(os.path.relpath(os.path.join(folder, name), root))

    def read(self, path):
        if path in self.changes:
            return self.changes[path]
        with open(os.path.join(self.root, path), encoding="utf-8") as file:
            return file.read()


def check(root, changes=None):
    """Returns the faults found, as lines."""
    tree = Tree(root, changes)
    with open(os.path.join(root, "cmake/layers.cmake"), encoding="utf-8") as file:
        allowed, folders = read_layers(file.read())

    faults = []
    modules, programs = {}, {}
    for module, folder in folders.items():
        path = f"src/{folder}/CMakeLists.txt"
        if path in tree.paths:
            modules[module], programs[module] = read_module(tree.read(path))

    def owner_of(path):
        best = None
        for module, folder in folders.items():
            if path.startswith(f"src/{folder}/") and (best is None or len(folder) > len(folders[best])):
                best = module
        return best

    # What a module's users get: itself and, through public DEPENDS, what its headers use.
    def reach(names):
        result, todo = set(), [name_of(name) for name in names]
        while todo:
            module = todo.pop()
            if module not in result:
                result.add(module)
                todo += [name_of(name) for name in modules.get(module, {}).get("DEPENDS", [])]
        return result

    headers = {}  # As included → (module, path).
    for path in sorted(tree.paths):
        if path.endswith((".h", ".hpp")) and "/include/" in path:
            module = owner_of(path)
            if module is None:
                continue
            prefix = f"src/{folders[module]}/include/"
            if path.startswith(prefix):
                spelled = path[len(prefix):]
                if spelled in headers:
                    faults.append(f"{path}: includes as \"{spelled}\" like {headers[spelled][1]}; rename one")
                headers[spelled] = (module, path)
                if path[len(f"src/{folders[module]}/"):] not in modules.get(module, {}).get("PUBLIC_HEADERS", [path]):
                    if module in modules:
                        faults.append(f"{path}: is below include/ but not in PUBLIC_HEADERS of module '{module}'")

    for path in sorted(tree.paths):
        if not path.endswith(SOURCE_SUFFIXES):
            continue
        module = owner_of(path)
        if module is None:
            faults.append(f"{path}: belongs to no module in cmake/layers.cmake")
            continue
        if module not in modules:
            continue  # Not built yet, so nothing is declared; the build finds it once it is.
        declared = modules[module]
        local = path[len(f"src/{folders[module]}/"):]
        test_sources = declared["TESTS"] + declared["SLOW_TESTS"] + declared["FUZZ"] + declared["BENCH"]
        listed = set(programs[module]).union(*(declared[key] for key in SOURCE_LISTS))
        if path.endswith((".c", ".cc")) and local not in listed:
            faults.append(f"{path}: is on no list in src/{folders[module]}/CMakeLists.txt, so it is never built")
        is_test = local in test_sources or (TEST_FILE.search(path) and not local.startswith("include/"))
        is_public = local.startswith("include/")
        usable = reach(declared["DEPENDS"])
        if not is_public:
            usable |= reach(declared["PRIVATE_DEPENDS"])
        if is_test:
            usable |= reach(declared["TEST_DEPENDS"])
        usable |= reach(programs[module].get(local, []))

        text = COMMENT.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), tree.read(path))
        for match in INCLUDE.finditer(text):
            quote, spelled = match.groups()
            where = f"{path}:{text.count(chr(10), 0, match.start()) + 1}"
            beside = os.path.normpath(os.path.join(os.path.dirname(path), spelled))
            if quote == '"' and beside in tree.paths:
                if owner_of(beside) != module:
                    faults.append(f"{where}: reaches into module '{owner_of(beside)}' by a path; include its public header")
                elif is_public and "/include/" not in beside:
                    faults.append(f"{where}: a public header may not include the private \"{spelled}\"")
                continue
            if spelled not in headers:
                if quote == '"':
                    faults.append(f"{where}: no module has a header \"{spelled}\"; use <> for the system's")
                continue
            target = headers[spelled][0]
            if target == module:
                continue
            if not is_test and target not in allowed[module]:
                faults.append(f"{where}: '{module}' may not include \"{spelled}\": '{target}' is not below it in "
                              "cmake/layers.cmake")
            elif target not in usable:
                kind = "TEST_DEPENDS" if is_test else "DEPENDS" if is_public else "DEPENDS or PRIVATE_DEPENDS"
                faults.append(f"{where}: includes \"{spelled}\", but src/{folders[module]}/CMakeLists.txt doesn't name "
                              f"'{target}' in {kind}")
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    faults = check(parser.parse_args().root)
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        sys.exit(f"check_layers: {len(faults)} faults")


if __name__ == "__main__":
    main()
