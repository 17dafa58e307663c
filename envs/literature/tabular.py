"""Exact values of small stochastic worlds, by dynamic programming on an explicit model."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from operant.planning import fixed_point
from operant.types import Float


class Model(NamedTuple):
    """A finite MDP with S states and A actions.

    Attributes:
        transition: (A, S, S) probabilities from state (axis 1) to state (axis 2). What a row lacks
            to 1 is the probability that the episode ends.
        reward: (A, S) expected true reward of an action in a state.
    """

    transition: Float
    reward: Float


def action_values(model: Model, values: Float, gamma: float = 1.0) -> Float:
    """Return (A, S): what an action is worth if what follows is worth ``values``, (S,)."""
    worth: Float = model.reward + gamma * (model.transition @ values)
    return worth


def value_iteration(model: Model, gamma: float, tolerance: float = 1e-12) -> Float:
    """Return the optimal discounted value of every state without a time limit, (S,).

    Args:
        model: The MDP.
        gamma: Discount in [0, 1).
        tolerance: Largest error of a value.

    Raises:
        ValueError: If gamma is outside its range.
    """

    def improve(values: Float) -> Float:
        best: Float = action_values(model, values, gamma).max(axis=0)
        return best

    return fixed_point(improve, np.zeros(model.reward.shape[1]), gamma=gamma, tol=tolerance)


def finite_horizon(model: Model, horizon: int) -> Float:
    """Return the optimal expected undiscounted return of ``horizon`` steps, (S,)."""
    values = np.zeros(model.reward.shape[1])
    for _ in range(horizon):
        better: Float = action_values(model, values).max(axis=0)
        if np.array_equal(better, values):  # more steps change nothing any more
            break
        values = better
    return values
