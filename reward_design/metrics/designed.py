"""What a design pays in an MDP with chance, as the array that distances compare."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np

from operant.errors import OperantError
from operant.finite import FiniteMDP
from operant.reward_design.base import RewardDesign
from operant.reward_design.metrics.rewards import successors
from operant.types import Float, Int, Transition, take_rows

PROBE = 1e3
"""Times the largest true reward: what a design is paid to see what it does with true rewards."""


def designed_reward(mdp: FiniteMDP, attach: Callable[[int], RewardDesign]) -> Float:
    """Return what a design pays for every transition that can happen, (S, A, S').

    The MDP tells neither features nor what is seen at the end, and the true reward of an action on
    average over its successors. That will do for designs that look at observations and actions, and
    at the true reward at most to add a multiple of it.

    Args:
        mdp: The MDP.
        attach: Returns the design, set up anew for a number of slots.

    Raises:
        OperantError: If the design looks at something else, or does not score transitions alone.
    """
    where = np.nonzero(successors(mdp))
    every = _outcomes(mdp, where)
    design = attach(len(every))
    if not design.spec.markov:
        raise _refusal(design, "has a memory")
    if design.required_features() or "features" in design.spec.needs:
        raise _refusal(design, f"reads features {list(design.required_features())}")
    paid = design(every).total
    for why, other in _variants(mdp, where, every):
        if not _same(attach(len(every))(other).total, paid):
            raise _refusal(design, why)
    probe = np.random.default_rng(0).normal(size=len(paid))
    size = PROBE * (float(np.abs(mdp.reward).max()) or 1.0)
    changed = dataclasses.replace(every, reward=every.reward + size * probe)
    change = (attach(len(every))(changed).total - paid) / size
    multiple = (change @ probe) / (probe @ probe)
    if not np.allclose(change, multiple * probe):
        raise _refusal(design, "does more with the true reward than to add a multiple of it")
    reward = np.zeros(successors(mdp).shape)
    reward[where] = paid
    return reward


def _variants(
    mdp: FiniteMDP, where: tuple[Int, ...], every: Transition
) -> Iterator[tuple[str, Transition]]:
    """Yield transitions that differ in what the model does not tell, and what reading it means."""
    later = dataclasses.replace(every, episode_step=every.episode_step + 1)
    yield "pays something else in the second step", later
    at_limit = dataclasses.replace(every, truncated=~every.terminated)
    yield "pays something else at the time limit", at_limit
    yield "looks at the last observation of an episode", _outcomes(mdp, where, last=1)


def _same(one: Float, other: Float) -> bool:
    scale = float(max(np.abs(one).max(initial=0.0), np.abs(other).max(initial=0.0)))
    return bool(np.allclose(one, other, atol=1e-9 * scale))


def _refusal(design: RewardDesign, why: str) -> OperantError:
    return OperantError(
        f"design {design.id!r} {why}, and where chance plays a part the level's model does not "
        "tell what that pays; use a design that looks at observations and actions, such as exprd, "
        "or a deterministic env; distances can also be estimated with samples"
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
