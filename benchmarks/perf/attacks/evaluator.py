"""What a program must give: an evaluator that walks through the text's own tree, on floats."""

from __future__ import annotations

import ast
import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from operant.benchmarks.perf.attacks.trees import SIGNS, integer, parsed

CAP = 1e6
"""Largest result, in magnitude."""
MOST_STEPS = 100_000
"""Nodes that the evaluator visits before it gives up."""
_FAILURES = (
    (ZeroDivisionError, "division"),
    (OverflowError, "overflow"),
    (IndexError, "index"),
    (ValueError, "domain"),
)


class TooLong(Exception):
    """A program has more to do than the judge has patience."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """A transition.

    Attributes:
        obs: (D,) observation before the action.
        action: A number, or several.
        next_obs: (D,) observation after it.
        info: The features.
        mem: What the program remembers; changed by it.
    """

    obs: Sequence[float]
    action: float | Sequence[float]
    next_obs: Sequence[float]
    info: Mapping[str, float]
    mem: list[float]

    def copied(self) -> Given:
        """Return a transition that shares nothing with this one."""
        action = [*self.action] if isinstance(self.action, Sequence) else self.action
        return Given(
            obs=[*self.obs],
            action=action,
            next_obs=[*self.next_obs],
            info=dict(self.info),
            mem=[*self.mem],
        )


class Evaluator:
    """Walks through the tree of a program with the values of a transition."""

    def __init__(self, text: str) -> None:
        """Parse the source of a program that was accepted."""
        module: Any = parsed(text.replace("\r\n", "\n"))
        self._body: list[ast.stmt] = module.body[0].body

    def outcome(self, given: Given) -> tuple[float, ...] | str:
        """Return the numbers that are returned for a transition, or the code of the failure.

        Its memory is changed.

        Raises:
            TooLong: If the program has too much to do.
        """
        self._given, self._locals, self._steps = given, dict[str, Any](), 0
        try:
            found = self._block(self._body)
        except (ArithmeticError, ValueError, IndexError) as error:
            return next(code for kind, code in _FAILURES if isinstance(error, kind))
        values = tuple(float(value) for value in found)
        for value in values:
            if not -CAP <= value <= CAP:
                return "cap" if math.isfinite(value) else "not_finite"
        return values

    def _block(self, body: Sequence[ast.stmt]) -> Any:
        for node in body:
            found = self._statement(node)
            if found is not None:
                return found
        return None

    def _statement(self, node: ast.stmt) -> Any:
        match node:
            case ast.Return(ast.List(parts) | ast.Tuple(parts)):
                return [self._number(part) for part in parts]
            case ast.Return(ast.expr() as value):
                return [self._number(value)]
            case ast.Assign([target], value):
                self._store(target, self._value(value))
            case ast.AugAssign(target, sign, value):
                now: Any = target
                new = SIGNS[type(sign)](self._number(now), self._number(value))
                self._store(target, new)
            case ast.If(test, inside, other):
                return self._block(inside if self._value(test) else other)
            case ast.For(ast.Name(name), ast.Call(_, ends), inside):
                for turn in range(*(integer(end) or 0 for end in ends)):
                    self._locals[name] = float(turn)
                    if (found := self._block(inside)) is not None:
                        return found
        return None

    def _store(self, target: ast.expr, value: Any) -> None:
        match target:
            case ast.Name(name):
                self._locals[name] = value
            case ast.Subscript(_, place):
                self._given.mem[integer(place) or 0] = float(value)

    def _number(self, node: ast.expr) -> float:
        return float(self._value(node))

    def _value(self, node: ast.expr) -> Any:
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise TooLong
        match node:
            case ast.Constant(bool() as flag):
                return flag
            case ast.Constant(value):
                return float(value)  # type: ignore[arg-type]
            case ast.Name("action"):
                return float(self._given.action)  # type: ignore[arg-type]
            case ast.Name(name):
                return self._locals[name]
            case ast.Subscript(ast.Name(name), place):
                return self._element(name, place)
            case ast.UnaryOp(ast.Not(), part):
                return not self._value(part)
            case ast.UnaryOp(sign, part):
                value = self._number(part)
                return -value if isinstance(sign, ast.USub) else value
            case ast.BinOp(left, sign, right):
                return SIGNS[type(sign)](self._number(left), self._number(right))
            case ast.IfExp(test, one, other):
                return self._value(one if self._value(test) else other)
            case ast.Call(ast.Name(name) | ast.Attribute(_, name), parts):
                return self._called(name, [self._number(part) for part in parts])
        return self._joined(node)

    def _joined(self, node: ast.expr) -> Any:
        """Return the value of what ends as soon as it is decided."""
        match node:
            case ast.BoolOp(joint, parts):
                stop = isinstance(joint, ast.Or)
                for part in parts[:-1]:
                    if bool(value := self._value(part)) is stop:
                        return value
                return self._value(parts[-1])
            case ast.Compare(left, signs, others):
                value = self._number(left)
                for sign, other in zip(signs, others, strict=True):
                    value, before = self._number(other), value
                    if not SIGNS[type(sign)](before, value):
                        return False
                return True
        raise TypeError(f"the judge does not know {ast.dump(node)[:60]}")

    def _element(self, name: str, place: ast.expr) -> float:
        if name == "info":
            assert isinstance(place, ast.Constant)
            return float(self._given.info[str(place.value)])
        index = self._number(place)
        if name == "mem":
            return self._given.mem[int(index)]
        return float(getattr(self._given, name)[int(index)])

    def _called(self, name: str, values: list[float]) -> Any:
        match name:
            case "abs" | "fabs":
                return abs(values[0])
            case "float":
                return values[0]
            case "int":
                return float(math.trunc(values[0]))
            case "min":
                return min(values)
            case "max":
                return max(values)
            case "floor" | "ceil":
                return float(getattr(math, name)(values[0]))
        return getattr(math, name)(*values)
