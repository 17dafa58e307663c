"""BanditBernoulli: K arms that pay 1 or 0."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.bandits.arms import MeansWorld
from operant.envs.bandits.chance import Chance, uniform
from operant.envs.bandits.options import FULL, HISTORY, NOTHING, Numbers
from operant.envs.bandits.world import Payment
from operant.envs.batched.makers import makers
from operant.types import Card, Float, Int


class BanditBernoulli(MeansWorld):
    """K arms that pay 1 with a hidden probability, in N rows.

    Source: Introduction to Multi-Armed Bandits (Slivkins, 2019), chapter 1.
    """

    TELLS = (HISTORY, FULL, NOTHING)

    def __init__(
        self,
        *,
        num: int = 1,
        max_steps: int = 1000,
        arms: int = 10,
        gap: float | None = None,
        means: Numbers | None = None,
        lasts: int | None = None,
        instance_seed: int | None = None,
        observe: str = HISTORY,
    ) -> None:
        """Build the arms.

        Args:
            num: Rows.
            max_steps: T, rounds of an episode.
            arms: K.
            gap: None for means that are uniform in [0, 1]; a number D in [0, 0.5] for 0.5 + D of
                one arm and 0.5 of the rest.
            means: The K probabilities, instead of drawn ones.
            lasts: Rounds after which the means are drawn anew within an episode; None for never.
                With 1 nothing that is learned is of use.
            instance_seed: None to draw the means for every episode, an integer for the same in all.
            observe: ``"history"`` for the last action, its reward and the time; ``"full"`` for the
                last rewards of all arms before these; ``"nothing"`` for a constant.

        Raises:
            ValueError: If an argument is outside its range; names it.
        """
        super().__init__(
            said=(gap, means, lasts),
            num=num,
            max_steps=max_steps,
            observe=observe,
            instance_seed=instance_seed,
            arms=arms,
            gap=gap,
            means=means,
            lasts=lasts,
        )
        self._set_up(
            arms=arms,
            chance=Chance(num, 1, uniform(1)),
            reward_range=(0.0, 1.0),
            beside=arms if observe == FULL else 0,
        )

    def card(self, env_id: str) -> Card:
        """Describe the arms."""
        return self._card(
            env_id,
            description=(
                f"{self.arms} arms, each of which pays 1 with a hidden probability of its own; "
                f"{self._story()}. Pull an arm in each of {self.max_steps} rounds."
            ),
            reward="1 or 0, drawn with the mean of the chosen arm",
            source="Introduction to Multi-Armed Bandits (Slivkins, 2019), chapter 1.",
            beside="the last rewards of all arms" if self.tells == FULL else "",
        )

    def _pay(self, rows: Int, t: Int, actions: npt.NDArray[Any], luck: Float) -> Payment:  # noqa: ARG002
        mean, best = self._means_of(rows, actions)
        return Payment(reward=(luck[:, 0] < mean).astype(np.float64), mean=mean, best=best)

    def _gains(self, rows: Int, t: Int, luck: Float) -> Float:  # noqa: ARG002
        return (luck < self.drawn["means"][rows]).astype(np.float64)


make, make_vector = makers(BanditBernoulli)
