"""Hedge: exponential weights where every round tells what all arms would have paid."""

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


class Hedge(BanditAlgorithm):
    """Draws arms with ``p ~ exp(-eta * L)``, where L are the sums of losses (1 minus reward).

    With ``eta = sqrt(8 ln K / T)`` the expected regret against any fixed arm is at most
    ``sqrt(T ln K / 2)``, whatever the rewards in [0, 1] are.

    Source: A Decision-Theoretic Generalization of On-Line Learning and an Application to Boosting
    (Freund, Schapire, 1997); the constant is that of Prediction, Learning, and Games (Cesa-Bianchi,
    Lugosi, 2006), theorem 2.2.
    """

    def __init__(self, arms: int, *, horizon: int) -> None:
        """Take K arms and T rounds."""
        self.arms = arms
        self.rate = math.sqrt(8 * math.log(arms) / horizon)

    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Return the shape of the sums of losses."""
        return {"losses": (self.arms,)}

    def act(self, known: Statistics, context: Float | None, rng: np.random.Generator | None) -> Int:  # noqa: ARG002
        """Draw; without chance the most likely arm."""
        return draw_arms(exponential_weights(known["losses"], self.rate), rng)

    def update(self, known: Statistics, choices: Int, payout: Payout) -> None:  # noqa: ARG002
        """Add the losses of all arms.

        Raises:
            ValueError: If only the reward of the chosen arm is told.
        """
        if payout.every is None:
            raise ValueError(
                "Hedge needs the rewards of all arms: use observe='full', or EXP3 without them"
            )
        known["losses"] += 1 - np.clip(payout.every, 0.0, 1.0)


class HedgeAgent(BanditAgent):
    """:class:`Hedge` with the interface of an agent, for worlds with ``observe="full"``."""

    id: ClassVar[str] = "hedge"
    tells: ClassVar[str] = "every"

    @classmethod
    def algorithm(cls, config: BanditConfig, view: HistoryView) -> Hedge:
        """Return the algorithm for the arms that are seen."""
        return Hedge(view.arms, horizon=config.horizon)
