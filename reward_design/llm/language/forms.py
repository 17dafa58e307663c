"""Pieces of the checked form: kinds of values, and the trees that stand for them."""

from __future__ import annotations

import ast
import enum
from typing import TypeVar

Part = TypeVar("Part")


class Kind(enum.Enum):
    """What an expression is."""

    NUMBER = "a number"
    WHOLE = "a whole number"
    FLAG = "a flag (true or false)"
    VECTOR = "a vector"


def literal(node: ast.expr) -> int | None:
    """Return the integer that is written down, with or without a minus, or None."""
    value = written(node)
    return value if isinstance(value, int) else None


def local(node: ast.Name, context: ast.expr_context) -> ast.Name:
    """Return one of the program's own names, which end in an underscore in the checked form."""
    return ast.copy_location(ast.Name(f"{node.id}_", context), node)


def call(name: str, arguments: list[ast.expr], at: ast.AST) -> ast.expr:
    """Return the call of a name in the table."""
    function = ast.copy_location(ast.Name(name, ast.Load()), at)
    return ast.copy_location(ast.Call(function, arguments, []), at)


def as_number(kind: Kind, form: ast.expr) -> ast.expr:
    """Return a form as a number: a flag becomes 1.0 or 0.0."""
    if kind is not Kind.FLAG:
        return form
    one, zero = (ast.copy_location(ast.Constant(value), form) for value in (1.0, 0.0))
    return ast.copy_location(ast.IfExp(form, one, zero), form)


def kind_of(whole: bool) -> Kind:
    """Return the kind of a number."""
    return Kind.WHOLE if whole else Kind.NUMBER


def name_of(node: ast.Name) -> ast.Name:
    """Return a parameter that is read."""
    return ast.copy_location(ast.Name(node.id, ast.Load()), node)


def written(node: ast.expr) -> float | None:
    """Return the number that is written down, with or without a minus, or None."""
    match node:
        case ast.UnaryOp(ast.USub(), ast.Constant(int() | float() as value)):
            return None if isinstance(value, bool) else -value
        case ast.Constant(int() | float() as value):
            return None if isinstance(value, bool) else value
    return None


def applied(name: str, arguments: list[ast.expr], at: ast.AST) -> ast.expr:
    """Return the checked form of a function of the language."""
    if name in ("floor", "ceil"):
        return call("float", [call(name, arguments, at)], at)
    if name == "int":
        return call("float", [call("truncated", arguments, at)], at)
    if name == "float":
        return arguments[0]  # all numbers are floats
    form, *others = arguments
    if name in ("min", "max"):
        for other in others:
            form = call(name, [form, other], at)
        return form
    return call(name, arguments, at)


def copied(part: Part) -> Part:
    """Return a copy of a tree or of a part of one; ``copy.deepcopy`` takes several times as long.

    Whatever is no node and no list never changes, and is shared.
    """
    if isinstance(part, ast.AST):
        return type(part)(**{name: copied(value) for name, value in vars(part).items()})
    if isinstance(part, list):
        return [copied(each) for each in part]  # type: ignore[return-value]
    return part
