"""Seeds of levels: which of them episodes may play, and how a game starts from one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

MOST_LEVEL_SEEDS = 2**31
"""Training levels have seeds below, test levels from here on, all others from twice this on."""


def opening(level: int, attempt: int) -> tuple[int, int, int]:
    """Return the seeds core, disp and lgen with which a level's game starts."""
    core, disp, lgen = np.random.SeedSequence([level, attempt]).generate_state(3, np.uint64) >> 2
    return int(core), int(disp), level if attempt == 0 else int(lgen)


def level_seeds(
    one: int | None,
    train: int | Sequence[int] | None,
    test: int | Sequence[int] | None,
) -> Sequence[int] | None:
    """Return the level seeds that episodes choose from; None for all."""
    given = {"level_seed": one, "train_levels": train, "test_levels": test}
    named = [name for name, value in given.items() if value is not None]
    if len(named) > 1:
        raise ValueError(f"{' and '.join(named)} exclude each other; give one of them")
    if one is not None:
        return (one,)
    if not named:
        return None
    value, first = given[named[0]], MOST_LEVEL_SEEDS if test is not None else 0
    if isinstance(value, int) and 1 <= value <= MOST_LEVEL_SEEDS:
        return range(first, first + value)
    seeds = () if isinstance(value, int | str) else tuple(int(seed) for seed in value or ())
    if not seeds or any(not 0 <= seed < 2**63 for seed in seeds):
        raise ValueError(
            f"{named[0]} must be a number of levels from 1 to 2**31, or level seeds in "
            f"[0, 2**63), got {value!r}"
        )
    return seeds
