"""BanditLipschitz: a continuum of arms, of which near ones pay alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.bandits.arms import bandit_card
from operant.envs.bandits.chance import Chance, uniform
from operant.envs.bandits.options import HISTORY, count, number
from operant.envs.bandits.world import BanditWorld, Payment
from operant.envs.batched.makers import makers
from operant.types import Bool, Card, Float, Int, Oracle

TOP = 0.9
"""What the best point pays on average."""
NEAR = 0.05
"""A point that pays that much less on average than the best one is good enough to succeed."""


class BanditLipschitz(BanditWorld):
    """Points of [0, 1] that pay 1 with a hidden probability, in N rows.

    ``mu(x) = max(0, max_j (h_j - L |x - c_j|))`` with hidden tops ``c_j``, of which the first has
    the height 0.9 and the others lower ones: L-Lipschitz, with one best point.

    An action a in [-1, 1] stands for the point (a + 1) / 2, as learners of continuous actions
    expect them around 0.

    Source: Introduction to Multi-Armed Bandits (Slivkins, 2019), chapter 4. Deviation: of several
    bumps the largest counts, not the sum, so that L stays the constant.
    """

    def __init__(
        self,
        *,
        num: int = 1,
        max_steps: int = 1000,
        slope: float = 1.0,
        bumps: int = 1,
        instance_seed: int | None = None,
        observe: str = HISTORY,
    ) -> None:
        """Build the points.

        Args:
            num: Rows.
            max_steps: T, rounds of an episode.
            slope: L, how fast the probability falls with the distance from a top, in [0.1, 100].
            bumps: Tops.
            instance_seed: None to draw the tops for every episode, an integer for the same in all.
            observe: ``"history"`` for the last point, its reward and the time; ``"nothing"`` for a
                constant.

        Raises:
            ValueError: If an argument is outside its range; names it.
        """
        self.slope = number("slope", slope, 0.1, 100.0)
        super().__init__(
            num=num,
            max_steps=max_steps,
            observe=observe,
            instance_seed=instance_seed,
            slope=slope,
            bumps=bumps,
        )
        self._bumps = count("bumps", bumps, 1, 100)
        self._set_up(arms=0, chance=Chance(num, 1, uniform(1)), reward_range=(0.0, 1.0))

    def card(self, env_id: str) -> Card:
        """Describe the points."""
        return bandit_card(
            self,
            env_id,
            oracle="upper_bound",
            description=(
                "Points of an interval are good with a hidden probability: "
                f"{TOP:g} at the best point, and less by {self.slope:g} times the distance from it"
                + (f", with {self._bumps - 1} lower tops beside" if self._bumps > 1 else "")
                + f". Choose a point in each of {self.max_steps} rounds."
            ),
            reward="1 or 0, drawn with the mean of the chosen point",
            source="Introduction to Multi-Armed Bandits (Slivkins, 2019), chapter 4.",
            success=f"the last point's probability is at most {NEAR:g} below the best one's",
        )

    def oracle(self, row: int) -> Oracle:
        """Return what the best point would pay, which no other choice can exceed."""
        first = int(self.elapsed[row])
        luck = self._chance.rest(row, first, self.max_steps, self.streams[row])
        best = float(self.drawn["centres"][row, 0])
        return Oracle(
            kind="upper_bound",
            optimal_return=float((luck[:, 0] < TOP).sum()),
            solution_length=None,
            actions=(),
            method=f"the point {best:.4f} in every round, with the chance of this episode",
        )

    def means(self, rows: Int, points: Float) -> Float:
        """Return what points pay on average, (B,)."""
        centres, heights = self.drawn["centres"][rows], self.drawn["heights"][rows]
        values = heights - self.slope * np.abs(points[:, None] - centres)
        top: Float = np.maximum(values.max(1), 0.0)
        return top

    def _instance(self, rng: np.random.Generator) -> dict[str, Float]:
        heights = np.full(self._bumps, TOP)
        heights[1:] = rng.uniform(0.3, 0.8, self._bumps - 1)
        return {"centres": rng.random(self._bumps), "heights": heights}

    def _pay(self, rows: Int, t: Int, actions: npt.NDArray[Any], luck: Float) -> Payment:  # noqa: ARG002
        mean = self.means(rows, actions)
        return Payment(
            reward=(luck[:, 0] < mean).astype(np.float64), mean=mean, best=np.full(len(rows), TOP)
        )

    def _succeeds(self, rows: Int, actions: npt.NDArray[Any], paid: Payment) -> Bool:  # noqa: ARG002
        near: Bool = paid.mean >= paid.best - NEAR
        return near

    def _shown_means(self, row: int) -> Float:
        return self.means(np.full(160, row), np.linspace(0.0, 1.0, 160))


make, make_vector = makers(BanditLipschitz)
