"""EXP3: exponential weights on estimated losses, for rewards that an adversary chose."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from operant.agents.bandits.agent import BanditAgent, BanditConfig
from operant.agents.bandits.base import BanditAlgorithm, Payout, Statistics
from operant.agents.bandits.counts import draw_arms, exponential_weights
from operant.agents.bandits.view import HistoryView
from operant.types import Float, Int


class EXP3(BanditAlgorithm):
    """Draws arms with ``p ~ exp(-eta * L)``; ``L`` of the chosen arm grows by its loss over p.

    With ``eta = sqrt(2 ln K / (T K))`` the expected regret against any fixed arm is at most
    ``sqrt(2 T K ln K)``, whatever the rewards in [0, 1] are; a loss is 1 minus the reward.

    Source: The Nonstochastic Multiarmed Bandit Problem (Auer, Cesa-Bianchi, Freund, Schapire,
    2002); in this form Regret Analysis of Stochastic and Nonstochastic Multi-armed Bandit Problems
    (Bubeck, Cesa-Bianchi, 2012), theorem 3.1.
    """

    def __init__(self, arms: int, *, horizon: int) -> None:
        """Take K arms and T rounds."""
        self.arms = arms
        self.rate = math.sqrt(2 * math.log(arms) / (horizon * arms))

    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Return the shape of the estimated losses."""
        return {"losses": (self.arms,)}

    def act(self, known: Statistics, context: Float | None, rng: np.random.Generator | None) -> Int:  # noqa: ARG002
        """Draw; without chance the most likely arm."""
        return draw_arms(exponential_weights(known["losses"], self.rate), rng)

    def update(self, known: Statistics, choices: Int, payout: Payout) -> None:
        """Add the loss, weighted by how unlikely the choice was; rewards are cut to [0, 1]."""
        rows = np.arange(len(choices))
        chance = exponential_weights(known["losses"], self.rate)[rows, choices]
        known["losses"][rows, choices] += (1 - np.clip(payout.reward, 0.0, 1.0)) / chance


class EXP3Agent(BanditAgent):
    """:class:`EXP3` with the interface of an agent."""

    id: ClassVar[str] = "exp3"

    @classmethod
    def algorithm(cls, config: BanditConfig, view: HistoryView) -> EXP3:
        """Return the algorithm for the arms that are seen."""
        return EXP3(view.arms, horizon=config.horizon)
