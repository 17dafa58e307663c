"""Explore-first: all arms equally often, then the best one for good."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from operant.agents.bandits.agent import BanditAgent, BanditConfig
from operant.agents.bandits.base import BanditAlgorithm, Payout, Statistics
from operant.agents.bandits.counts import best_arms, count_shapes, mean_rewards
from operant.agents.bandits.view import HistoryView
from operant.types import Float, Int


class ExploreFirst(BanditAlgorithm):
    """Pulls every arm ``(T / K)^(2/3) (ln T)^(1/3)`` times, then the one with the best mean.

    Regret is O(T^(2/3) (K ln T)^(1/3)).

    Source: Introduction to Multi-Armed Bandits (Slivkins, 2019), theorem 1.5.

    Attributes:
        each: Pulls of an arm before the choice, at least 1 and at most T / K.
    """

    def __init__(self, arms: int, *, horizon: int) -> None:
        """Take K arms and T rounds."""
        self.arms = arms
        wanted = math.ceil((horizon / arms) ** (2 / 3) * math.log(horizon) ** (1 / 3))
        self.each = max(1, min(wanted, horizon // arms))

    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Return the shapes of the statistics; only pulls before the choice are counted."""
        return count_shapes(self.arms)

    def act(self, known: Statistics, context: Float | None, rng: np.random.Generator | None) -> Int:  # noqa: ARG002
        """Choose; there is no chance in it."""
        pulls = known["pulls"]
        explored = pulls.min(1) >= self.each
        return np.where(explored, best_arms(mean_rewards(known)), best_arms(-pulls))

    def update(self, known: Statistics, choices: Int, payout: Payout) -> None:
        """Count while arms are tried out."""
        trying = np.flatnonzero(known["pulls"].min(1) < self.each)
        known["pulls"][trying, choices[trying]] += 1
        known["sums"][trying, choices[trying]] += payout.reward[trying]


class ExploreFirstAgent(BanditAgent):
    """:class:`ExploreFirst` with the interface of an agent."""

    id: ClassVar[str] = "explore-first"

    @classmethod
    def algorithm(cls, config: BanditConfig, view: HistoryView) -> ExploreFirst:
        """Return the algorithm for the arms that are seen."""
        return ExploreFirst(view.arms, horizon=config.horizon)
