"""UCB1: pull the arm that may be best, as far as one can tell."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from operant.agents.bandits.agent import BanditAgent, BanditConfig
from operant.agents.bandits.base import BanditAlgorithm, Payout, Statistics
from operant.agents.bandits.counts import best_arms, count_pull, count_shapes, mean_rewards, radii
from operant.agents.bandits.view import HistoryView
from operant.agents.base import check_range
from operant.types import Float, Int


@dataclasses.dataclass(frozen=True, kw_only=True)
class UCB1Config(BanditConfig):
    """Settings of UCB1; the horizon is not used.

    Attributes:
        scale: Length of the interval in which rewards lie, > 0; 2 for normal noise of deviation 1.
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: If a value is out of range.
        """
        super().__post_init__()
        check_range("scale", self.scale, 1e-9)


class UCB1(BanditAlgorithm):
    """Pulls ``argmax mean + scale * sqrt(2 ln t / n)``, every arm once before.

    Regret is at most ``sum_i (8 ln T / gap_i + (1 + pi^2 / 3) gap_i)`` for rewards in [0, 1].

    Source: Finite-time Analysis of the Multiarmed Bandit Problem (Auer, Cesa-Bianchi, Fischer,
    2002), theorem 1.
    """

    def __init__(self, arms: int, *, scale: float = 1.0) -> None:
        """Take K arms whose rewards lie in an interval of length ``scale``."""
        self.arms, self._scale = arms, scale

    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Return the shapes of the statistics."""
        return count_shapes(self.arms)

    def act(self, known: Statistics, context: Float | None, rng: np.random.Generator | None) -> Int:  # noqa: ARG002
        """Choose; see :meth:`BanditAlgorithm.act`. There is no chance in it."""
        pulls = known["pulls"]
        log = np.log(np.maximum(pulls.sum(1, keepdims=True), 1))
        return best_arms(mean_rewards(known) + self._scale * radii(pulls, log))

    def update(self, known: Statistics, choices: Int, payout: Payout) -> None:
        """Count; see :meth:`BanditAlgorithm.update`."""
        count_pull(known, choices, payout.reward)


class UCB1Agent(BanditAgent):
    """:class:`UCB1` with the interface of an agent."""

    id: ClassVar[str] = "ucb1"
    config_class: ClassVar[type[UCB1Config]] = UCB1Config

    @classmethod
    def algorithm(cls, config: UCB1Config, view: HistoryView) -> UCB1:
        """Return the algorithm for the arms that are seen."""
        return UCB1(view.arms, scale=config.scale)
