"""BanditContextual: in every round the arms have new features, which are shown."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.bandits.arms import bandit_card
from operant.envs.bandits.chance import Chance, Draw
from operant.envs.bandits.linear import products, unit_vectors
from operant.envs.bandits.options import HISTORY, count, number
from operant.envs.bandits.world import BanditWorld, Payment
from operant.envs.batched.makers import makers
from operant.types import Card, Float, Int


class BanditContextual(BanditWorld):
    """K arms whose features are drawn from the unit sphere in every round, in N rows.

    The chosen arm pays ``<theta, x>`` of its features and noise, with a hidden unit vector
    ``theta``.

    Source: A Contextual-Bandit Approach to Personalized News Article Recommendation (Li, Chu,
    Langford, Schapire, 2010), with one vector for all arms.
    """

    def __init__(
        self,
        *,
        num: int = 1,
        max_steps: int = 1000,
        arms: int = 10,
        dim: int = 5,
        noise: float = 0.1,
        instance_seed: int | None = None,
        observe: str = HISTORY,
    ) -> None:
        """Build the arms.

        Args:
            num: Rows.
            max_steps: T, rounds of an episode.
            arms: K.
            dim: d, features of an arm.
            noise: Standard deviation of a reward.
            instance_seed: None to draw ``theta`` for every episode, an integer for the same in all;
                features are drawn in every round anyway.
            observe: ``"history"`` for the features of this round, the last action, its reward and
                the time; ``"nothing"`` for the features alone.

        Raises:
            ValueError: If an argument is outside its range; names it.
        """
        self.noise = number("noise", noise, 0.0, 1000.0)
        super().__init__(
            num=num,
            max_steps=max_steps,
            observe=observe,
            instance_seed=instance_seed,
            arms=arms,
            dim=dim,
            noise=noise,
        )
        count("arms", arms, 2, 1000)
        self.dim = count("dim", dim, 1, 1000)
        self._set_up(
            arms=arms,
            chance=Chance(num, arms * dim + 1, contexts(arms, dim)),
            reward_range=(-np.inf, np.inf),
            beside=arms * dim,
            beside_range=(-1.0, 1.0),
        )

    def card(self, env_id: str) -> Card:
        """Describe the arms."""
        return bandit_card(
            self,
            env_id,
            oracle="exact",
            description=(
                f"In each of {self.max_steps} rounds {self.arms} arms with new features are shown, "
                f"unit vectors of {self.dim} numbers. The chosen arm pays the product of its "
                "features with a hidden unit vector, and noise."
            ),
            reward=f"<theta, x> of the chosen arm plus normal noise of deviation {self.noise:g}",
            source=(
                "A Contextual-Bandit Approach to Personalized News Article Recommendation (Li et "
                "al., 2010), with one vector for all arms."
            ),
            beside=f"the features of the arms ({self.arms} x {self.dim})",
        )

    def _instance(self, rng: np.random.Generator) -> dict[str, Float]:
        return {"theta": unit_vectors(rng.standard_normal((1, self.dim)))[0]}

    def _means(self, rows: Int, luck: Float) -> Float:
        arms = luck[:, :-1].reshape(len(luck), self.arms, self.dim)
        return products(arms, self.drawn["theta"][rows][:, None])

    def _best(self, rows: Int, t: Int, luck: Float) -> Int:  # noqa: ARG002
        best: Int = self._means(rows, luck).argmax(1)
        return best

    def _beside(self, rows: Int, started: bool) -> Float:  # noqa: ARG002
        return self._chance.of(rows, self.elapsed[rows], len(rows) == self.num)[:, :-1]

    def _pay(self, rows: Int, t: Int, actions: npt.NDArray[Any], luck: Float) -> Payment:  # noqa: ARG002
        means = self._means(rows, luck)
        mean = means[np.arange(len(rows)), actions]
        return Payment(reward=mean + self.noise * luck[:, -1], mean=mean, best=means.max(1))

    def _shown_means(self, row: int) -> Float:
        rows = np.array([row])
        luck = self._chance.of(rows, self.elapsed[rows], False)
        means: Float = self._means(rows, luck)[0]
        return means


def contexts(arms: int, dim: int) -> Draw:
    """Return what draws K unit vectors and a normal number per round."""

    def draw(stream: np.random.Generator, rounds: int) -> Float:
        vectors = unit_vectors(stream.standard_normal((rounds, arms, dim)))
        vectors = vectors.astype(np.float32).astype(np.float64)  # as the agent sees them
        noise = stream.standard_normal((rounds, 1))
        return np.concatenate([vectors.reshape(rounds, -1), noise], axis=1)

    return draw


make, make_vector = makers(BanditContextual)
