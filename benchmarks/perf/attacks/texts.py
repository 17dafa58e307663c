"""Random texts of five kinds, from almost programs to almost nothing."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Sequence
from random import Random
from typing import Any

CONSTRUCTS = (
    *("lambda: 0", "[x for x in obs]", "(x := 1)", "await x", "yield", "*obs", "**info", "f'{x}'"),
    *("import os", "from os import *", "global x", "nonlocal x", "del x", "assert x", "raise x"),
    *("with x: pass", "try: x\nexcept: x", "class A: x", "def f(): return 1", "async def f(): x"),
    *("match x:\n  case 1: x", "@x", "while 1: x", "pass", "break", "x: int = 1", "-> float"),
    *("__class__", ".__dict__", "obs[:]", "{1: 2}", "{1}", "(1, 2)", "[1]", "...", "None", "1j"),
    *("is not", "not in", "<<", "@", "~", "^", "else: x", "x if y", "print(1)", "open('x')"),
    *("9" * 400, "0x" + "f" * 5000, "1e999", "1_0", "0b1", "''", 'b""', "\\\n", "# x", ";", ":="),
    *("\u0430", "\u202e", "\0", "\r", "\f", "\ud800", "\u00a0", "\uff11", "e\u0301", "\x7f", "\t"),
    *("-" * 3000, "(" * 30, "not " * 300, "]" * 5, '"""', "mem[0]", "mem[0] += 1", "action[0]"),
    *("range(4096)", "range(-5)", "range(10 ** 9)", "obs[-1]", "info['a']", "info['prev_a']"),
    *("return", "return [1, 2]", "math.sqrt", "math.pi", "int", "True", "1e12", "-0.0", "** -1"),
)
_TOKEN = re.compile(r"\w+|[ \t]+|\n|[^\w\s]")
_FIELD = re.compile(r"(\w+)([?*]?) (\w+)")


def mutated(rng: Random, pool: Sequence[str], donors: Sequence[str]) -> str:
    """Return a text with some tokens deleted, doubled, swapped, replaced or added.

    Args:
        rng: Source of chance.
        pool: Texts of which one is changed.
        donors: Texts from which pieces are taken.
    """
    tokens = _TOKEN.findall(rng.choice(pool))[:3000] or [""]
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        start = rng.randrange(len(tokens))
        end = min(len(tokens), start + rng.choice((1, 1, 1, 2, 5, 20)))
        piece = tokens[start:end]
        kind = rng.randrange(11)
        if kind == 0:
            tokens[start:end] = []
        elif kind == 1:
            tokens[start:end] = piece * rng.choice((2, 2, 3, 40))
        elif kind == 2:
            other = rng.randrange(len(tokens))
            tokens[start], tokens[other] = tokens[other], tokens[start]
        elif kind == 3:
            tokens[start] = rng.choice(tokens)
        elif kind == 4:
            tokens[start:start] = [" ", rng.choice(CONSTRUCTS), " "]
        elif kind == 5:
            donor = _TOKEN.findall(rng.choice(donors))[:3000] or [""]
            place = rng.randrange(len(donor))
            tokens[start:end] = donor[place : place + rng.choice((1, 3, 10, 40))]
        elif kind == 6:
            tokens[start] = rng.choice(CONSTRUCTS)
        else:
            alike = [each for each in tokens if _class(each) == _class(tokens[start])]
            tokens[start] = rng.choice(alike)
        tokens = tokens or [""]
    return "".join(tokens)


def _class(token: str) -> str:
    """Return what kind of token it is."""
    kinds = ((str.isdigit, "number"), (str.isidentifier, "name"), (str.isspace, "space"))
    return next((kind for test, kind in kinds if test(token)), "sign")


def arbitrary(rng: Random, head: str) -> str:
    """Return a function whose body is random Python of any kind."""
    body = [_node(rng, "stmt", rng.randint(1, 4)) for _ in range(rng.randint(1, 3))]
    lines = []
    for node in body:
        try:
            lines.append(ast.unparse(ast.fix_missing_locations(node)))
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
            lines.append("x = 1")  # a tree that no text has
    if rng.random() < 0.1:
        return "\n".join(lines)
    return head + textwrap.indent("\n".join((*lines, "return 1.0")), "    ")


def garbage(rng: Random, head: str) -> str:
    """Return random bytes as text, half of the time as the body of a function."""
    size = rng.choice((1, 5, 20, 100, 1000, 9000))
    if rng.random() < 0.5:
        text = rng.randbytes(size).decode(rng.choice(("latin-1", "ascii")), "surrogateescape")
    else:
        text = "".join(chr(rng.randint(32, 126)) for _ in range(size))
    return text if rng.random() < 0.5 else head + "    return " + text


def _node(rng: Random, kind: str, depth: int) -> Any:
    """Return a random tree of a kind of Python's grammar, which the classes' docstrings tell."""
    if kind == "identifier":
        return rng.choice(("x", "y", "obs", "info", "math", "action", "reward", "__class__", "abs"))
    if kind == "int":
        return rng.choice((0, 1))
    if kind == "string":
        return rng.choice(("", "x"))
    if kind == "constant":
        return rng.choice((0, 1, 2.5, True, None, "a", b"b", 1j, ..., 10**20, float("inf")))
    if kind == "expr_context":
        return ast.Load()
    found: type[ast.AST] = getattr(ast, kind)
    if choices := found.__subclasses__():
        named = [each for each in choices if each.__doc__ and hasattr(ast, each.__name__)]
        simple = [each for each in named if each in (ast.Constant, ast.Name, ast.Return, ast.Pass)]
        found = rng.choice(simple if depth <= 0 and simple else named)
    fields = _FIELD.findall((found.__doc__ or "").partition("(")[2])
    node = found()
    for of, many, name in fields:
        if many == "*":
            value: Any = [_node(rng, of, depth - 1) for _ in range(rng.choice((0, 1, 1, 2)))]
        elif many == "?" and rng.random() < 0.6:
            value = None
        else:
            value = _node(rng, of, depth - 1)
        setattr(node, name, value)
    return node
