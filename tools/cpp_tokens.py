"""Splits C++ into tokens, enough for our lints: comments, directives and literals are set aside."""

import os
import re
from dataclasses import dataclass

TOKEN = re.compile(
    r"""(?P<space>[ \t\r\f\v]+)
    |(?P<newline>\n)
    |(?P<comment>//(?:\\\n|[^\n])*|/\*.*?\*/)
    |(?P<raw>(?:u8|[uUL])?R"(?P<mark>[^()\\\s]{0,16})\(.*?\)(?P=mark)")
    |(?P<string>(?:u8|[uUL])?"(?:\\.|[^"\\\n])*")
    |(?P<char>(?:u8|[uUL])?'(?:\\.|[^'\\\n])+')
    |(?P<number>\.?\d(?:'?[0-9a-zA-Z_.]|(?<=[eEpP])[+-])*)
    |(?P<name>[A-Za-z_]\w*)
    |(?P<mark2>::|->\*?|\.\.\.|<=>|&&|\|\||[-+*/%^&|=!<>]=|\+\+|--|<<|[^\s\w])""",
    re.VERBOSE | re.DOTALL,
)
DIRECTIVE = re.compile(r"[ \t]*#(?:\\\n|/\*.*?\*/|[^\n])*", re.DOTALL)
OK = re.compile(r"//\s*lint: ok\b[ \t:]*(\S.*)?")


@dataclass
class Token:
    kind: str  # name, number, literal or mark
    text: str
    line: int


@dataclass
class File:
    tokens: list
    directives: list  # (line, text)
    excused: set  # Lines with `// lint: ok <why>`.
    bare_excuses: list  # Lines with `// lint: ok` and no why.


def tokenize(text):
    tokens, directives, excused, bare = [], [], set(), []
    position, line, fresh = 0, 1, True
    while position < len(text):
        if fresh:
            match = DIRECTIVE.match(text, position)
            if match:
                directives.append((line, match.group().strip()))
                line += match.group().count("\n")
                position = match.end()
                fresh = False
                continue
        match = TOKEN.match(text, position)
        if not match:
            position += 1
            continue
        kind, value = match.lastgroup, match.group()
        if kind == "mark":  # The inner group of a raw string.
            kind = "raw"
        if kind == "newline":
            fresh = True
        elif kind == "comment":
            excuse = OK.match(value)
            if excuse and excuse.group(1):
                excused.add(line)
            elif excuse:
                bare.append(line)
        elif kind != "space":
            fresh = False
            kind = {"raw": "literal", "string": "literal", "char": "literal", "mark2": "mark"}.get(kind, kind)
            tokens.append(Token(kind, value, line))
        line += value.count("\n")
        position = match.end()
    return File(tokens, directives, excused, bare)


def sources(root):
    """Our C and C++ files below src/ and tests/, as paths relative to `root`, in order."""
    found = []
    for top in ("src", "tests"):
        for folder, subfolders, files in os.walk(os.path.join(root, top)):
            subfolders[:] = sorted(name for name in subfolders if name != "testdata")
            found += [os.path.relpath(os.path.join(folder, name), root) for name in sorted(files)
                      if name.endswith((".h", ".cc", ".c"))]
    return found


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()
