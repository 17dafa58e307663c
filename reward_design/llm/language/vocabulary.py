"""The words of the language: entry points, functions, and what their names mean to Python."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal

_STEP = ("obs", "action", "next_obs", "info")
PARAMETERS = MappingProxyType(
    {"reward": _STEP, "signs": _STEP, "factors": _STEP, "potential": ("obs", "info")}
)
"""Entry point -> its parameters, in order; all but potentials may have ``mem`` after them."""
OUTPUTS = MappingProxyType({"signs": (2, 2), "factors": (1, 16)})
"""Entry point that returns a list -> fewest and most numbers in it."""
MEMORY = "mem"
"""Name of the parameter for what a program remembers."""
MAX_MEMORY = 16
"""Most numbers that a program remembers."""
MAX_ARGUMENTS = 8
"""Most arguments of ``min`` and ``max``."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Function:
    """A function of the language.

    Attributes:
        arguments: Fewest and most arguments.
        whole: When the result is a whole number: ``"always"``, ``"kept"`` (if all arguments are) or
            ``"never"``.
        flag: True if it returns a flag.
    """

    arguments: tuple[int, int] = (1, 1)
    whole: Literal["always", "kept", "never"] = "never"
    flag: bool = False


FUNCTIONS: Mapping[str, Function] = MappingProxyType(
    {
        "abs": Function(whole="kept"),
        "min": Function(arguments=(2, MAX_ARGUMENTS), whole="kept"),
        "max": Function(arguments=(2, MAX_ARGUMENTS), whole="kept"),
        "float": Function(whole="kept"),
        "int": Function(whole="always"),
        "math.fabs": Function(whole="kept"),
        "math.sqrt": Function(),
        "math.exp": Function(),
        "math.log": Function(),
        "math.log1p": Function(),
        "math.tanh": Function(),
        "math.sin": Function(),
        "math.cos": Function(),
        "math.atan2": Function(arguments=(2, 2)),
        "math.hypot": Function(arguments=(2, 2)),
        "math.floor": Function(whole="always"),
        "math.ceil": Function(whole="always"),
        "math.copysign": Function(arguments=(2, 2)),
        "math.isfinite": Function(flag=True),
    }
)
"""All functions, by the name under which a program calls them."""

RESERVED = frozenset(
    {"math", "range", *PARAMETERS, *_STEP} | {name for name in FUNCTIONS if "." not in name}
)
"""Names that a program may not assign."""


def power(x: float, y: float) -> float:
    """Return x ** y; raises where that would be complex or too large.

    Squares are products, in compiled code as here: C's ``pow`` sometimes rounds otherwise.
    """
    if y != 2.0:
        return math.pow(x, y)
    square = x * x
    if math.isinf(square) and not math.isinf(x):
        raise OverflowError
    return square


def hypot(x: float, y: float) -> float:
    """Return the length of (x, y); Python and C have algorithms of their own, which differ."""
    long, short = abs(x), abs(y)
    if math.isinf(long) or math.isinf(short):
        return math.inf
    if long < short:
        long, short = short, long
    if long == 0.0:
        return short
    share = short / long
    return long * math.sqrt(1.0 + share * share)


TABLE: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "abs": abs,
        "min": min,
        "max": max,
        "float": float,
        "range": range,
        "index": int,
        "power": math.pow,  # where ** would give a complex number, this raises
        "truncated": math.trunc,
        "fabs": math.fabs,
        "sqrt": math.sqrt,
        "exp": math.exp,
        "log": math.log,
        "log1p": math.log1p,
        "tanh": math.tanh,
        "sin": math.sin,
        "cos": math.cos,
        "atan2": math.atan2,
        "hypot": math.hypot,
        "floor": math.floor,
        "ceil": math.ceil,
        "copysign": math.copysign,
        "isfinite": math.isfinite,
    }
)
"""What the names in a checked program are: all that it can reach."""

ALIKE: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {**TABLE, "power": power, "hypot": hypot}
)
"""The same for calls and batches in Python, equal to compiled batches to the last bit."""
