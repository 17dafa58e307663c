"""What is within the language, and what compiled code can reach, by a reading of one's own."""

from __future__ import annotations

import ast
import dis
import math
from collections.abc import Sequence
from types import CodeType, FunctionType, MappingProxyType
from typing import Any

from operant.benchmarks.perf.attacks.trees import SIGNS, integer, parsed

STEP = ("obs", "action", "next_obs", "info")
SIGNATURES = MappingProxyType(
    {"reward": STEP, "signs": STEP, "factors": STEP, "potential": ("obs", "info")}
)
LISTS = MappingProxyType({"signs": (2, 2), "factors": (1, 16)})
ARITY = MappingProxyType(
    dict.fromkeys(("abs", "float", "int"), (1, 1))
    | dict.fromkeys(("min", "max"), (2, 8))
    | dict.fromkeys(("fabs", "sqrt", "exp", "log", "log1p", "tanh", "sin", "cos"), (1, 1))
    | dict.fromkeys(("floor", "ceil", "isfinite"), (1, 1))
    | dict.fromkeys(("atan2", "hypot", "copysign"), (2, 2))
)
_PLAIN = ("abs", "min", "max", "float", "int")
_OTHER_SIGNS = (ast.UAdd, ast.USub, ast.Not, ast.And, ast.Or)
_FORBIDDEN_CODE = (
    *("IMPORT", "LOAD_ATTR", "LOAD_METHOD", "STORE_ATTR", "DELETE", "STORE_GLOBAL", "STORE_NAME"),
    *("MAKE_FUNCTION", "LOAD_BUILD", "YIELD", "SEND", "GET_AW", "GET_A", "RAISE", "LOAD_CLOSURE"),
    *("BUILD_LIST", "BUILD_MAP", "BUILD_SET", "BUILD_STR", "FORMAT", "LIST_", "DICT_", "SET_"),
    *("LOAD_DEREF", "STORE_DEREF", "BEFORE_WITH", "UNPACK", "CALL_FUNCTION_EX", "MATCH"),
)


class Scope:
    """Holds a text against the description of the language."""

    def __init__(self, entry: str, *, keys: Sequence[str], vector_action: bool) -> None:
        """Say what a program may have.

        Args:
            entry: Name of its function.
            keys: Keys of ``info``.
            vector_action: Whether an action is a vector.
        """
        self._entry, self._keys, self._vector_action = entry, keys, vector_action
        self._faults: list[str] = []
        self._parameters: tuple[str, ...] = ()

    def faults(self, text: str) -> list[str]:
        """Return what in an accepted text should have been refused."""
        text = text.replace("\r\n", "\n")
        characters = all(" " <= each <= "~" or each in "\t\n" for each in text)
        self._require(len(text) <= 8192 and characters, "text")
        self._require(_brackets(text) <= 40, "brackets")
        module = parsed(text)
        if not (len(module.body) == 1 and type(module.body[0]) is ast.FunctionDef):
            return [*self._faults, "not one function"]
        function: Any = module.body[0]
        arguments = function.args
        names = tuple(each.arg for each in arguments.args)
        plain = SIGNATURES[self._entry]
        longer = plain if self._entry == "potential" else (*plain, "mem")
        others = (
            *(arguments.posonlyargs, arguments.kwonlyargs, arguments.vararg, arguments.kwarg),
            *(arguments.defaults, function.decorator_list, function.returns),
            *(each.annotation for each in arguments.args),
        )
        self._require(function.name == self._entry and names in (plain, longer), "signature")
        self._require(not any(others), "more than a plain signature")
        self._parameters = names
        nodes = sum(isinstance(each, (ast.stmt, ast.expr)) for each in ast.walk(module))
        self._require(nodes <= 600, f"{nodes} nodes")
        self._require(_depth(module) <= 41, "depth")
        body = function.body
        match body:
            case [ast.Expr(ast.Constant(str())), *rest]:
                body = rest
        self._block(body, ())
        self._require(_returns(body), "a path without a return")
        return self._faults

    def _require(self, condition: Any, what: str) -> None:
        if not condition:
            self._faults.append(what)

    def _block(self, body: Sequence[ast.stmt], turns: tuple[int, ...]) -> None:
        for node in body:
            match node:
                case ast.Assign([target], value) | ast.AugAssign(target, _, value):
                    self._target(target)
                    self._value(value)
                case ast.If(test, inside, other):
                    self._value(test)
                    self._block(inside, turns)
                    self._block(other, turns)
                case ast.For(
                    ast.Name() as target, ast.Call(ast.Name("range"), [*ends], []), inside, []
                ):
                    self._target(target)
                    bounds = [integer(end) for end in ends]
                    self._require(1 <= len(ends) <= 2 and None not in bounds, "range")
                    first, last = [0, *(bound or 0 for bound in bounds)][-2:]
                    around = (*turns, last - first)
                    self._require(1 <= math.prod(around) <= 4096 and len(around) <= 8, "turns")
                    self._require(max(abs(first), abs(last)) <= 1e12, "large number")
                    self._block(inside, around)
                case ast.Return(ast.List(parts) | ast.Tuple(parts)) if self._entry in LISTS:
                    fewest, most = LISTS[self._entry]
                    self._require(fewest <= len(parts) <= most, "length of the list")
                    for part in parts:
                        self._value(part)
                case ast.Return(ast.expr() as value):
                    self._require(self._entry not in LISTS, "a number for a list")
                    self._value(value)
                case _:
                    self._faults.append(f"statement {type(node).__name__}")

    def _target(self, node: ast.expr) -> None:
        match node:
            case ast.Name(name):
                taken = {*SIGNATURES, *STEP, *self._parameters, *_PLAIN, "math", "range"}
                self._require(name not in taken and not name.startswith("__"), f"assigned {name}")
            case ast.Subscript(ast.Name("mem")):
                self._read(node)
            case _:
                self._faults.append(f"target {ast.dump(node)[:60]}")

    def _value(self, node: ast.expr) -> None:
        match node:
            case ast.Constant(bool()) | ast.Name():
                pass  # a name without a value shows when the program is run
            case ast.Constant(int() | float() as number):
                self._require(abs(number) <= 1e12, "large number")
            case ast.Subscript():
                self._read(node)
            case ast.Call(ast.Name(name), parts, []) if name in _PLAIN:
                self._call(name, parts)
            case ast.Call(ast.Attribute(ast.Name("math"), name), parts, []) if name not in _PLAIN:
                self._call(name, parts)
            case ast.BinOp() | ast.UnaryOp() | ast.BoolOp() | ast.Compare() | ast.IfExp():
                self._require(_exponent(node) <= 16, "exponent")
                for part in ast.iter_child_nodes(node):
                    if isinstance(part, ast.expr):
                        self._value(part)
                    else:
                        known = type(part) in SIGNS or isinstance(part, _OTHER_SIGNS)
                        self._require(known, f"operator {type(part).__name__}")
            case _:
                self._faults.append(f"expression {ast.dump(node)[:60]}")

    def _read(self, node: ast.Subscript) -> None:
        match node:
            case ast.Subscript(ast.Name("info"), ast.Constant(str() as key)):
                self._require(key in self._keys, f"key {key!r}")
            case ast.Subscript(ast.Name("mem"), place):
                written = integer(place)  # mem[-0] is mem[0]
                inside = written is not None and 0 <= written < 16
                self._require("mem" in self._parameters and inside, "mem")
            case ast.Subscript(ast.Name("obs" | "next_obs" as name), place):
                self._require(name in self._parameters, name)
                self._value(place)
            case ast.Subscript(ast.Name("action"), place) if self._vector_action:
                self._value(place)
            case _:
                self._faults.append(f"read {ast.dump(node)[:60]}")

    def _call(self, name: str, parts: Sequence[ast.expr]) -> None:
        fewest, most = ARITY.get(name, (1, 0))
        self._require(fewest <= len(parts) <= most, f"call of {name}")
        for part in parts:
            self._value(part)


def code_faults(function: FunctionType) -> list[str]:
    """Return what a compiled program could reach beyond its table and its arguments."""
    code, reachable = function.__code__, {**function.__globals__}
    faults = [] if reachable.pop("__builtins__", None) == {} else ["has builtins"]
    faults += [f"name {name}" for name in code.co_names if name not in reachable]
    faults += [f"function {name}" for name, each in reachable.items() if not callable(each)]
    faults += ["free variables"] if code.co_freevars or code.co_cellvars else []
    faults += [f"constant {each!r}" for each in code.co_consts if isinstance(each, CodeType)]
    for each in dis.get_instructions(code):
        if each.opname.startswith(_FORBIDDEN_CODE):
            faults.append(f"instruction {each.opname}")
    return faults


def _returns(body: Sequence[ast.stmt]) -> bool:
    """Return whether every path through some statements ends in a return, and nothing follows."""
    *before, last = (_ends(node) for node in body)
    return last and not any(before)


def _ends(node: ast.stmt) -> bool:
    """Return whether nothing can follow a statement."""
    match node:
        case ast.If(_, inside, [*other]) if other:
            return _returns(inside) and _returns(other)
    return isinstance(node, ast.Return)


def _exponent(node: ast.expr) -> float:
    """Return the magnitude of an exponent, where it and the base are written down."""

    def number(part: ast.expr) -> float | None:
        match part:
            case ast.UnaryOp(ast.USub(), inside):
                part = inside
        match part:
            case ast.Constant(int() | float() as value) if not isinstance(value, bool):
                return abs(value)
        return None

    match node:
        case ast.BinOp(base, ast.Pow(), exponent) if number(base) is not None:
            return number(exponent) or 0.0
    return 0.0


def _brackets(text: str) -> int:
    """Return how deep brackets nest, comments and texts included."""
    depth = deepest = 0
    for each in text:
        depth = max(0, depth + (each in "([{") - (each in ")]}"))
        deepest = max(deepest, depth)
    return deepest


def _depth(node: ast.AST) -> int:
    inside = (_depth(child) for child in ast.iter_child_nodes(node) if hasattr(child, "lineno"))
    return 1 + max(inside, default=0)
