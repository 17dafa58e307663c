"""The planners by name, for learners that plan with what they believe."""

from __future__ import annotations

from typing import Literal, TypeAlias

from operant.agents.bandits.lsd.exact import plan_gain
from operant.agents.bandits.lsd.greedy import GreedyPlan
from operant.agents.bandits.lsd.policy import LSDPolicy
from operant.agents.bandits.lsd.rounded import plan_rounded
from operant.lsd import LSDInstance
from operant.types import Int

PlannerName: TypeAlias = Literal["exact", "rounded", "greedy"]


def plan_by(
    name: PlannerName, instance: LSDInstance, *, levels: Int | None = None, seed: int = 0
) -> LSDPolicy:
    """Plan for the long run.

    Args:
        name: ``"exact"`` for few arms, ``"rounded"`` for many, or ``"greedy"``.
        instance: The bandit as it is believed to be.
        levels: (B, K) levels from which the plan may be begun, beside rested arms.
        seed: Of the rounded planner's draws.

    Raises:
        ValueError: If there is no such planner.
        TooManyStatesError: If the exact planner is asked for too much.
    """
    if name == "exact":
        return plan_gain(instance, levels=levels)
    if name == "rounded":
        return plan_rounded(instance, draws=16, rounds=200, seed=seed, warn=False)
    if name == "greedy":
        return GreedyPlan(instance)
    raise ValueError(f"planner must be 'exact', 'rounded' or 'greedy', got {name!r}")
