"""What a design pays in an MDP with chance, as the array that distances compare."""

from __future__ import annotations

import dataclasses

import numpy as np

from operant.errors import OperantError
from operant.finite import FiniteMDP
from operant.reward_design.base import DesignContext, RewardDesign
from operant.reward_design.metrics.rewards import successors
from operant.types import Float, Int, Transition, take_rows

PROBE = 1e3
"""Times the largest true reward: what a design is paid to see what it does with true rewards."""


def designed_reward(mdp: FiniteMDP, design: RewardDesign, context: DesignContext) -> Float:
    """Return what a design pays for every transition that can happen, (S, A, S').

    The MDP tells neither features nor what is seen at the end, and the true reward of an action on
    average over its successors. That will do for designs that look at observations and actions, and
    at the true reward at most to add a multiple of it.

    Args:
        mdp: The MDP.
        design: A Markov design with the timing ``"step"``; it is set up anew.
        context: Of the env; the number of slots does not matter.

    Raises:
        OperantError: If the design looks at something else.
    """
    if design.required_features():
        raise _refusal(design, f"reads features {list(design.required_features())}")
    where = np.nonzero(successors(mdp))
    every = _outcomes(mdp, where)
    design.setup(dataclasses.replace(context, num_envs=len(every)))
    paid = design(every).total
    if not np.allclose(design(_outcomes(mdp, where, last=1)).total, paid):
        raise _refusal(design, "looks at the last observation of an episode")
    probe = np.random.default_rng(0).normal(size=len(paid))
    size = PROBE * (1.0 + np.abs(mdp.reward).max())
    changed = dataclasses.replace(every, reward=every.reward + size * probe)
    change = (design(changed).total - paid) / size
    multiple = (change @ probe) / (probe @ probe)
    if not np.allclose(change, multiple * probe):
        raise _refusal(design, "does more with the true reward than to add a multiple of it")
    reward = np.zeros(successors(mdp).shape)
    reward[where] = paid
    return reward


def _refusal(design: RewardDesign, why: str) -> OperantError:
    return OperantError(
        f"design {design.id!r} {why}, and a model with chance does not tell what that pays; "
        "estimate with samples instead"
    )


def _outcomes(mdp: FiniteMDP, where: tuple[Int, ...], *, last: int = 0) -> Transition:
    """Lay transitions (state, action, successor) out as one batch, each in a slot of its own.

    Each is the first of an episode. For what is seen at the end, which nobody knows, stands the
    observation of the state left, or of the ``last``-th one behind it.
    """
    state, action, after = where
    ends = after == mdp.num_states
    obs = np.arange(mdp.num_states) if mdp.obs is None else mdp.obs
    return Transition(
        obs=take_rows(obs, state),
        action=action,
        next_obs=take_rows(obs, np.where(ends, (state + last) % mdp.num_states, after)),
        reward=mdp.reward[state, action].astype(np.float64),
        terminated=ends,
        truncated=np.zeros(len(state), np.bool_),
        features={},
        prev_features={},
        env_ids=np.arange(len(state)),
        episode_step=np.zeros(len(state), np.int64),
    )
