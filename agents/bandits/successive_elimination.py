"""Successive elimination: pull all arms in turns, and drop those that are surely not best."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from operant.agents.bandits.agent import BanditAgent, BanditConfig
from operant.agents.bandits.base import BanditAlgorithm, Payout, Statistics
from operant.agents.bandits.counts import best_arms, count_pull, count_shapes, mean_rewards, radii
from operant.agents.bandits.view import HistoryView
from operant.types import Float, Int


class SuccessiveElimination(BanditAlgorithm):
    """Drops an arm when ``mean + r < max (mean - r)`` with ``r = sqrt(2 ln T / n)``.

    Regret is O(sum ln T / gap), and O(sqrt(K T ln T)) in the worst case, for rewards in [0, 1].

    Source: Action Elimination and Stopping Conditions for the Multi-Armed Bandit and Reinforcement
    Learning Problems (Even-Dar, Mannor, Mansour, 2006); Introduction to Multi-Armed Bandits
    (Slivkins, 2019), section 1.3.
    """

    def __init__(self, arms: int, *, horizon: int) -> None:
        """Take K arms and T rounds."""
        self.arms, self._log = arms, math.log(horizon)

    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Return the shapes of the statistics; ``dropped`` is 1 for arms that are out."""
        return {**count_shapes(self.arms), "dropped": (self.arms,)}

    def act(self, known: Statistics, context: Float | None, rng: np.random.Generator | None) -> Int:  # noqa: ARG002
        """Choose the arm that was pulled least of those left; there is no chance in it."""
        return best_arms(-np.where(known["dropped"] > 0, np.inf, known["pulls"]))

    def update(self, known: Statistics, choices: Int, payout: Payout) -> None:
        """Count, and drop arms in rows where all that are left were pulled equally often."""
        count_pull(known, choices, payout.reward)
        pulls, left = known["pulls"], known["dropped"] == 0
        most = np.where(left, pulls, -np.inf).max(1)
        even = most == np.where(left, pulls, np.inf).min(1)
        means, radius = mean_rewards(known), radii(pulls, self._log)
        surely = np.where(left, means - radius, -np.inf).max(1, keepdims=True)
        known["dropped"][(means + radius < surely) & left & even[:, None]] = 1.0


class SuccessiveEliminationAgent(BanditAgent):
    """:class:`SuccessiveElimination` with the interface of an agent."""

    id: ClassVar[str] = "successive-elimination"

    @classmethod
    def algorithm(cls, config: BanditConfig, view: HistoryView) -> SuccessiveElimination:
        """Return the algorithm for the arms that are seen."""
        return SuccessiveElimination(view.arms, horizon=config.horizon)
