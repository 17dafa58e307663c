"""Metrics of rewards: how far two rewards lie apart, how fragile or informative one is.

Distances compare rewards by what they ask for, not by their numbers: shaping by a potential and a
positive factor change every number and no preference. The rows are the metrics that give a matrix
of distances; the other diagnostics are plain functions of their modules.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TypeAlias

from operant.registry import Registry
from operant.reward_design.metrics.rows import ROWS
from operant.types import Float

Metric: TypeAlias = Callable[..., Float]
"""``metric(mdp, rewards, *, gamma)``: the (K, K) distances between K rewards."""

__all__ = ["Metric", "list_metrics", "registry"]


@cache
def registry() -> Registry[Float]:
    """Return the registry of reward distances; ``load(id)`` returns a :data:`Metric`."""
    return Registry("reward metric", ROWS)


def list_metrics() -> list[str]:
    """Return the ids of all reward distances, sorted.

    >>> "starc" in list_metrics()
    True
    """
    return registry().ids()
