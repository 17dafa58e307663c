"""The tabular planner as an agent: what an explicit MDP is worth, and how it is played best.

The algorithms are those of :mod:`operant.planning`, which environments use too.
"""

from __future__ import annotations

from operant.planning import (
    Plan,
    Walk,
    follow,
    policy_evaluation,
    shortest_solution,
    steps_to_success,
    value_iteration,
)

__all__ = [
    "Plan",
    "Walk",
    "follow",
    "policy_evaluation",
    "shortest_solution",
    "steps_to_success",
    "value_iteration",
]
