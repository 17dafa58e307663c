"""An explicit finite MDP: what envs enumerate and planners solve."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from operant.types import Features, Float, Int, Obs


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class TabularMDP:
    """A deterministic MDP with S states and A actions; state 0 is the start.

    Terminal transitions lead to the pseudo-state ``-1``.

    Attributes:
        next_state: (S, A) int64, successor or -1 where the transition terminates.
        reward: (S, A) float64, true reward of the transition.
        success: (S, A) bool, the transition satisfies the success predicate.
        obs: Observations of the states, leading axis (S,).
        features: Features of the states, (S,) each.
        successor_features: Features of the true successors, (S, A) each (terminal ones included).
        proxy_reward: (S, A) float64, the proxy reward of the transition, where the env has one.
    """

    next_state: Int
    reward: Float
    success: npt.NDArray[np.bool_]
    obs: Obs
    features: Features
    successor_features: Features
    proxy_reward: Float | None = None

    @property
    def num_states(self) -> int:
        """S."""
        return len(self.next_state)

    @property
    def num_actions(self) -> int:
        """A."""
        return int(self.next_state.shape[1])
