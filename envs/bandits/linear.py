"""BanditLinear: arms with known features, whose means are linear in these."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.bandits.arms import bandit_card
from operant.envs.bandits.chance import Chance, normal
from operant.envs.bandits.options import HISTORY, count, number
from operant.envs.bandits.world import BanditWorld, Payment
from operant.envs.batched.makers import makers
from operant.types import Card, Float, Int


class BanditLinear(BanditWorld):
    """K arms with features ``z_i`` in the unit ball that pay ``<theta, z_i>`` and noise, in N rows.

    The features are shown, the unit vector ``theta`` is hidden: what one arm pays tells of all.

    Source: Improved Algorithms for Linear Stochastic Bandits (Abbasi-Yadkori, Pal, Szepesvari,
    2011).
    """

    def __init__(
        self,
        *,
        num: int = 1,
        max_steps: int = 1000,
        arms: int = 20,
        dim: int = 5,
        noise: float = 0.1,
        orthonormal: bool = False,
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
            orthonormal: True for ``arms == dim`` arms whose features are the unit vectors: then one
                arm tells nothing of another.
            instance_seed: None to draw features and ``theta`` for every episode, an integer for the
                same in all.
            observe: ``"history"`` for the features of all arms, the last action, its reward and the
                time; ``"nothing"`` for the features alone.

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
            orthonormal=orthonormal,
        )
        self._count, self.dim = count("arms", arms, 2, 1000), count("dim", dim, 1, 1000)
        self._orthonormal = bool(orthonormal)
        if orthonormal and arms != dim:
            raise ValueError(f"orthonormal arms are as many as dim={dim}, got arms={arms}")
        self._set_up(
            arms=arms,
            chance=Chance(num, 1, normal(1)),
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
                f"{self.arms} arms with {self.dim} known features each. An arm pays the product of "
                "its features with a hidden unit vector on average, so what one pays tells of all. "
                f"Pull an arm in each of {self.max_steps} rounds."
            ),
            reward=f"<theta, z> of the chosen arm plus normal noise of deviation {self.noise:g}",
            source=(
                "Improved Algorithms for Linear Stochastic Bandits (Abbasi-Yadkori, Pal, "
                "Szepesvari, 2011)."
            ),
            beside=f"the features of the arms ({self.arms} x {self.dim})",
        )

    def _instance(self, rng: np.random.Generator) -> dict[str, Float]:
        theta = unit_vectors(rng.standard_normal((1, self.dim)))[0]
        if self._orthonormal:
            arms = np.eye(self.dim)
        else:
            radii = rng.random((self._count, 1)) ** (1 / self.dim)
            arms = radii * unit_vectors(rng.standard_normal((self._count, self.dim)))
        # as the agent sees them: features are float32 there
        arms = arms.astype(np.float32).astype(np.float64)
        return {"arms": arms, "means": products(arms, theta[None])}

    def _beside(self, rows: Int, started: bool) -> Float:  # noqa: ARG002
        return self.drawn["arms"][rows].reshape(len(rows), -1)

    def _pay(self, rows: Int, t: Int, actions: npt.NDArray[Any], luck: Float) -> Payment:  # noqa: ARG002
        means = self.drawn["means"][rows]
        mean = means[np.arange(len(rows)), actions]
        return Payment(reward=mean + self.noise * luck[:, 0], mean=mean, best=means.max(1))


def unit_vectors(vectors: Float) -> Float:
    """Return vectors, (..., d), scaled to length 1; the zero vector stays."""
    length = np.sqrt((vectors**2).sum(-1, keepdims=True))
    scaled: Float = vectors / np.maximum(length, 1e-300)
    return scaled


def products(vectors: Float, other: Float) -> Float:
    """Return the sums over the last axis of products, in the same order for any number of rows."""
    total = vectors[..., 0] * other[..., 0]
    for j in range(1, vectors.shape[-1]):
        total = total + vectors[..., j] * other[..., j]
    summed: Float = total
    return summed


make, make_vector = makers(BanditLinear)
