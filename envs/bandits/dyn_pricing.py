"""BanditDynPricing: sell a stock of items at prices whose demand is hidden."""

from __future__ import annotations

import numpy as np

from operant.envs.bandits.knapsack import ResourceWorld
from operant.envs.bandits.options import HISTORY, Numbers, count, payoff_table
from operant.envs.batched.makers import makers
from operant.types import Card, Float, Int


class BanditDynPricing(ResourceWorld):
    """K prices for the items of a stock; a customer buys at price p with probability S(p).

    A bandit with one resource, in N rows: a sale pays the price and uses one item.

    Source: Dynamic Pricing with Limited Supply (Babaioff, Dughmi, Kleinberg, Slivkins, 2012).
    """

    def __init__(
        self,
        *,
        num: int = 1,
        max_steps: int = 1000,
        prices: int | Numbers = 10,
        stock: float = 0.25,
        sales: Numbers | None = None,
        instance_seed: int | None = None,
        observe: str = HISTORY,
    ) -> None:
        """Build the shop.

        Args:
            num: Rows.
            max_steps: T, customers of an episode.
            prices: K for the prices 1/K, 2/K, ..., 1, or the prices themselves, in [0, 1].
            stock: Items over T, in (0, 1].
            sales: The K probabilities of a sale, which must not rise with the price; None for a
                logistic demand that is drawn.
            instance_seed: None to draw the demand for every episode, an integer for the same in
            all.
            observe: ``"history"`` for sale, stock, the last price (one-hot), what it paid and the
                time; ``"nothing"`` for a constant.

        Raises:
            ValueError: If an argument is outside its range; names it.
        """
        super().__init__(
            supply=(1, stock),
            num=num,
            max_steps=max_steps,
            observe=observe,
            instance_seed=instance_seed,
            prices=prices,
            stock=stock,
            sales=sales,
        )
        if isinstance(prices, int):
            grid = 1 + np.arange(count("prices", prices, 2, 1000), dtype=np.float64)
            self.prices: Float = grid / prices
        else:
            self.prices = payoff_table("prices", prices, (None,), 0.0, 1.0)
            if len(self.prices) < 2 or (np.diff(self.prices) <= 0).any():
                raise ValueError(f"prices must be two or more and rise, got {list(self.prices)}")
        self._sales: Float | None = None
        if sales is not None:
            self._sales = payoff_table("sales", sales, self.prices.shape, 0.0, 1.0)
            if (np.diff(self._sales) > 0).any():
                raise ValueError(
                    f"sales must not rise with the price, got {list(self._sales)}: fewer customers "
                    "buy at a higher price"
                )
        self._set_up_resources(len(self.prices))

    def card(self, env_id: str) -> Card:
        """Describe the shop."""
        low, high = self.prices[0], self.prices[-1]
        return self._resource_card(
            env_id,
            story=(
                f"One customer per round is offered an item at one of {self.arms} prices between "
                f"{low:g} and {high:g}, and buys with a hidden probability that falls with it."
            ),
            reward="the price if the customer buys, else 0",
            source=(
                "Dynamic Pricing with Limited Supply (Babaioff, Dughmi, Kleinberg, Slivkins, 2012)."
            ),
        )

    def _instance(self, rng: np.random.Generator) -> dict[str, Float]:
        sales = self._sales
        if sales is None:
            middle, spread = rng.uniform(0.3, 0.7), rng.uniform(0.05, 0.2)
            sales = 1.0 / (1.0 + np.exp((self.prices - middle) / spread))
        return {"sales": sales, **self._solved(self.prices * sales, sales[:, None])}

    def _outcome(self, rows: Int, actions: Int, luck: Float) -> tuple[Float, Float]:
        sold = (luck[:, 0] < self.drawn["sales"][rows, actions]).astype(np.float64)
        return sold * self.prices[actions], sold[:, None]


make, make_vector = makers(BanditDynPricing)
