"""How hard the levels of an env are, as its oracle tells it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np

from operant.types import Optima, Oracle


def measure_optima(env: gym.Env[Any, Any], levels: int) -> Optima:
    """Ask the oracle of an env for the optimum of several levels.

    Args:
        env: An env with ``unwrapped.oracle()`` of a kind other than ``"none"``; it is reset with
            seeds 0 .. levels - 1.
        levels: Number of levels, >= 1.

    Raises:
        TypeError: If the env has no oracle.
        ValueError: If ``levels`` is below 1.
    """
    if levels < 1:
        raise ValueError(f"levels must be >= 1, got {levels}")
    ask: Callable[[], Oracle] | None = getattr(env.unwrapped, "oracle", None)
    if ask is None:
        raise TypeError(f"{env} has no oracle() to ask for the optimum")
    found = []
    for seed in range(levels):
        env.reset(seed=seed)
        found.append(ask())
    lengths = [o.solution_length for o in found if o.solution_length is not None]
    least, median, most = np.quantile(lengths or [0], (0.0, 0.5, 1.0), method="lower").tolist()
    return Optima(
        levels=levels,
        kind="exact" if all(oracle.kind == "exact" for oracle in found) else "upper_bound",
        optimal_return=float(np.mean([oracle.optimal_return for oracle in found])),
        solution_lengths=(least, median, most) if lengths else None,
        solved=len(lengths),
    )
