"""An explicit finite MDP: what envs enumerate and planners solve."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from operant.types import Features, Float, Int, Obs, Transition, take_rows


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
        last_obs: (K, ...) what the K terminal transitions show at last, in the order of
            ``next_state``; None if nobody knows, and the state they left stands in for it.
    """

    next_state: Int
    reward: Float
    success: npt.NDArray[np.bool_]
    obs: Obs
    features: Features
    successor_features: Features
    proxy_reward: Float | None = None
    last_obs: Obs | None = None

    @property
    def num_states(self) -> int:
        """S."""
        return len(self.next_state)

    @property
    def num_actions(self) -> int:
        """A."""
        return int(self.next_state.shape[1])


def every_transition(mdp: TabularMDP) -> Transition:
    """Lay out all S * A (state, action) pairs as one batch, each in a slot of its own.

    Every one looks like the first of an episode.
    """
    size = mdp.next_state.size
    states = np.repeat(np.arange(mdp.num_states), mdp.num_actions)
    after = mdp.next_state.ravel()
    ends = after < 0
    next_obs = take_rows(mdp.obs, np.where(ends, states, after))
    if mdp.last_obs is not None:
        _put_rows(next_obs, ends, mdp.last_obs)
    return Transition(
        obs=take_rows(mdp.obs, states),
        action=np.tile(np.arange(mdp.num_actions), mdp.num_states),
        next_obs=next_obs,
        reward=mdp.reward.ravel().astype(np.float64),
        terminated=ends,
        truncated=np.zeros(size, np.bool_),
        features={key: value.reshape(size) for key, value in mdp.successor_features.items()},
        prev_features={key: value[states] for key, value in mdp.features.items()},
        env_ids=np.arange(size),
        episode_step=np.zeros(size, np.int64),
    )


def _put_rows(batch: Obs, rows: npt.NDArray[np.bool_], values: Obs) -> None:
    if isinstance(batch, dict) and isinstance(values, dict):
        for name, array in batch.items():
            array[rows] = values[name]
    else:
        np.asarray(batch)[rows] = values
