"""The greedy planner: whatever pays most now."""

from __future__ import annotations

from operant.lsd import LSDInstance
from operant.types import Float, Int


class GreedyPlan:
    """Plays the arm with the largest mean payoff at its present counter.

    Where no arm pays anything it lets the round pass, if that is allowed.
    """

    def __init__(self, instance: LSDInstance) -> None:
        """Take note of the payoffs."""
        self._instance = instance

    def act(self, levels: Int, now: int) -> Int:  # noqa: ARG002 (the signature of policies)
        """Choose one action per row; see :class:`LSDPolicy`."""
        paid: Float = self._instance.rewards(levels)
        rules = self._instance.rules
        arms: Int = paid[:, : rules.K].argmax(axis=1)
        if rules.allow_none:
            arms[paid[:, : rules.K].max(axis=1) <= 0] = rules.K
        return arms
