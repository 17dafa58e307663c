"""What a search may spend, and what it has spent: one ledger for all parts of it."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping

from operant.errors import OperantError

QUANTITIES = ("llm_calls", "tokens", "money", "env_steps", "human_queries", "wall_s")
"""What is counted; ``money`` in whatever currency the price table has."""

_KNOWN_AFTERWARDS = ("tokens", "money")
"""What an answer costs is known when it is there: none is asked for once these are used up."""


class BudgetError(OperantError):
    """Something would cost more than is left; nothing of it was done."""

    def __init__(self, quantity: str, wanted: float, left: float) -> None:
        """Build the message.

        Args:
            quantity: What there is too little of.
            wanted: How much was asked for; 0 for anything that takes some of it.
            left: How much there is.
        """
        wants = f"does not allow {wanted:g} more: {left:g} left" if wanted else "is used up"
        super().__init__(
            f"the budget of {quantity} {wants}; raise it, or use what the search has found"
        )
        self.quantity, self.wanted, self.left = quantity, wanted, left


class Budget:
    """Limits and a ledger, for one thread.

    >>> budget = Budget(llm_calls=10)
    >>> budget.spend(llm_calls=8)
    >>> budget.left("llm_calls")
    2.0
    """

    def __init__(self, **limits: float) -> None:
        """Set the limits; what has none is only counted.

        Args:
            **limits: Quantity -> most of it, finite and >= 0.

        Raises:
            ValueError: If a quantity is unknown or a limit out of its range.
        """
        for quantity, limit in limits.items():
            _require_amount(quantity, limit)
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

        No completion may be asked for once the tokens or the money are used up, and nothing at all
        once the time is over. A search can thus exceed tokens and money by its last request, and
        nothing else.

        Raises:
            BudgetError: If it would cost more than is left.
            ValueError: If a quantity is unknown or an amount out of its range.
        """
        for quantity, amount in amounts.items():
            _require_amount(quantity, amount)
            if amount > self.left(quantity):
                raise BudgetError(quantity, amount, self.left(quantity))
        for quantity in ("wall_s", *(_KNOWN_AFTERWARDS if amounts.get("llm_calls") else ())):
            if self.left(quantity) == 0.0:
                raise BudgetError(quantity, 0.0, 0.0)

    def spend(self, **amounts: float) -> None:
        """Note what was spent; never refuses, as tokens and money are known only afterwards.

        Raises:
            ValueError: If a quantity is unknown, an amount out of its range, or time is spent: that
                passes by itself.
        """
        for quantity, amount in amounts.items():
            _require_amount(quantity, amount)
            if quantity == "wall_s":
                raise ValueError("wall_s cannot be spent: it is measured since the budget was made")
        for quantity, amount in amounts.items():
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


def _require_amount(quantity: str, amount: float) -> None:
    _require_known(quantity)
    if not 0 <= amount < math.inf:
        raise ValueError(f"an amount of {quantity} must be finite and >= 0, got {amount}")


def _require_known(quantity: str) -> None:
    if quantity not in QUANTITIES:
        raise ValueError(f"unknown quantity {quantity!r}; known: {', '.join(QUANTITIES)}")
