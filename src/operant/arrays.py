"""Named arrays in one flat mapping, grouped by prefixes: the form in which state is saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy.typing as npt


def section(arrays: Mapping[str, npt.NDArray[Any]], name: str) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of one group, without its prefix.

    >>> section({"env/grid": 1, "env/rng": 2, "agent/x": 3}, "env")
    {'grid': 1, 'rng': 2}
    """
    start = f"{name}/"
    return {key.removeprefix(start): arrays[key] for key in arrays if key.startswith(start)}


def joined(parts: Sequence[Mapping[str, npt.NDArray[Any]]]) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of several alike in one mapping: :func:`section` ``str(i)`` is the i-th.

    >>> joined([{"x": 1}, {"x": 2}])
    {'0/x': 1, '1/x': 2}
    """
    return {f"{i}/{name}": array for i, part in enumerate(parts) for name, array in part.items()}
