"""Epsilon-greedy: the best arm so far, and any arm with a probability that falls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from operant.agents.bandits.agent import BanditAgent, BanditConfig
from operant.agents.bandits.base import BanditAlgorithm, Payout, Statistics
from operant.agents.bandits.counts import best_arms, count_pull, count_shapes, mean_rewards
from operant.agents.bandits.view import HistoryView
from operant.types import Float, Int


class EpsilonGreedy(BanditAlgorithm):
    """Explores in round t with probability ``t^(-1/3) (K ln t)^(1/3)``, at most 1.

    Regret is O(T^(2/3) (K ln T)^(1/3)) at any time.

    Source: Introduction to Multi-Armed Bandits (Slivkins, 2019), theorem 1.6.
    """

    def __init__(self, arms: int) -> None:
        """Take K arms."""
        self.arms = arms

    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Return the shapes of the statistics."""
        return count_shapes(self.arms)

    def act(self, known: Statistics, context: Float | None, rng: np.random.Generator | None) -> Int:  # noqa: ARG002
        """Choose; without chance always the best arm so far."""
        best = best_arms(mean_rewards(known))
        if rng is None:
            return best
        t = known["pulls"].sum(1) + 1
        epsilon = np.cbrt(self.arms * np.log(t) / t)
        any_arm = rng.integers(self.arms, size=len(t))
        return np.where(rng.random(len(t)) < np.where(t > 1, epsilon, 1.0), any_arm, best)

    def update(self, known: Statistics, choices: Int, payout: Payout) -> None:
        """Count; see :meth:`BanditAlgorithm.update`."""
        count_pull(known, choices, payout.reward)


class EpsilonGreedyAgent(BanditAgent):
    """:class:`EpsilonGreedy` with the interface of an agent; the horizon is not used."""

    id: ClassVar[str] = "eps-greedy"

    @classmethod
    def algorithm(cls, config: BanditConfig, view: HistoryView) -> EpsilonGreedy:  # noqa: ARG003
        """Return the algorithm for the arms that are seen."""
        return EpsilonGreedy(view.arms)
