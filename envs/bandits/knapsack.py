"""BanditKnapsack: arms that pay and use up resources; it ends when one runs out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.bandits.arms import bandit_card
from operant.envs.bandits.chance import Chance, uniform
from operant.envs.bandits.options import HISTORY, NOTHING, Numbers, count, number, payoff_table
from operant.envs.bandits.world import TIE, BanditWorld, Payment
from operant.envs.batched.makers import makers
from operant.packing import packing_lp
from operant.types import Bool, Card, Feature, Float, Int, Oracle


class ResourceWorld(BanditWorld):
    """K arms and D resources with budgets ``B_j = budget * T``, in N rows.

    An instance has the mean rewards ``means`` (K,), the mean uses ``costs`` (K, D), the value per
    round ``lp`` (1,) of the best mixture of arms that does not use more than the budgets in T
    rounds on average, and its ``shares`` (K,). T times this value bounds what any policy earns on
    average; it is what regret compares with.
    """

    TELLS = (HISTORY, NOTHING)

    def __init__(self, *, supply: tuple[int, Numbers | float], **arguments: Any) -> None:
        """Check the budgets.

        Args:
            supply: D, and the budgets over T, a number in (0, 1] for all or one for each.
            **arguments: All arguments of the subclass.

        Raises:
            ValueError: If an argument is outside its range; names it.
        """
        super().__init__(**arguments)
        resources, budget = supply
        self.resources = count("resources", resources, 1, 20)
        if isinstance(budget, (int, float)):
            budget = [number("budget", budget, 0.0, 1.0)] * self.resources
        shares = payoff_table("budget", budget, (self.resources,), 0.0, 1.0)
        if (shares <= 0).any():
            raise ValueError(f"budget must lie in (0, 1], got {shares.min():g}")
        self.budgets: Float = shares * self.horizon
        self._left: Float = np.tile(self.budgets, (self.num, 1))
        self._used: Float = np.zeros((self.num, self.resources))

    def _set_up_resources(self, arms: int) -> None:
        self._set_up(
            arms=arms,
            chance=Chance(self.num, 1 + self.resources, uniform(1 + self.resources)),
            reward_range=(0.0, 1.0),
            beside=2 * self.resources if self.tells == HISTORY else 0,
            features=(
                Feature(
                    name="left",
                    description="share of each budget that is left",
                    low=0.0,
                    high=1.0,
                    shape=(self.resources,),
                ),
                Feature(
                    name="used",
                    description="what the last round used of each resource",
                    low=0.0,
                    high=1.0,
                    unit="units",
                    shape=(self.resources,),
                ),
            ),
            extras={"used": np.zeros((self.num, self.resources))},
        )

    def oracle(self, row: int) -> Oracle:
        """Return the bound of the linear program for the rounds and the budgets that are left."""
        rounds = self.max_steps - int(self.elapsed[row])
        over = bool(self.out.terminated[row]) or rounds == 0
        left = np.maximum(self._left[row], 0.0)
        bound = 0.0
        if not over:
            per_round = left[None] / rounds
            drawn = self.drawn
            value, _ = packing_lp(drawn["means"][[row]], drawn["costs"][[row]], per_round)
            bound = rounds * float(value[0])
        return Oracle(
            kind="upper_bound",
            optimal_return=bound,
            solution_length=None,
            actions=(),
            method="the linear program over mixtures of arms; it bounds the expected return",
        )

    def _solved(self, means: Float, costs: Float) -> dict[str, Float]:
        """Return an instance with the solution of its linear program."""
        value, shares = packing_lp(means[None], costs[None], (self.budgets / self.horizon)[None])
        return {"means": means, "costs": costs, "lp": value, "shares": shares[0]}

    def _outcome(self, rows: Int, actions: Int, luck: Float) -> tuple[Float, Float]:
        """Return rewards (B,) and uses (B, D) of rounds."""
        reward = luck[:, 0] < self.drawn["means"][rows, actions]
        used = luck[:, 1:] < self.drawn["costs"][rows, actions]
        return reward.astype(np.float64), used.astype(np.float64)

    def _pay(self, rows: Int, t: Int, actions: npt.NDArray[Any], luck: Float) -> Payment:  # noqa: ARG002
        reward, _ = self._outcome(rows, actions, luck)
        mean = self.drawn["means"][rows, actions]
        return Payment(reward=reward, mean=mean, best=self.drawn["lp"][rows, 0])

    def _settle(self, rows: Int, actions: Int, luck: Float, paid: Payment) -> Payment:
        _, used = self._outcome(rows, actions, luck)
        left = self._left[rows] - used
        over = (left < 0).any(1)
        self._left[rows], self._used[rows] = left, used
        self.out.terminated[rows] = over
        self.out.extras["used"][rows] = used
        # rounds that can no more be played are lost to the benchmark's full amount
        rest = np.where(over, self.max_steps - self.elapsed[rows], 0)
        self.regret[rows] += rest * paid.best
        return Payment(
            reward=np.where(over, 0.0, paid.reward),
            mean=np.where(over, 0.0, paid.mean),
            best=paid.best,
        )

    def _succeeds(self, rows: Int, actions: npt.NDArray[Any], paid: Payment) -> Bool:  # noqa: ARG002
        good: Bool = (self.drawn["shares"][rows, actions] > TIE) & ~self.out.terminated[rows]
        return good

    def _begin(self, rows: Int) -> None:
        self._left[rows], self._used[rows] = self.budgets, 0.0

    def _beside(self, rows: Int, started: bool) -> Float:  # noqa: ARG002
        return np.concatenate([self._used[rows], self._shares_left(rows)], axis=1)

    def _own_features(self, rows: Int) -> dict[str, npt.NDArray[Any]]:
        return {"left": self._shares_left(rows), "used": self._used[rows]}

    def _shares_left(self, rows: Int) -> Float:
        shares: Float = np.maximum(self._left[rows], 0.0) / self.budgets
        return shares

    def _get_state(self) -> dict[str, npt.NDArray[Any]]:
        return {**super()._get_state(), "left": self._left.copy(), "used": self._used.copy()}

    def _set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        super()._set_state(state)
        self._left[:], self._used[:] = state["left"], state["used"]

    def _resource_card(self, env_id: str, *, story: str, reward: str, source: str) -> Card:
        budgets = ", ".join(f"{budget:g}" for budget in self.budgets)
        return bandit_card(
            self,
            env_id,
            oracle="upper_bound",
            description=f"{story} Budgets: {budgets}, for {self.max_steps} rounds.",
            reward=reward,
            source=source,
            beside="what the last round used and the share that is left of each resource",
            termination="when a round uses more of a resource than is left; that round is unpaid",
            success="the arm of the last round is one of the best mixture, and the round was paid",
        )


class BanditKnapsack(ResourceWorld):
    """K arms that pay 1 or 0 and use 1 or 0 of each of D resources, in N rows.

    Source: Bandits with Knapsacks (Badanidiyuru, Kleinberg, Slivkins, 2013).
    """

    def __init__(
        self,
        *,
        num: int = 1,
        max_steps: int = 1000,
        arms: int = 5,
        resources: int = 1,
        budget: Numbers | float = 0.25,
        rewards: Numbers | None = None,
        costs: Numbers | None = None,
        instance_seed: int | None = None,
        observe: str = HISTORY,
    ) -> None:
        """Build the arms.

        Args:
            num: Rows.
            max_steps: T, rounds of an episode.
            arms: K.
            resources: D.
            budget: Budgets over T, a number in (0, 1] for all or one for each resource.
            rewards: The K mean rewards in [0, 1], together with ``costs``; None to draw both.
            costs: The K x D mean uses in [0, 1].
            instance_seed: None to draw the arms for every episode, an integer for the same in all.
            observe: ``"history"`` for uses, budgets, the last action, its reward and the time;
                ``"nothing"`` for a constant.

        Raises:
            ValueError: If an argument is outside its range; names it.
        """
        super().__init__(
            supply=(resources, budget),
            num=num,
            max_steps=max_steps,
            observe=observe,
            instance_seed=instance_seed,
            arms=arms,
            resources=resources,
            budget=budget,
            rewards=rewards,
            costs=costs,
        )
        self._count = count("arms", arms, 2, 1000)
        self._given: tuple[Float, Float] | None = None
        if (rewards is None) != (costs is None):
            raise ValueError("rewards and costs make an instance together: give both or none")
        if rewards is not None and costs is not None:
            self._given = (
                payoff_table("rewards", rewards, (arms,), 0.0, 1.0),
                payoff_table("costs", costs, (arms, resources), 0.0, 1.0),
            )
        self._set_up_resources(arms)

    def card(self, env_id: str) -> Card:
        """Describe the arms."""
        return self._resource_card(
            env_id,
            story=(
                f"{self.arms} arms, each with a hidden probability of paying 1 and of using 1 of "
                f"each of {self.resources} resources."
            ),
            reward="1 or 0, drawn with the mean of the chosen arm",
            source="Bandits with Knapsacks (Badanidiyuru, Kleinberg, Slivkins, 2013).",
        )

    def _instance(self, rng: np.random.Generator) -> dict[str, Float]:
        if self._given is not None:
            return self._solved(*self._given)
        return self._solved(rng.random(self._count), rng.random((self._count, self.resources)))


make, make_vector = makers(BanditKnapsack)
