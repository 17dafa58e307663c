"""DARD: EPIC with the dynamics in the canonical form."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from operant.finite import FiniteMDP
from operant.reward_design.metrics.epic import endless
from operant.reward_design.metrics.pearson import pearson_matrix
from operant.reward_design.metrics.rewards import check_discount, unit_size
from operant.types import Float


def dard_matrix(mdp: FiniteMDP, rewards: Sequence[Float], *, gamma: float) -> Float:
    """Return the DARD distances between K rewards, (K, K) in [0, 1].

    As EPIC, but the jumps that free a reward of shaping follow the dynamics, and rewards are
    correlated over transitions that can happen, from uniform states and actions. Still, one of its
    terms reads what a jump to a state that may be out of reach would pay, and it tells rewards
    apart that differ only by what averages out over the successors.

    Args:
        mdp: An MDP whose episodes do not end; see
            :func:`~operant.reward_design.metrics.rewards.with_end`.
        rewards: (S, A) or (S, A, S) each.
        gamma: Discount, in [0, 1).

    Raises:
        ValueError: If an argument is out of range or has the wrong shape.

    Source: Dynamics-Aware Comparison of Learned Reward Functions (Wulfe et al., 2022), definition
    of the dynamics-aware transformation.
    """
    check_discount(gamma)
    canonical = [_canonical(mdp, endless(mdp, unit_size(reward)), gamma) for reward in rewards]
    return pearson_matrix(canonical, mdp.transition)


def dard_distance(mdp: FiniteMDP, one: Float, other: Float, *, gamma: float) -> float:
    """Return the DARD distance of two rewards, in [0, 1]; see :func:`dard_matrix`.

    >>> from operant.finite import random_mdp
    >>> mdp = random_mdp(np.random.default_rng(0), states=4, actions=2)
    >>> round(dard_distance(mdp, mdp.reward, -mdp.reward, gamma=0.9), 9)
    1.0
    """
    return float(dard_matrix(mdp, [one, other], gamma=gamma)[0, 1])


def _canonical(mdp: FiniteMDP, reward: Float, gamma: float) -> Float:
    """Return R(s, a, s') + E[gamma R(s', A, S'') - R(s, A, S') - gamma R(S', A, S'')].

    S' follows from (s, A) and S'' from (s', A), with one uniform A for both.
    """
    mean = (mdp.transition * reward).sum(axis=2).mean(axis=1)
    across = np.zeros((mdp.num_states, mdp.num_states))
    for action in range(mdp.num_actions):
        ahead = mdp.transition[:, action]
        across += ahead @ reward[:, action] @ ahead.T / mdp.num_actions
    found: Float = reward + gamma * (mean - across)[:, None, :] - mean[:, None, None]
    return found
