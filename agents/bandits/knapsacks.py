"""Bandits with knapsacks: arms pay and use up resources, whose prices or mixtures are learned."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from operant.agents.bandits.agent import BanditAgent, BanditConfig
from operant.agents.bandits.base import BanditAlgorithm, Payout, Statistics
from operant.agents.bandits.counts import (
    best_arms,
    count_pull,
    count_shapes,
    draw_arms,
    exponential_weights,
    mean_rewards,
    radii,
)
from operant.agents.bandits.view import HistoryView
from operant.agents.base import check_range
from operant.packing import packing_lp
from operant.types import Float, Int


@dataclasses.dataclass(frozen=True, kw_only=True)
class KnapsackConfig(BanditConfig):
    """Settings of algorithms for bandits with knapsacks.

    Attributes:
        budget: Budget of each resource over T, in (0, 1]; those of the env.
        width: Scale of the confidence radii ``sqrt(2 ln T / n)``, in [0, 1]. At 1 they are those of
            the theory, which at usual horizons are wider than what is to be learned.
    """

    budget: float | tuple[float, ...] = 0.25
    width: float = 0.25

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: If a value is out of range.
        """
        super().__post_init__()
        check_range("width", self.width, 0.0, 1.0)
        budgets = self.budget if isinstance(self.budget, tuple) else (self.budget,)
        for share in budgets:
            check_range("budget", share, 1e-6, 1.0)

    def budgets(self, resources: int) -> Float:
        """Return the budgets over T, (D,).

        Raises:
            ValueError: If they are not as many as the resources.
        """
        if not isinstance(self.budget, tuple):
            return np.full(resources, float(self.budget))
        if len(self.budget) != resources:
            raise ValueError(f"budget must have {resources} entries, got {self.budget}")
        return np.array(self.budget)


class ResourceAlgorithm(BanditAlgorithm):
    """What both algorithms know: means of rewards and of uses, with confidence radii.

    Attributes:
        arms: K.
        budgets: (D,) budgets over T.
    """

    def __init__(self, arms: int, budgets: Float, *, horizon: int, width: float = 0.25) -> None:
        """Take K arms.

        Args:
            arms: K.
            budgets: (D,) budgets over T, in (0, 1].
            horizon: T.
            width: Scale of the confidence radii.
        """
        self.arms, self.budgets = arms, np.asarray(budgets, np.float64)
        self._width, self._horizon = width, horizon

    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Return the shapes of the statistics: counts of arms, and their uses of resources."""
        return {**count_shapes(self.arms), "uses": (self.arms, len(self.budgets))}

    def update(self, known: Statistics, choices: Int, payout: Payout) -> None:
        """Count pulls, rewards and uses.

        Raises:
            ValueError: If it is not told what was used.
        """
        if payout.used is None or payout.used.shape[1] != len(self.budgets):
            raise ValueError(f"what was used of {len(self.budgets)} resources must be told")
        count_pull(known, choices, payout.reward)
        known["uses"][np.arange(len(choices)), choices] += payout.used

    def optimistic(self, known: Statistics) -> tuple[Float, Float]:
        """Return rewards that are likely too high, (N, K), and uses too low, (N, K, D)."""
        pulls = known["pulls"]
        radius = self._width * radii(np.maximum(pulls, 1), math.log(self._horizon))
        uses = known["uses"] / np.maximum(pulls, 1)[:, :, None]
        high = np.minimum(mean_rewards(known) + radius, 1.0)
        return high, np.maximum(uses - radius[:, :, None], 0.0)


class LagrangeBwK(ResourceAlgorithm):
    """A game between a bandit that picks arms and one that prices resources.

    Uses are scaled so that all budgets are ``B = min_j B_j``, and time is a resource that uses B /
    T per round. With ``L(a, j) = r(a) + 1 - (T / B) c_j(a)``, prices follow Hedge on the L of the
    arm chosen, which they lower, and the arm is the one with the largest optimistic L at these
    prices.

    Source: Adversarial Bandits with Knapsacks (Immorlica, Sankararaman, Schapire, Slivkins, 2019),
    algorithm 1. Deviation: the bandit faces the expected L over prices, not that of a drawn
    resource, and is optimistic about rewards and uses instead of following EXP3, as both are
    stationary.
    """

    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Return the shapes; ``paid`` are the sums of L by resource, time last."""
        return {**super().shapes(), "paid": (len(self.budgets) + 1,), "rests": ()}

    def act(self, known: Statistics, context: Float | None, rng: np.random.Generator | None) -> Int:  # noqa: ARG002
        """Choose, every arm once before; there is no chance in it.

        Resting is an arm that neither pays nor uses anything. As it changes nothing but prices, it
        is played in thought: prices follow, until an arm is better or T rounds were thought of.
        """
        high, low = self.optimistic(known)
        untried = np.where(known["pulls"] > 0, 0.0, np.inf)
        while True:
            prices = self.prices(known)
            gains = high - (low / self.budgets * prices[:, None, :-1]).sum(2) + untried
            over = known["rests"] + known["pulls"].sum(1) >= self._horizon
            rests = (gains.max(1) < 0) & ~over
            if not rests.any():
                return best_arms(gains)
            known["rests"][rests] += 1
            known["paid"][rests, :-1] += 1

    def prices(self, known: Statistics) -> Float:
        """Return the prices of resources and time, (N, D + 1), which sum to 1."""
        resources = len(self.budgets)
        reach = 1 + 1 / self.budgets.min()  # between the smallest and the largest L
        rate = math.sqrt(8 * math.log(resources + 1) / self._horizon) / reach
        return exponential_weights(known["paid"], rate)

    def update(self, known: Statistics, choices: Int, payout: Payout) -> None:
        """Count, and let prices follow."""
        super().update(known, choices, payout)
        used = np.zeros_like(known["paid"]) if payout.used is None else payout.used / self.budgets
        known["paid"][:, :-1] += payout.reward[:, None] + 1 - used
        known["paid"][:, -1] += payout.reward


class UCBBwK(ResourceAlgorithm):
    """Draws arms from the best mixture for optimistic rewards and uses: a linear program per round.

    Where the mixture leaves rounds idle, its shares are scaled up: playing faster uses the budgets
    sooner, for the same sum.

    Source: Bandits with Concave Rewards and Convex Knapsacks (Agrawal, Devanur, 2014). Deviation:
    the program is about what is left of budgets and rounds, instead of budgets shrunk beforehand.
    """

    def act(self, known: Statistics, context: Float | None, rng: np.random.Generator | None) -> Int:  # noqa: ARG002
        """Choose, every arm once before; without chance the arm with the largest share."""
        tried = known["pulls"].min(1) > 0
        choices: Int = known["pulls"].argmin(1)
        if tried.any():
            high, low = self.optimistic(known)
            _, shares = packing_lp(high, low, self._limits(known))
            choices = np.where(tried, draw_arms(shares, rng), choices)
        return choices

    def _limits(self, known: Statistics) -> Float:
        """Return what is left of the budgets per round that is left, (N, D)."""
        rounds = np.maximum(self._horizon - known["pulls"].sum(1, keepdims=True), 1)
        left = self.budgets * self._horizon - known["uses"].sum(1)
        limits: Float = np.clip(left / rounds, 0.0, 1.0)
        return limits


class LagrangeBwKAgent(BanditAgent):
    """:class:`LagrangeBwK` with the interface of an agent."""

    id: ClassVar[str] = "lagrange-bwk"
    config_class: ClassVar[type[KnapsackConfig]] = KnapsackConfig
    tells: ClassVar[str] = "used"

    @classmethod
    def algorithm(cls, config: KnapsackConfig, view: HistoryView) -> LagrangeBwK:
        """Return the algorithm for the arms and resources that are seen."""
        budgets = config.budgets(view.width)
        return LagrangeBwK(view.arms, budgets, horizon=config.horizon, width=config.width)


class UCBBwKAgent(BanditAgent):
    """:class:`UCBBwK` with the interface of an agent."""

    id: ClassVar[str] = "ucb-bwk"
    config_class: ClassVar[type[KnapsackConfig]] = KnapsackConfig
    tells: ClassVar[str] = "used"

    @classmethod
    def algorithm(cls, config: KnapsackConfig, view: HistoryView) -> UCBBwK:
        """Return the algorithm for the arms and resources that are seen."""
        budgets = config.budgets(view.width)
        return UCBBwK(view.arms, budgets, horizon=config.horizon, width=config.width)
