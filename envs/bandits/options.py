"""Arguments of bandit worlds, checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from operant.types import Float

Numbers: TypeAlias = Sequence[Any]
"""A list of numbers, or of lists of them."""
HISTORY, FULL, NOTHING = "history", "full", "nothing"
"""What observations tell: the last round, it and the rewards of all arms, or nothing."""


def count(name: str, value: Any, low: int, high: int = 10**6) -> int:
    """Return an argument that counts something.

    Raises:
        ValueError: If it is no integer in [low, high].
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise ValueError(f"{name} must be an integer in [{low}, {high}], got {value!r}")
    if not low <= value <= high:
        raise ValueError(f"{name} must lie in [{low}, {high}], got {value}")
    return int(value)


def number(name: str, value: Any, low: float, high: float) -> float:
    """Return an argument that is a number.

    Raises:
        ValueError: If it is no number in [low, high].
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        raise ValueError(f"{name} must be a number in [{low:g}, {high:g}], got {value!r}")
    if not low <= value <= high:
        raise ValueError(f"{name} must lie in [{low:g}, {high:g}], got {value}")
    return float(value)


def choice(name: str, value: Any, allowed: Sequence[str]) -> str:
    """Return an argument that is one of some words.

    Raises:
        ValueError: If it is none of them.
    """
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")
    return str(value)


def instance_seed_of(value: Any) -> int | None:
    """Return the argument ``instance_seed``.

    Raises:
        ValueError: If it is neither None nor an integer >= 0.
    """
    return None if value is None else count("instance_seed", value, 0, 2**63 - 1)


def payoff_table(
    name: str, value: Numbers, shape: tuple[int | None, ...], low: float, high: float
) -> Float:
    """Return an argument that is a table of numbers.

    Args:
        name: The argument.
        value: What was given.
        shape: Its shape; None for any length >= 1.
        low: Smallest number allowed.
        high: Largest number allowed.

    Raises:
        ValueError: If it is no such table; names the entry.

    >>> payoff_table("means", [0.5, 0.9], (None,), 0, 1).tolist()
    [0.5, 0.9]
    """
    words = " x ".join("any" if n is None else str(n) for n in shape)
    try:
        table = np.array(value, np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be a table of {words} numbers: {error}") from None
    fits = table.ndim == len(shape) and all(
        have == want or (want is None and have > 0)
        for have, want in zip(table.shape, shape, strict=True)
    )
    if not fits:
        raise ValueError(f"{name} must be a table of {words} numbers, got shape {table.shape}")
    bad = ~((table >= low) & (table <= high))  # NaN too
    if bad.any():
        at = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"{name} must hold numbers in [{low:g}, {high:g}], got {table[at]} at {list(at)}"
        )
    return table
