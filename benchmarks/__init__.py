"""Benchmarks: suites as data, runs that survive being stopped, scores that are pure functions."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from operant.registry import Registry, collect_rows

if TYPE_CHECKING:
    from operant.benchmarks.specs import Suite

if not __name__.startswith("operant."):  # the repository root is on sys.path when it is the cwd
    raise ImportError(
        "import operant.benchmarks, not benchmarks: the folder is part of the operant package"
    )

__all__ = ["registry", "suite"]


@functools.cache
def registry() -> Registry[Suite]:
    """Return the registry of suites."""
    return Registry("suite", collect_rows("operant.benchmarks"))


def suite(name: str) -> Suite:
    """Return a suite by id.

    Raises:
        UnknownIdError: If there is no such suite; names the nearest ids.
    """
    found: Suite = registry().load(name)
    return found
