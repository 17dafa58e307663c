"""What the arguments of NetHack worlds may be."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from operant.envs.nethack.judging import MODES as PENALTY_MODES


def check(mode: str, level_seed: int | None, hackdir: str | None) -> None:
    """Check three arguments of NetHack worlds.

    Raises:
        ValueError: If one is unknown or outside its range.
    """
    if mode not in PENALTY_MODES:
        raise ValueError(f"penalty_mode must be one of {PENALTY_MODES}, got {mode!r}")
    whole = isinstance(level_seed, (int, np.integer)) and not isinstance(level_seed, bool)
    if level_seed is not None and not (whole and 0 <= level_seed < 2**63):
        raise ValueError(
            f"level_seed must lie in [0, 2**63), an integer, or be None, got {level_seed!r}"
        )
    if hackdir is not None and not (Path(os.fspath(hackdir)) / "nhdat").is_file():
        raise ValueError(
            f"hackdir must be a folder with NetHack's data file nhdat, got {hackdir!r}; leave it "
            "out to play the ordinary game"
        )


def check_known(own: Mapping[str, Any], known: frozenset[str], others: Mapping[str, Any]) -> None:
    """Refuse arguments that nobody takes.

    Args:
        own: What was given beside the arguments of all NetHack worlds.
        known: Names of those that the task takes.
        others: The arguments of all NetHack worlds.

    Raises:
        ValueError: If one is unknown.
    """
    if unknown := sorted(set(own) - known):
        allowed = ", ".join(sorted({"num", "max_steps", *others, *known}))
        raise ValueError(f"unknown argument {unknown[0]!r}; this world takes {allowed}")
