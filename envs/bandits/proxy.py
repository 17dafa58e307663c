"""BanditProxy: arms that are clicked on, and arms that satisfy, which are not quite the same."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.bandits.arms import MeansWorld
from operant.envs.bandits.chance import Chance, uniform
from operant.envs.bandits.options import HISTORY, NOTHING, number
from operant.envs.bandits.world import Payment
from operant.envs.batched.makers import makers
from operant.types import Card, Feature, Float, Int


class BanditProxy(MeansWorld):
    """K items with a probability of satisfaction (true) and one of a click (proxy), in N rows.

    Both are uniform in [0, 1]; over arms they are tied by a normal copula. Regret is always that of
    satisfaction, whatever is paid.

    Source: the reward channels of recommendation, as in Introduction to Multi-Armed Bandits
    (Slivkins, 2019), chapter 1; ours: the copula.
    """

    REWARDS = ("proxy",)
    PROXY = True
    TELLS = (HISTORY, NOTHING)

    def __init__(
        self,
        *,
        num: int = 1,
        max_steps: int = 1000,
        arms: int = 10,
        corr: float = 0.5,
        instance_seed: int | None = None,
        observe: str = HISTORY,
        reward: str = "",
    ) -> None:
        """Build the items.

        Args:
            num: Rows.
            max_steps: T, rounds of an episode.
            arms: K.
            corr: Correlation of the normal copula between clicks and satisfaction, in [-1, 1]; with
                1 the proxy is as good as the truth, with -1 it is the opposite.
            instance_seed: None to draw the items for every episode, an integer for the same in all.
            observe: ``"history"`` for the last action, what was paid for it and the time;
                ``"nothing"`` for a constant.
            reward: ``"proxy"`` to be paid for clicks.

        Raises:
            ValueError: If an argument is outside its range; names it.
        """
        self.corr = number("corr", corr, -1.0, 1.0)
        super().__init__(
            num=num,
            max_steps=max_steps,
            observe=observe,
            instance_seed=instance_seed,
            arms=arms,
            corr=corr,
            reward=reward,
        )
        self._set_up(
            arms=arms,
            chance=Chance(num, 2, uniform(2)),
            reward_range=(0.0, 1.0),
            features=(
                Feature(
                    name="click",
                    description="the last item was clicked",
                    low=0,
                    high=1,
                    dtype="bool",
                ),
                Feature(
                    name="clicks",
                    description="clicks so far in this episode",
                    low=0,
                    high=max_steps,
                    unit="clicks",
                    dtype="int",
                ),
            ),
            paid=not reward,
        )
        self._clicks: Int = np.zeros(num, np.int64)

    def card(self, env_id: str) -> Card:
        """Describe the items."""
        return self._card(
            env_id,
            description=(
                f"Show one of {self.arms} items in each of {self.max_steps} rounds. Users click "
                "with one hidden probability (the proxy) and are satisfied with another (the true "
                f"objective); over items these are tied with correlation {self.corr:g}; "
                f"{self._story()}."
            ),
            reward="1 if the user is satisfied, else 0; the proxy pays 1 for a click",
            source=(
                "Introduction to Multi-Armed Bandits (Slivkins, 2019) for recommendation as a "
                "bandit; the two channels are ours."
            ),
        )

    def _instance(self, rng: np.random.Generator) -> dict[str, Float]:
        one, other = rng.standard_normal((2, self._count))
        tied = self.corr * one + math.sqrt(1.0 - self.corr**2) * other
        return {"means": _uniform_of(one), "clicks": _uniform_of(tied)}

    def _begin(self, rows: Int) -> None:
        self._clicks[rows] = 0
        self.out.features["click"][rows] = False

    def _pay(self, rows: Int, t: Int, actions: npt.NDArray[Any], luck: Float) -> Payment:  # noqa: ARG002
        mean, best = self._means_of(rows, actions)
        clicks = self.drawn["clicks"][rows, actions]
        return Payment(
            reward=(luck[:, 0] < mean).astype(np.float64),
            mean=mean,
            best=best,
            proxy=(luck[:, 1] < clicks).astype(np.float64),
        )

    def _settle(self, rows: Int, actions: Int, luck: Float, paid: Payment) -> Payment:  # noqa: ARG002
        if paid.proxy is not None:
            self._clicks[rows] += paid.proxy > 0
            self.out.features["click"][rows] = paid.proxy > 0
        return paid

    def _own_features(self, rows: Int) -> dict[str, npt.NDArray[Any]]:
        return {"clicks": self._clicks[rows]}

    def _get_state(self) -> dict[str, npt.NDArray[Any]]:
        return {**super()._get_state(), "clicks": self._clicks.copy()}

    def _set_state(self, state: Any) -> None:
        super()._set_state(state)
        self._clicks[:] = state["clicks"]


def _uniform_of(normal: Float) -> Float:
    """Return the shares of the normal distribution below numbers."""
    return np.array([0.5 * (1 + math.erf(x / math.sqrt(2))) for x in normal.tolist()])


make, make_vector = makers(BanditProxy)
