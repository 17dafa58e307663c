"""Terms: a reward that is a sum, taken apart.

Each ``return`` is read as a sum, and its summands are terms: what is a plain name goes by that
name, any other summand by its position, ``term1``, ``term2``, ... A return that lacks a term of
another one has 0 there.
"""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterator

from operant.reward_design.llm.language.checking import Checked
from operant.reward_design.llm.language.forms import copied

TOTAL = "total"
"""Name of the sum of all terms, which no term can have."""


def terms_of(program: Checked) -> tuple[str, ...]:
    """Return the terms of a reward: names over all returns, in the order in which they stand."""
    finder = _Names()
    for statement in program.body:
        finder.visit(statement)
    return tuple(finder.names)


def taken_apart(program: Checked, names: tuple[str, ...]) -> Checked:
    """Return the program that returns these terms as a tuple, instead of their sum."""
    taker = _Taker(names)
    body = [taker.visit(copied(statement)) for statement in program.body]
    return dataclasses.replace(program, body=tuple(body), outputs=len(names))


def summands(form: ast.expr) -> dict[str, ast.expr]:
    """Return the terms of a sum in checked form by name, each with its sign."""
    found: dict[str, ast.expr] = {}
    for place, (part, negative) in enumerate(_signed(form), 1):
        name = _name_of(part) or f"term{place}"
        if negative:
            part = ast.copy_location(ast.UnaryOp(ast.USub(), part), part)
        if name in found:
            part = ast.copy_location(ast.BinOp(found[name], ast.Add(), part), part)
        found[name] = part
    return found


def _signed(form: ast.expr, negative: bool = False) -> Iterator[tuple[ast.expr, bool]]:
    match form:
        case ast.BinOp(left, ast.Add() | ast.Sub() as sign, right):
            yield from _signed(left, negative)
            yield from _signed(right, negative is not isinstance(sign, ast.Sub))
        case ast.UnaryOp(ast.UAdd() | ast.USub() as sign, part):
            yield from _signed(part, negative is not isinstance(sign, ast.USub))
        case _:
            yield form, negative


def _name_of(form: ast.expr) -> str:
    """Return the name that a form reads and nothing else, or ``""``."""
    match form:
        case ast.Name(name):
            found = name.removesuffix("_")
        case ast.Call(ast.Name("float"), [ast.Name(name)]):  # the action, the counter of a loop
            found = name.removesuffix("_")
        case ast.IfExp(ast.Name(name), ast.Constant(1.0), ast.Constant(0.0)):  # a flag
            found = name.removesuffix("_")
        case _:
            found = ""
    return "" if found == TOTAL else found


class _Names(ast.NodeVisitor):
    """Collects the names of all terms."""

    def __init__(self) -> None:
        self.names: dict[str, None] = {}

    def visit_Return(self, node: ast.Return) -> None:
        if node.value is not None:
            self.names |= dict.fromkeys(summands(node.value))


class _Taker(ast.NodeTransformer):
    """Makes every return one of all terms."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names

    def visit_Return(self, node: ast.Return) -> ast.AST:
        if node.value is None:
            return node
        found = summands(node.value)
        zero = ast.copy_location(ast.Constant(0.0), node)
        terms = [found.get(name, zero) for name in self._names]
        node.value = ast.copy_location(ast.Tuple(terms, ast.Load()), node.value)
        return node
