"""EPIC: a distance of rewards that looks at no dynamics, exact and from samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from operant.finite import FiniteMDP
from operant.reward_design.metrics.pearson import pearson_matrix
from operant.reward_design.metrics.rewards import check_discount, full, unit_size
from operant.types import Float

RewardFunction: TypeAlias = Callable[
    [npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]], npt.NDArray[Any]
]
"""``reward(states, actions, next_states)``: B rows each, to (B,) rewards."""


def epic_matrix(
    mdp: FiniteMDP,
    rewards: Sequence[Float],
    *,
    gamma: float,
    states: Float | None = None,
    actions: Float | None = None,
) -> Float:
    """Return the EPIC distances between K rewards, (K, K) in [0, 1].

    Each reward is freed of shaping with the help of random jumps, then correlated with the others
    over random jumps: state, action and successor are independent, whether the transition can
    happen or not. So the distance is 0 for shaped and scaled copies, but two rewards that differ
    only where nothing can happen, or by what averages out over the successors, lie apart. STARC
    does not have that flaw.

    Args:
        mdp: An MDP whose episodes do not end, see
            :func:`~operant.reward_design.metrics.rewards.with_end`; only its numbers of states and
            actions are read.
        rewards: (S, A) or (S, A, S) each.
        gamma: Discount, in [0, 1).
        states: (S,) coverage of states and successors; None is uniform.
        actions: (A,) coverage of actions; None is uniform.

    Raises:
        ValueError: If an argument is out of range or has the wrong shape.

    Source: Quantifying Differences in Reward Functions (Gleave et al., 2021), definitions 4.1 and
    4.6.
    """
    check_discount(gamma)
    from_state = _coverage("states", states, mdp.num_states)
    by_action = _coverage("actions", actions, mdp.num_actions)
    pairs = np.einsum("a,t->at", by_action, from_state)
    canonical = []
    for reward in rewards:
        given = endless(mdp, unit_size(reward))
        mean = np.einsum("sat,at->s", given, pairs)
        canonical.append(given + gamma * (mean - from_state @ mean) - mean[:, None, None])
    return pearson_matrix(canonical, from_state[:, None, None] * pairs)


def epic_distance(mdp: FiniteMDP, one: Float, other: Float, *, gamma: float) -> float:
    """Return the EPIC distance of two rewards, in [0, 1]; see :func:`epic_matrix`.

    >>> from operant.finite import random_mdp
    >>> mdp = random_mdp(np.random.default_rng(0), states=4, actions=2)
    >>> round(epic_distance(mdp, mdp.reward, -mdp.reward, gamma=0.9), 9)
    1.0
    """
    return float(epic_matrix(mdp, [one, other], gamma=gamma)[0, 1])


def sampled_epic(
    rewards: Sequence[RewardFunction],
    *,
    states: npt.NDArray[Any],
    actions: npt.NDArray[Any],
    gamma: float,
    rng: np.random.Generator,
    samples: int = 2048,
    inner: int = 256,
) -> Float:
    """Estimate the EPIC distances between K reward functions, (K, K) in [0, 1].

    All rewards are averaged over the same ``inner`` draws, so shaping cancels exactly; other
    distances carry the noise of both numbers of draws.

    Args:
        rewards: Functions of a batch of states, actions and successors.
        states: (N, ...) states to draw states and successors from.
        actions: (N, ...) actions to draw from.
        gamma: Discount, in [0, 1).
        rng: Random generator.
        samples: Transitions over which to correlate, >= 2.
        inner: Draws behind each mean, >= 1; the functions see ``samples * inner`` rows at once.

    Raises:
        ValueError: If a number is out of range, or a reward is not finite.

    Source: Quantifying Differences in Reward Functions (Gleave et al., 2021), section 4 and
    appendix A.1.
    """
    check_discount(gamma)
    if samples < 2 or inner < 1:
        raise ValueError(f"samples must be >= 2 and inner >= 1, got {samples} and {inner}")
    before, after, elsewhere = (rng.choice(states, n) for n in (samples, samples, inner))
    taken, there = rng.choice(actions, samples), rng.choice(actions, inner)

    def canonical(reward: RewardFunction) -> Float:
        def mean(start: npt.NDArray[Any]) -> Float:
            """Return the mean reward of jumps from each start."""
            of_all = reward(
                np.repeat(start, inner, axis=0),
                np.tile(there, (len(start), *[1] * (there.ndim - 1))),
                np.tile(elsewhere, (len(start), *[1] * (elsewhere.ndim - 1))),
            )
            found: Float = np.asarray(of_all, np.float64).reshape(len(start), inner).mean(axis=1)
            return found

        paid = np.asarray(reward(before, taken, after), np.float64)
        freed: Float = unit_size(np.stack([paid, gamma * mean(after), -mean(before)])).sum(axis=0)
        return freed

    return pearson_matrix([canonical(reward) for reward in rewards])


def endless(mdp: FiniteMDP, reward: Float) -> Float:
    """Return a reward as (S, A, S) of an MDP whose episodes do not end.

    Raises:
        ValueError: If they end, or the reward does not fit.
    """
    given = full(mdp, reward)
    if given.shape[2] > mdp.num_states:
        raise ValueError(
            "mdp must not end its episodes, but some rows of its probabilities sum to less than 1;"
            " turn the end into a state with rewards.with_end(mdp) and give rewards for it"
        )
    return given


def _coverage(name: str, given: Float | None, size: int) -> Float:
    if given is None:
        return np.full(size, 1.0 / size)
    given = np.asarray(given, np.float64)
    if given.shape != (size,) or given.min() < 0 or abs(given.sum() - 1) > 1e-9:
        raise ValueError(f"{name} must be {size} probabilities that sum to 1, got {given}")
    return given
