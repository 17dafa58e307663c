"""Environments: one folder per family, one file per world, one table row per id."""

from __future__ import annotations

if not __name__.startswith("operant."):  # the repository root is on sys.path when it is the cwd
    raise ImportError("import operant.envs, not envs: the folder is part of the operant package")

import functools
from typing import cast

import gymnasium as gym

from operant.registry import EnvRow, Registry, collect_rows


@functools.cache
def registry() -> Registry[gym.Env]:  # type: ignore[type-arg]
    """Return all rows of all families; rows are strings, so nothing heavy is imported."""
    return Registry("environment", collect_rows("operant.envs"))


def one_per_kind(tag: str = "") -> list[str]:
    """Return the first id of every kind of env; the others of a kind differ in options only.

    Args:
        tag: Of the rows to choose from; empty for all.
    """
    first: dict[str, str] = {}
    for row in registry():
        if not tag or tag in row.tags:
            first.setdefault(row.entry_point, row.id)
    return sorted(first.values())


def register_all() -> None:
    """Register every row with Gymnasium, so that ``gym.make`` and ``gym.make_vec`` find it."""
    for row in registry():
        row = cast(EnvRow, row)
        gym.register(
            id=row.id,
            entry_point=row.entry_point,
            vector_entry_point=row.vector_entry_point or None,
            kwargs=dict(row.kwargs),
            order_enforce=not row.checks_itself,
            disable_env_checker=row.checks_itself,
        )
