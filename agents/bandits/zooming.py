"""Zooming: a grid that gets finer where the good points are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from operant.agents.bandits.base import BanditAlgorithm, Payout, Statistics
from operant.agents.bandits.counts import best_arms, count_pull, count_shapes, mean_rewards
from operant.agents.bandits.lipschitz import LipschitzConfig, PointAgent, grid, point_actions
from operant.agents.bandits.view import HistoryView
from operant.agents.base import Array
from operant.types import Bool, Float, Int

FINEST = 256
"""Points that may become active. A coarser choice costs at most L / 512 per round."""


class Zooming(BanditAlgorithm):
    """Keeps the points of [0, 1] covered by active ones, and plays the most promising of these.

    An active point played n times covers what lies within ``r(n) / L``, ``r(n) = sqrt(2 ln T / (n +
    1))``. A point that none covers becomes active and is played; else the active point with the
    largest ``mean + 2 r(n)`` is. Points are the middles of 256 parts of [0, 1], taken coarse first.

    Source: Multi-Armed Bandits in Metric Spaces (Kleinberg, Slivkins, Upfal, 2008). Deviation:
    finitely many points.
    """

    def __init__(self, *, horizon: int, slope: float = 1.0) -> None:
        """Take T rounds and the constant L."""
        self.points = grid(FINEST)
        self._log, self._slope = math.log(horizon), slope
        bits = FINEST.bit_length() - 1
        reverse = [int(f"{i:0{bits}b}"[::-1], 2) for i in range(FINEST)]
        self._order = np.array(reverse)

    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Return the shapes of the statistics; active points are those that were played."""
        return count_shapes(FINEST)

    def act(self, known: Statistics, context: Float | None, rng: np.random.Generator | None) -> Int:  # noqa: ARG002
        """Choose; there is no chance in it."""
        pulls = known["pulls"]
        radius = np.sqrt(2 * self._log / (pulls + 1))
        bare = ~self._covered(pulls > 0, radius / self._slope)
        first: Int = self._order[bare[:, self._order].argmax(1)]
        promise = np.where(pulls > 0, mean_rewards(known) + 2 * radius, -np.inf)
        return np.where(bare.any(1), first, best_arms(promise))

    def update(self, known: Statistics, choices: Int, payout: Payout) -> None:
        """Count; see :meth:`BanditAlgorithm.update`."""
        count_pull(known, choices, payout.reward)

    def actions(self, choices: Int) -> Array:
        """Return the actions, (N, 1), that stand for the points that were chosen."""
        return point_actions(self.points[choices])

    def _covered(self, active: Bool, reach: Float) -> Bool:
        """Return which points lie within the reach, (N, 256), of an active one, (N, 256) bool."""
        rows, at = np.nonzero(active)
        first = np.ceil((self.points[at] - reach[rows, at]) * FINEST - 0.5)
        last = np.floor((self.points[at] + reach[rows, at]) * FINEST - 0.5)
        edges = np.zeros((len(active), FINEST + 1))
        np.add.at(edges, (rows, np.maximum(first, 0).astype(np.int64)), 1)
        np.add.at(edges, (rows, np.minimum(last + 1, FINEST).astype(np.int64)), -1)
        covered: Bool = edges[:, :-1].cumsum(1) > 0
        return covered


class ZoomingAgent(PointAgent):
    """:class:`Zooming` with the interface of an agent."""

    id: ClassVar[str] = "zooming"

    @classmethod
    def algorithm(cls, config: LipschitzConfig, view: HistoryView) -> Zooming:  # noqa: ARG003
        """Return the algorithm."""
        return Zooming(horizon=config.horizon, slope=config.slope)
