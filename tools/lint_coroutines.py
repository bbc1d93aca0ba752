#!/usr/bin/env python3
"""Finds what GCC 12 compiles wrongly, and newer GCC misplaces, in coroutines.

In a full expression with co_await (or co_yield):
  brace      a braced initialiser with something in it, such as f({...}) or Type{...}
  lambda     a capturing lambda
  inside     co_await within a braced initialiser
  binding    auto [a, b] = co_await ...
  condition  co_await in the condition of if, while or switch: what is awaited may end before it is resumed
and elsewhere:
  statement  co_await in a GNU statement expression; CO_TRY anywhere but as a statement
  coroutine  a capturing lambda that is a coroutine (in tests: unless it captures references only)
  suspend    destroy() in await_suspend

Type{...} is let through where a header of ours says static_assert(std::is_trivially_destructible_v<Type>),
since GCC only mishandles destructors. `// lint: ok <why>` on the line lets anything through.

    tools/lint_coroutines.py [FILE...]        default: everything below src/ and tests/
"""

import os
import re
import sys

import cpp_tokens

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
AWAITS = {"co_await", "co_yield"}
SUSPENDS = {"co_await", "co_yield", "co_return", "CO_TRY", "CO_TRY_ASSIGN"}
CONTROL = {"if", "while", "for", "switch"}
BLOCK_AFTER = {"else", "do", "try", "const", "noexcept", "override", "final", "mutable", "constexpr"}
EXPRESSION_KEYWORDS = {"return", "co_return", "co_await", "co_yield", "case", "throw", "and", "or", "not", "else", "do"}
TYPE_KEYWORDS = {"namespace", "class", "struct", "union", "enum", "extern", "concept", "requires"}
BUILTIN_TYPES = {
    "bool", "char", "int", "long", "short", "unsigned", "float", "double", "size_t", "ssize_t", "byte", "off_t",
    "int8_t", "int16_t", "int32_t", "int64_t", "uint8_t", "uint16_t", "uint32_t", "uint64_t", "string_view", "span",
    "nanoseconds", "microseconds", "milliseconds", "seconds", "minutes", "hours",
}
PROVEN = re.compile(r"static_assert\s*\(\s*std::is_trivially_destructible_v<\s*([\w:]+)\s*>")
OPEN = {"(": ")", "[": "]", "{": "}"}


class Parsed:
    """The tokens of a file with their brackets matched, each `{` known as block or initialiser."""

    def __init__(self, text):
        self.file = cpp_tokens.tokenize(text)
        self.tokens = self.file.tokens
        self.partner = {}
        self.parent = []  # Index of the bracket around each token, or None.
        stack = []
        for index, token in enumerate(self.tokens):
            closes = token.kind == "mark" and token.text in OPEN.values()
            if closes:
                if not stack or OPEN[self.tokens[stack[-1]].text] != token.text:
                    raise ValueError(f"{token.line}: brackets don't match; keep them whole within each #if branch")
                opener = stack.pop()
                self.partner[opener] = index
                self.partner[index] = opener
            self.parent.append(stack[-1] if stack else None)
            if token.kind == "mark" and token.text in OPEN:
                stack.append(index)
        if stack:
            raise ValueError(f"{self.tokens[stack[-1]].line}: bracket is never closed")
        self.lambdas = {}  # `[` of a lambda → `{` of its body.
        self.block = {}  # `{` → whether it is a block.
        for index, token in enumerate(self.tokens):
            if token.text == "[" and token.kind == "mark":
                self._find_lambda(index)
        bodies = set(self.lambdas.values())
        for index, token in enumerate(self.tokens):
            if token.text == "{" and token.kind == "mark":
                self.block[index] = index in bodies or self._is_block(index)

    def text(self, index):
        token = self.tokens[index] if 0 <= index < len(self.tokens) else None
        return token.text if token and token.kind != "literal" else ""

    def is_binding(self, index):
        """Whether `[` opens a structured binding."""
        before = index - 1
        while self.text(before) in ("&", "&&"):
            before -= 1
        return self.text(before) == "auto"

    def _find_lambda(self, index):
        previous = self.tokens[index - 1] if index else None
        if self.text(index + 1) == "[" or self.text(index - 1) == "[" or self.is_binding(index):
            return  # An attribute or a structured binding.
        if previous is not None:
            operand = previous.kind in ("number", "literal") or previous.text in (")", "]")
            if operand or (previous.kind == "name" and previous.text not in EXPRESSION_KEYWORDS):
                return  # A subscript.
        at = self.partner[index] + 1
        if self.text(at) == "<":
            depth = 0
            while at < len(self.tokens):
                depth += {"<": 1, ">": -1}.get(self.text(at), 0)
                at += 1
                if depth == 0:
                    break
        if self.text(at) == "(":
            at = self.partner[at] + 1
        while at < len(self.tokens) and self.text(at) not in ("{", ";", ")", ",", "}"):
            at = self.partner[at] + 1 if self.text(at) in ("(", "[") else at + 1
        if self.text(at) == "{":
            self.lambdas[index] = at

    def _is_block(self, index):
        before = index - 1
        text = self.text(before)
        if before < 0 or text in (";", "}", ")"):
            # After `)`: a body. After `}`: a block, or the body after a constructor's initialisers.
            return text != "}" or self._inside_block(index)
        if text == "{":
            return self.block.get(before, True)
        if self.tokens[before].kind == "literal":
            return self.text(before - 1) == "extern"
        if text == ":":
            return any(self.text(at) in ("case", "default") for at in range(max(0, before - 8), before))
        if text in ("&", "&&"):
            return self.text(before - 1) == ")"
        if self.tokens[before].kind == "name" or text in (">", "]"):
            if text in BLOCK_AFTER:
                return True
            if text in EXPRESSION_KEYWORDS:
                return False
            start = before
            while start >= 0 and self.text(start) not in (";", "{", "}", "(", ",", "="):
                if self.text(start) in TYPE_KEYWORDS:
                    return True
                if self.text(start) == "->" and self.text(start - 1) in {")"} | BLOCK_AFTER:
                    return True
                start = self.partner[start] - 1 if self.text(start) in (")", "]") else start - 1
            # A base clause such as `struct A : B<C, D> {` has commas, so look to the real start too.
            return self._statement_has_type_keyword(before)
        return False

    def _inside_block(self, index):
        around = self.parent[index]
        return around is None or (self.text(around) == "{" and self.block.get(around, True))

    def _statement_has_type_keyword(self, index):
        at = index
        while at >= 0 and self.text(at) not in (";", "{", "}", "(", "="):
            if self.text(at) in TYPE_KEYWORDS:
                return True
            at = self.partner[at] - 1 if self.text(at) in (")", "]") else at - 1
        return False

    def is_statement_expression(self, brace):
        return self.text(brace - 1) == "(" and any(
            self.text(at) == ";" and self.parent[at] == brace for at in range(brace, self.partner[brace]))

    def ends_expression(self, opener):
        """Whether an expression cannot reach out of this bracket."""
        if self.text(opener) == "{":
            return self.block[opener] or self.is_statement_expression(opener)
        if self.text(opener) == "(":
            before = self.text(opener - 1)
            return before in CONTROL or (before == "constexpr" and self.text(opener - 2) == "if")
        return False

    def full_expression(self, index):
        """First and last token of the full expression around a token."""
        around = self.parent[index]
        while around is not None and not self.ends_expression(around):
            index, around = around, self.parent[around]
        first = index
        while first - 1 >= 0 and first - 1 != around:
            text = self.text(first - 1)
            if text in (";", "else", "do"):
                break
            if text == "}":
                opener = self.partner[first - 1]
                if self.block[opener] and opener not in self.lambdas.values():
                    break
                first = opener
                continue
            if text in (")", "]"):
                opener = self.partner[first - 1]
                if self.ends_expression(opener):
                    break
                first = opener
                continue
            first -= 1
        last = index
        while last + 1 < len(self.tokens) and self.text(last) != ";" and self.parent[last + 1] != (
                self.parent[around] if around is not None else -1):
            if around is not None and last + 1 == self.partner[around]:
                break
            if self.text(last + 1) in OPEN:
                last = self.partner[last + 1]
                continue
            last += 1
        return first, last

    def body_tokens(self, opener):
        """Tokens within a bracket, without those of lambda bodies in it."""
        at = opener + 1
        bodies = set(self.lambdas.values())
        while at < self.partner[opener]:
            if at in bodies:
                at = self.partner[at]
            yield at
            at += 1


def type_before(parsed, brace):
    """The last word of the type that a braced initialiser names, or None for a bare `{`."""
    at = brace - 1
    if parsed.text(at) == ">":
        depth = 0
        while at >= 0:
            depth += {">": 1, ">>": 2, "<": -1}.get(parsed.text(at), 0)
            at -= 1
            if depth == 0:
                break
    if at >= 0 and parsed.tokens[at].kind == "name" and parsed.text(at) not in EXPRESSION_KEYWORDS:
        return parsed.text(at)
    return None


def captures(parsed, bracket):
    """The captures of a lambda, each as text."""
    items, item = [], ""
    for at in range(bracket + 1, parsed.partner[bracket]):
        if parsed.text(at) == "," and parsed.parent[at] == bracket:
            items.append(item)
            item = ""
        else:
            item += parsed.tokens[at].text
    return items + [item] if item else items


def lint(path, text, trivial=frozenset()):
    """The faults in a file, as (line, rule, message)."""
    try:
        parsed = Parsed(text)
    except ValueError as error:
        line, message = str(error).split(": ", 1)
        return [(int(line), "parse", message)]
    faults = {}
    is_test = re.search(r"(_test|_fuzz|_bench)\.\w+$", path) or path.startswith("tests/")

    def add(index, rule, message):
        faults.setdefault((parsed.tokens[index].line, rule), message)

    seen = set()
    bodies = set(parsed.lambdas.values())
    for index, token in enumerate(parsed.tokens):
        if token.text not in AWAITS or parsed.text(index - 1) == "operator":
            continue
        around = parsed.parent[index]
        while around is not None and not parsed.ends_expression(around):
            if parsed.text(around) == "{":
                add(index, "inside", f"{token.text} inside a braced initialiser; await into a local first")
                break
            around = parsed.parent[around]
        is_condition = around is not None and parsed.text(around) == "(" and parsed.text(around - 1) in {
            "if", "while", "switch"}
        if is_condition and not any(parsed.text(at) == ";" and parsed.parent[at] == around  # An init-statement.
                                    for at in range(index, parsed.partner[around])):
            add(index, "condition", f"{token.text} in a condition; await into a named local first")
        first, last = parsed.full_expression(index)
        enclosing = set()
        around = parsed.parent[index]
        while around is not None:
            enclosing.add(around)
            around = parsed.parent[around]
        if any(parsed.text(at) == "?" and (parsed.parent[at] is None or parsed.parent[at] in enclosing)
               for at in range(first, index)):
            add(index, "conditional", f"{token.text} in a branch of ?:, whose result GCC 12 destroys twice; use if")
        if (first, last) in seen:
            continue
        seen.add((first, last))
        at = first
        while at <= last:
            if at in parsed.lambdas and captures(parsed, at):
                add(at, "lambda", "capturing lambda in an expression with co_await; name it first, capturing references")
            if at in bodies:
                at = parsed.partner[at]
            elif parsed.text(at) == "[" and parsed.is_binding(at):
                add(at, "binding", "structured binding of a co_await; await into a named local first")
            elif parsed.text(at) == "{" and not parsed.block[at] and parsed.partner[at] != at + 1:
                if not parsed.is_statement_expression(at):
                    name = type_before(parsed, at)
                    holds_await = any(parsed.text(inner) in AWAITS for inner in parsed.body_tokens(at))
                    if name not in BUILTIN_TYPES | trivial and not holds_await:
                        what = f"{name}{{...}}" if name else "{...}"
                        add(at, "brace", f"{what} in an expression with co_await; make it a named local first")
            at += 1

    for index, token in enumerate(parsed.tokens):
        if token.text == "{" and token.kind == "mark" and parsed.is_statement_expression(index):
            if any(parsed.text(at) in SUSPENDS for at in parsed.body_tokens(index)):
                add(index, "statement", "co_await in a statement expression; GCC 12 cannot compile it")
        if token.text in ("CO_TRY", "CO_TRY_ASSIGN") and index:
            before = parsed.text(index - 1)
            if before not in (";", "{", "}", ")", "else", "do", ":"):
                add(index, "statement", f"{token.text} is a statement of its own")
        if token.text == "await_suspend" and parsed.text(index + 1) == "(":
            at = parsed.partner[index + 1] + 1
            while at < len(parsed.tokens) and parsed.text(at) not in ("{", ";"):
                at += 1
            if parsed.text(at) == "{":
                for inner in range(at, parsed.partner[at]):
                    if parsed.text(inner) == "destroy" and parsed.text(inner + 1) == "(":
                        add(inner, "suspend", "destroys a handle inside await_suspend")
    for bracket, body in parsed.lambdas.items():
        if any(parsed.text(at) in SUSPENDS for at in parsed.body_tokens(body)):
            held = captures(parsed, bracket)
            if is_test:
                held = [item for item in held if not (item == "this" or item.startswith("&"))]
            if held:
                add(bracket, "coroutine", f"coroutine lambda captures {', '.join(held)}; write a function with parameters")

    result = [(line, rule, message) for (line, rule), message in faults.items() if line not in parsed.file.excused]
    result += [(line, "excuse", "`lint: ok` needs a reason after it") for line in parsed.file.bare_excuses]
    return sorted(result)


def proven_trivial(root):
    """Types that some header of ours proves trivially destructible."""
    names = set()
    for path in cpp_tokens.sources(root):
        names |= {name.split("::")[-1] for name in PROVEN.findall(cpp_tokens.read(root, path))}
    return frozenset(names)


def main():
    paths = sys.argv[1:] or cpp_tokens.sources(ROOT)
    trivial = proven_trivial(ROOT)
    count = 0
    for path in paths:
        for line, rule, message in lint(path, cpp_tokens.read(ROOT if not sys.argv[1:] else ".", path), trivial):
            print(f"{path}:{line}: {rule}: {message}", file=sys.stderr)
            count += 1
    if count:
        sys.exit(f"lint_coroutines: {count} traps; STYLE of coroutines is in CONTRIBUTING.md")


if __name__ == "__main__":
    main()
