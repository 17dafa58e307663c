"""Named arrays in one flat mapping, grouped by prefixes: the form in which state is saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt


def section(arrays: Mapping[str, npt.NDArray[Any]], name: str) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of one group, without its prefix.

    >>> section({"env/grid": 1, "env/rng": 2, "agent/x": 3}, "env")
    {'grid': 1, 'rng': 2}
    """
    start = f"{name}/"
    return {key.removeprefix(start): arrays[key] for key in arrays if key.startswith(start)}
