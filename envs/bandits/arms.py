"""Worlds of K arms with a hidden mean each: what Bernoulli, Gaussian and proxy arms share."""

from __future__ import annotations

from typing import Any

import numpy as np

from operant.envs.bandits.options import Numbers, count, number, payoff_table
from operant.envs.bandits.world import BanditWorld
from operant.types import Card, Float, Int, Oracle


class MeansWorld(BanditWorld):
    """K arms whose means are drawn, said, or one better than the rest; they may change in between.

    Attributes:
        lasts: Rounds after which the means are drawn anew; None for never.
    """

    def __init__(
        self,
        *,
        arms: int,
        said: tuple[float | None, Numbers | None, int | None] = (None, None, None),
        **arguments: Any,
    ) -> None:
        """Check what the arms pay.

        Args:
            arms: K.
            said: The gap of one arm that is better, the means, and the rounds that means last; each
                may be None.
            **arguments: All other arguments of the subclass.

        Raises:
            ValueError: If an argument is outside its range; names it.
        """
        super().__init__(arms=arms, **arguments)
        gap, means, lasts = said
        count("arms", arms, 2, 1000)
        self._count, self._gap = arms, gap
        if gap is not None:
            number("gap", gap, 0.0, 0.5)
        self._means: Float | None = None
        if means is not None:
            if gap is not None:
                raise ValueError("gap and means both say what arms pay; give one of them")
            self._means = self._given(means, arms)
        self.lasts = lasts
        if lasts is not None:
            count("lasts", lasts, 1)
            if self._instance_seed is not None or means is not None:
                raise ValueError(
                    "lasts draws means anew, which means and instance_seed forbid; leave them out"
                )

    def _given(self, means: Numbers, arms: int) -> Float:
        return payoff_table("means", means, (arms,), 0.0, 1.0)

    def _drawn_means(self, rng: np.random.Generator) -> Float:
        """Draw the means where nothing is said of them."""
        return rng.random(self._count)

    def _instance(self, rng: np.random.Generator) -> dict[str, Float]:
        if self._means is not None:
            return {"means": self._means}
        if self._gap is None:
            return {"means": self._drawn_means(rng)}
        means = np.full(self._count, 0.5)
        means[rng.integers(self._count)] += self._gap
        return {"means": means}

    def oracle(self, row: int) -> Oracle:
        """Return what the best arm pays; unknown where means change within the episode."""
        if self.lasts is not None:
            return Oracle(
                kind="none",
                optimal_return=float("nan"),
                solution_length=None,
                actions=(),
                method="none: the means of later rounds are not drawn yet",
            )
        return super().oracle(row)

    def _advance(self, rows: Int, t: Int) -> None:
        if self.lasts is not None:
            self._draw_instances(rows[t % self.lasts == 0])
        super()._advance(rows, t)

    def _means_of(self, rows: Int, arms: Int) -> tuple[Float, Float]:
        """Return the means of chosen arms and of the best ones, (B,) each."""
        means = self.drawn["means"][rows]
        return means[np.arange(len(rows)), arms], means.max(1)

    def _story(self) -> str:
        """Say in words what is known of the instance."""
        if self._means is not None:
            drawn = "the means are given and stay"
        elif self._instance_seed is not None:
            drawn = "the means are the same in every episode"
        elif self.lasts is not None:
            drawn = f"the means are drawn anew every {self.lasts} rounds"
        else:
            drawn = "the means are drawn anew for every episode"
        return drawn if self._gap is None else f"one arm is better by {self._gap:g}; {drawn}"

    def _card(self, env_id: str, **words: str) -> Card:
        """Return a card with what these worlds have in common."""
        return bandit_card(self, env_id, oracle="exact" if self.lasts is None else "none", **words)


def observation_words(world: BanditWorld, beside: str = "") -> str:
    """Say what observations are."""
    shape = world.observation_space.shape
    if world.tells == "nothing":
        return f"Box {shape} float32: {beside or 'always 0; nothing is told'}"
    action = f"the last action (one-hot, {world.arms})" if world.arms else "the last point"
    parts = [*([beside] if beside else []), action, "its reward", "rounds played over all rounds"]
    return f"Box {shape} float32: {', '.join(parts)}; zeros before the first round"


def bandit_card(
    world: BanditWorld,
    env_id: str,
    *,
    description: str,
    reward: str,
    source: str,
    oracle: Any,
    beside: str = "",
    termination: str = "never",
    success: str = "the arm of the last round is a best one",
) -> Card:
    """Return a card of a bandit world."""
    action = (
        f"Discrete({world.arms}): {', '.join(f'arm {n}' for n in range(world.arms))}"
        if world.arms
        else "Box(-1, 1, (1,)): a, for the point (a + 1) / 2"
    )
    return Card(
        id=env_id,
        description=description,
        observation=observation_words(world, beside),
        action=action,
        reward=reward,
        termination=termination,
        truncation=f"after {world.max_steps} rounds",
        success=success,
        metric="regret",
        oracle=oracle,
        features=world.table,
        tier=0,
        source=source,
    )
