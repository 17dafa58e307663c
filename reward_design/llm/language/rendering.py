"""From the checked form to a function, for each way in which features can be read."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from types import CodeType, FunctionType
from typing import Any

from operant.reward_design.llm.language.checking import Checked
from operant.reward_design.llm.language.forms import copied

FILE = "<reward program>"
"""What stands for a file's name in tracebacks."""


def by_key(key: str) -> ast.expr:
    """Read ``info[key]`` of a mapping."""
    return ast.Subscript(_name("info"), ast.Constant(key), ast.Load())


def by_position(keys: Sequence[str]) -> Callable[[str], ast.expr]:
    """Read ``info[k]`` of a row that holds the values of these keys."""
    places = {key: place for place, key in enumerate(keys)}
    return lambda key: ast.Subscript(_name("info"), ast.Constant(places[key]), ast.Load())


def by_attribute(now: str, prev: str = "") -> Callable[[str], ast.expr]:
    """Read attributes of two states: ``prev.x`` for ``prev_x`` if there is one, else ``now.x``."""

    def read(key: str) -> ast.expr:
        name = key.removeprefix("prev_") if prev else key
        return ast.Attribute(_name(now if name == key else prev), name, ast.Load())

    return read


def render(
    program: Checked,
    parameters: Sequence[str],
    read: Callable[[str], ast.expr],
    table: Mapping[str, Callable[..., Any]],
    *,
    floats: bool = False,
) -> FunctionType:
    """Return a checked program as a function of Python.

    Args:
        program: The program.
        parameters: Names of the function's parameters.
        read: From a key of ``info`` to the expression that reads it.
        table: What the names in the program are. The function can reach nothing else.
        floats: Whether what ``info`` holds is float already, so that nothing need make it one.
    """
    body = [_Reads(read, floats=floats).visit(copied(statement)) for statement in program.body]
    arguments = ast.arguments(
        posonlyargs=[],
        args=[ast.arg(name) for name in parameters],
        kwonlyargs=[],
        kw_defaults=[],
        defaults=[],
    )
    function = ast.FunctionDef("program", arguments, body, [])
    function.lineno, function.col_offset = 1, 0
    module = ast.fix_missing_locations(ast.Module([function], []))
    # The module's code defines the function. It is not run: the function's own code is inside.
    module_code = compile(module, FILE, "exec", dont_inherit=True)
    code = next(each for each in module_code.co_consts if isinstance(each, CodeType))
    return FunctionType(code, {"__builtins__": {}, **table})


class _Reads(ast.NodeTransformer):
    """Puts something else in the place of ``info[key]``."""

    def __init__(self, read: Callable[[str], ast.expr], *, floats: bool) -> None:
        self._read, self._floats = read, floats

    def visit_Call(self, node: ast.Call) -> ast.AST:
        read = self.generic_visit(node)
        match node:
            case ast.Call(ast.Name("float"), [ast.Subscript(ast.Name("info")) as value]):
                return value if self._floats else read
        return read

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        match node:
            case ast.Subscript(ast.Name("info"), ast.Constant(str() as key)):
                return ast.copy_location(self._read(key), node)
        return self.generic_visit(node)  # an index may hold a read


def _name(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())
