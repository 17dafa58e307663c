"""What every batched env must do with the arguments and infos of its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from operant.types import Bool


def reset_mask(options: dict[str, Any] | None, num: int, *, ready: bool) -> Bool:
    """Return which rows a reset is about, (N,) bool.

    Args:
        options: Options of the reset; ``{"reset_mask": (N,) bool}`` or nothing.
        num: N.
        ready: False before the first reset, which must be of all rows.

    Raises:
        ValueError: If the mask has the wrong length, an option is unknown, or the first reset is
            partial.
    """
    mask = np.ones(num, np.bool_)
    if unknown := set(options or ()) - {"reset_mask"}:
        raise ValueError(f"the only reset option is 'reset_mask', got {sorted(unknown)}")
    if options and "reset_mask" in options:
        mask = np.asarray(options["reset_mask"], np.bool_)
        if mask.shape != (num,):
            raise ValueError(f"reset_mask must have shape ({num},), got {mask.shape}")
    if not ready and not mask.all():
        raise ValueError("reset_mask must be all True at the first reset: no row has an episode")
    return mask


def row_seeds(
    seed: int | Sequence[int | None] | None, num: int, fresh: np.random.Generator | None
) -> list[int | None]:
    """Return the seed of each row; None continues a row's stream.

    Args:
        seed: ``s`` for s + i in row i, a list with one entry per row, or None.
        num: N.
        fresh: Before the first reset, where rows without a seed draw one from, as they need a
            stream of their own; None later.

    Raises:
        ValueError: If it is none of these.
    """
    if isinstance(seed, (int, np.integer)):
        return [int(seed) + row for row in range(num)]
    if seed is not None and not isinstance(seed, (list, tuple, np.ndarray)):
        raise ValueError(f"seed must be an integer, a list of them or None, got {seed!r}")
    seeds: list[int | None] = [None] * num if seed is None else list(seed)
    if len(seeds) != num:
        raise ValueError(f"seed must be an int or {num} entries, got {len(seeds)}")
    if fresh is not None:
        drawn = fresh.integers(2**31, size=num)
        seeds = [int(drawn[row]) if s is None else s for row, s in enumerate(seeds)]
    return seeds


def with_masks(infos: dict[str, Any], mask: Bool) -> dict[str, Any]:
    """Return infos with Gymnasium's ``_key`` masks, a copy of one mask for each."""
    return infos | {f"_{key}": mask.copy() for key in infos}
