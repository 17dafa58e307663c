"""What a search may spend, and what it has spent: one ledger for all parts of it."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping

from operant.errors import OperantError

QUANTITIES = ("llm_calls", "tokens", "money", "env_steps", "human_queries", "wall_s")
"""What is counted; ``money`` in whatever currency the price table has."""


class BudgetError(OperantError):
    """Something would cost more than is left; nothing of it was done."""

    def __init__(self, quantity: str, wanted: float, left: float) -> None:
        """Build the message.

        Args:
            quantity: What there is too little of.
            wanted: How much was asked for.
            left: How much there is.
        """
        super().__init__(
            f"the budget of {quantity} does not allow {wanted:g} more: {left:g} left; raise it, or "
            "use what the search has found"
        )
        self.quantity, self.wanted, self.left = quantity, wanted, left


class Budget:
    """Limits and a ledger.

    >>> budget = Budget(llm_calls=10)
    >>> budget.spend(llm_calls=8)
    >>> budget.left("llm_calls")
    2.0
    """

    def __init__(self, **limits: float) -> None:
        """Set the limits; what has none is only counted.

        Args:
            **limits: Quantity -> most of it, >= 0.

        Raises:
            ValueError: If a quantity is unknown or a limit negative.
        """
        for quantity, limit in limits.items():
            _require_known(quantity)
            if not limit >= 0:
                raise ValueError(f"the budget of {quantity} must be >= 0, got {limit}")
        self.limits = dict(limits)
        self._spent = dict.fromkeys(QUANTITIES, 0.0)
        self._began = time.monotonic()

    def spent(self, quantity: str) -> float:
        """Return how much of a quantity was spent."""
        _require_known(quantity)
        return self._spent[quantity] if quantity != "wall_s" else time.monotonic() - self._began

    def left(self, quantity: str) -> float:
        """Return how much of it is left; infinite without a limit, never negative."""
        return max(0.0, self.limits.get(quantity, math.inf) - self.spent(quantity))

    def require(self, **amounts: float) -> None:
        """Check before something is done that it may be done.

        Raises:
            BudgetError: If it would cost more than is left, or the time is over.
        """
        for quantity, amount in {"wall_s": 0.0, **amounts}.items():
            left = self.left(quantity)
            if amount > left or (quantity == "wall_s" and left == 0.0):
                raise BudgetError(quantity, amount, left)

    def spend(self, **amounts: float) -> None:
        """Note what was spent; never refuses, as tokens and money are known only afterwards."""
        for quantity, amount in amounts.items():
            _require_known(quantity)
            self._spent[quantity] += amount

    def to_json(self) -> Mapping[str, Mapping[str, float]]:
        """Return limits and what was spent."""
        spent = {quantity: self.spent(quantity) for quantity in QUANTITIES}
        return {"limits": dict(self.limits), "spent": spent}


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Prices:
    """What a model costs; given by the user, because prices go stale.

    Attributes:
        prompt: Per million tokens read.
        completion: Per million tokens written.
    """

    prompt: float = 0.0
    completion: float = 0.0

    def of(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Return the price of a completion."""
        return (self.prompt * prompt_tokens + self.completion * completion_tokens) / 1e6


def _require_known(quantity: str) -> None:
    if quantity not in QUANTITIES:
        raise ValueError(f"unknown quantity {quantity!r}; known: {', '.join(QUANTITIES)}")
