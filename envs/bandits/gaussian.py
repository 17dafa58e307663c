"""BanditGaussian: K arms that pay normally distributed rewards."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.bandits.arms import MeansWorld
from operant.envs.bandits.chance import Chance, normal
from operant.envs.bandits.options import FULL, HISTORY, NOTHING, Numbers, number, payoff_table
from operant.envs.bandits.world import Payment
from operant.envs.batched.makers import makers
from operant.types import Card, Float, Int


class BanditGaussian(MeansWorld):
    """K arms that pay N(mean, noise^2) with hidden means, in N rows.

    Source: Introduction to Multi-Armed Bandits (Slivkins, 2019), chapter 1.
    """

    TELLS = (HISTORY, FULL, NOTHING)

    def __init__(
        self,
        *,
        num: int = 1,
        max_steps: int = 1000,
        arms: int = 10,
        noise: float = 1.0,
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
            noise: Standard deviation of a reward.
            gap: None for means drawn from N(0, 1); a number D in [0, 0.5] for 0.5 + D of one arm
                and 0.5 of the rest.
            means: The K means, in [-1000, 1000], instead of drawn ones.
            lasts: Rounds after which the means are drawn anew within an episode; None for never.
            instance_seed: None to draw the means for every episode, an integer for the same in all.
            observe: ``"history"`` for the last action, its reward and the time; ``"full"`` for the
                last rewards of all arms before these; ``"nothing"`` for a constant.

        Raises:
            ValueError: If an argument is outside its range; names it.
        """
        self.noise = number("noise", noise, 0.0, 1000.0)
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
            noise=noise,
        )
        self._set_up(
            arms=arms,
            chance=Chance(num, 1, normal(1)),
            reward_range=(-np.inf, np.inf),
            beside=arms if observe == FULL else 0,
            beside_range=(-np.inf, np.inf),
        )

    def card(self, env_id: str) -> Card:
        """Describe the arms."""
        return self._card(
            env_id,
            description=(
                f"{self.arms} arms, each of which pays a normally distributed reward with a hidden "
                f"mean of its own; {self._story()}. Pull an arm in each of {self.max_steps} rounds."
            ),
            reward=f"normal, with the mean of the chosen arm and standard deviation {self.noise:g}",
            source="Introduction to Multi-Armed Bandits (Slivkins, 2019), chapter 1.",
            beside="the last rewards of all arms" if self.tells == FULL else "",
        )

    def _given(self, means: Numbers, arms: int) -> Float:
        return payoff_table("means", means, (arms,), -1000.0, 1000.0)

    def _drawn_means(self, rng: np.random.Generator) -> Float:
        return rng.standard_normal(self._count)

    def _pay(self, rows: Int, t: Int, actions: npt.NDArray[Any], luck: Float) -> Payment:  # noqa: ARG002
        mean, best = self._means_of(rows, actions)
        return Payment(reward=mean + self.noise * luck[:, 0], mean=mean, best=best)

    def _gains(self, rows: Int, t: Int, luck: Float) -> Float:  # noqa: ARG002
        gains: Float = self.drawn["means"][rows] + self.noise * luck
        return gains


make, make_vector = makers(BanditGaussian)
