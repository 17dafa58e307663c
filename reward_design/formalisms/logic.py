"""Formulas over features: guards of one step, and temporal ones over the rest of an episode.

Words are features: a flag stands alone (``has_key``), a number is compared (``subgoal >= 1``).
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import operator
from collections.abc import Container, Iterator, Sequence
from typing import TypeAlias

import numpy as np

from operant.errors import OperantError
from operant.types import Bool, Features

MAX_VALUATIONS = 1 << 16
"""Most combinations of feature values that are gone through."""
RELATIONS = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
BINDING = {"->": 1, "|": 2, "&": 3, "U": 4, "R": 4}
"""Signs between two formulas, and how tightly they bind; ``! X WX F G`` bind tighter."""


class FormulaError(OperantError, ValueError):
    """A formula or a machine is malformed.

    Attributes:
        line: Line in its text, from 1; 0 if it does not come from a text.
        column: Column in that line, from 1; 0 if unknown.
    """

    def __init__(self, reason: str, line: int = 0, column: int = 0, shown: str = "") -> None:
        """Build the message.

        Args:
            reason: What is wrong and what is allowed.
            line: Line in the text, from 1, or 0.
            column: Column in the line, from 1, or 0.
            shown: The line itself, to be shown with a mark below the column.
        """
        self.line, self.column = line, column
        where = f"line {line}, column {column}: " if line else ""
        mark = f"\n  {shown}\n  {' ' * (column - 1)}^" if shown else ""
        super().__init__(f"{where}{reason}{mark}")


@dataclasses.dataclass(frozen=True, slots=True)
class Constant:
    """True or false."""

    value: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Atom:
    """A flag, or a comparison of a number.

    Attributes:
        name: Feature.
        relation: A key of :data:`RELATIONS`, or ``""`` for a flag.
        value: What the number is compared with.
        line: Where it stands in its text, from 1; 0 if nowhere.
        column: The same for the column.
    """

    name: str
    relation: str = ""
    value: float = 0.0
    line: int = dataclasses.field(default=0, compare=False)
    column: int = dataclasses.field(default=0, compare=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Not:
    """The body does not hold."""

    body: Formula


@dataclasses.dataclass(frozen=True, slots=True)
class And:
    """Both hold."""

    left: Formula
    right: Formula


@dataclasses.dataclass(frozen=True, slots=True)
class Or:
    """At least one holds."""

    left: Formula
    right: Formula


@dataclasses.dataclass(frozen=True, slots=True)
class Next:
    """There is a next step, and the body holds from there."""

    body: Formula


@dataclasses.dataclass(frozen=True, slots=True)
class WeakNext:
    """This is the last step, or the body holds from the next one."""

    body: Formula


@dataclasses.dataclass(frozen=True, slots=True)
class Until:
    """``right`` holds now or later, and ``left`` at all steps before."""

    left: Formula
    right: Formula


@dataclasses.dataclass(frozen=True, slots=True)
class Release:
    """``right`` holds up to the end, or up to and including a step at which ``left`` holds."""

    left: Formula
    right: Formula


Formula: TypeAlias = Constant | Atom | Not | And | Or | Next | WeakNext | Until | Release
SHAPES: dict[str, type[And | Or | Until | Release]] = {
    "&": And,
    "|": Or,
    "U": Until,
    "R": Release,
}
"""Signs between two formulas, and what they make of them."""


def show(formula: Formula, binding: int = 0) -> str:
    """Return the text of a formula, which reads back as the same one."""
    match formula:
        case Constant(value):
            return "true" if value else "false"
        case Atom(name, relation, value):
            return f"{name} {relation} {show_number(value)}" if relation else name
        case Not(body):
            return f"!{show(body, 5)}"
        case Next(body):
            return f"X {show(body, 5)}"
        case WeakNext(body):
            return f"WX {show(body, 5)}"
        case Until(Constant(True), body):
            return f"F {show(body, 5)}"
        case Release(Constant(False), body):
            return f"G {show(body, 5)}"
        case _:
            sign = next(sign for sign, shape in SHAPES.items() if type(formula) is shape)
            strength = BINDING[sign]
            # & and | group to the left, U and R to the right
            sides = (strength, strength + 1) if sign in "&|" else (strength + 1, strength)
            text = f"{show(formula.left, sides[0])} {sign} {show(formula.right, sides[1])}"
            return f"({text})" if strength < binding else text


def show_number(value: float) -> str:
    """Return the shortest text that reads back as the same number."""
    return short if float(short := f"{value:g}") == value else repr(value)


def atoms(formula: Formula) -> Iterator[Atom]:
    """Iterate over the atoms of a formula, from left to right, with repetitions."""
    match formula:
        case Atom():
            yield formula
        case Not(body) | Next(body) | WeakNext(body):
            yield from atoms(body)
        case And(left, right) | Or(left, right) | Until(left, right) | Release(left, right):
            yield from atoms(left)
            yield from atoms(right)
        case _:
            return


def holds(formula: Formula, features: Features, size: int) -> Bool:
    """Return where a formula without temporal words holds, (B,) bool.

    Args:
        formula: The formula.
        features: Feature -> (B,) values; flags may be floats.
        size: B.
    """
    match formula:
        case Constant(value):
            return np.full(size, value)
        case Atom(name, relation, value):
            values = np.asarray(features[name])
            found: Bool = RELATIONS[relation](values, value) if relation else values != 0
            return found
        case Not(body):
            return ~holds(body, features, size)
        case And(left, right):
            return holds(left, features, size) & holds(right, features, size)
        case Or(left, right):
            return holds(left, features, size) | holds(right, features, size)
        case _:
            raise TypeError(f"{show(formula)!r} speaks of more than one step")


def valuations(words: Sequence[Atom], *, whole: Container[str] = ()) -> tuple[Features, int]:
    """Return values of the features that stand for all values there are.

    A flag is 0 or 1. A number is any of the values it is compared with, between two of them, or
    beyond: no comparison can tell more.

    Args:
        words: Atoms.
        whole: Numbers that are integers.

    Returns:
        Feature -> (V,) values, and V.

    Raises:
        FormulaError: If there are more than :data:`MAX_VALUATIONS` combinations.
    """
    compared: dict[str, set[float]] = {}
    for word in words:
        compared.setdefault(word.name, set()).add(word.value)  # that of a flag is 0
    flags = compared.keys() - {word.name for word in words if word.relation}
    choices = [
        [0.0, 1.0] if name in flags else (_integers if name in whole else _reals)(sorted(values))
        for name, values in compared.items()
    ]
    count = int(np.prod([float(len(each)) for each in choices]))
    if count > MAX_VALUATIONS:
        raise FormulaError(
            f"{len(compared)} features have {count:,} combinations of values, more than "
            f"{MAX_VALUATIONS:,}; use fewer features",
            words[0].line,
            words[0].column,
        )
    grid = np.array(list(itertools.product(*choices)), np.float64).reshape(count, len(choices))
    return dict(zip(compared, grid.T, strict=True)), count


def _reals(compared: Sequence[float]) -> list[float]:
    """Return the values compared with, one number between each two, and one beyond each end.

    Beyond is 1 away, or, where numbers are too large for that, the next one there is.
    """
    below = min(compared[0] - 1.0, math.nextafter(compared[0], -math.inf))
    above = max(compared[-1] + 1.0, math.nextafter(compared[-1], math.inf))
    # halved first: their sum may be too large
    between = [low / 2 + high / 2 for low, high in itertools.pairwise(compared)]
    return sorted({below, *compared, *between, above})


def _integers(compared: Sequence[float]) -> list[float]:
    """Return the same in integers, as far as there are any."""
    below = min(np.ceil(compared[0]) - 1.0, math.nextafter(compared[0], -math.inf))
    above = [max(np.floor(each) + 1.0, math.nextafter(each, math.inf)) for each in compared]
    return sorted({below, *(each for each in compared if each == np.floor(each)), *above})
