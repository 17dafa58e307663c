"""How much a reward tells a learner about the next actions: the criteria of explicable rewards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from operant.finite import (
    FiniteMDP,
    action_values,
    occupancy,
    value_iteration,
)
from operant.reward_design.metrics.rewards import check_discount, expected
from operant.types import Float, Int

HORIZONS = (1, 4, 8, 16, 32)
"""The horizons of the published experiments, in steps."""


def informativeness(
    mdp: FiniteMDP, reward: Float, *, gamma: float, horizons: Sequence[int] = HORIZONS
) -> float:
    """Return how well a reward shows, within few steps, what the optimal policy would do; <= 0.

    For every horizon h and state: by how much the h-step advantage of the optimal action over a
    non-optimal one, under ``reward``, falls short of the smallest true gap; the worst action
    counts. 0, the maximum, means that no horizon is too short, as for shaping by the optimal
    values. The h-step value is the discounted sum over the steps 0 to h, optimal after the first.

    Args:
        mdp: The MDP with its true reward.
        reward: (S, A) or (S, A, S') reward to judge.
        gamma: Discount, in [0, 1).
        horizons: h >= 0 each.

    Raises:
        ValueError: If an argument is out of range or has the wrong shape.

    Source: Explicable Reward Design for Reinforcement Learning Agents (Devidze, Radanovic,
    Kamalaruban, Singla, 2021), eq. 4. Deviation: h + 1 rewards are summed for horizon h.
    """
    _check_horizons(horizons)
    plan = value_iteration(mdp, gamma=gamma)
    best, optimal = plan.policy, plan.optimal_actions
    rows = np.arange(mdp.num_states)
    losses = np.where(optimal, np.inf, plan.values[:, None] - plan.q).min(axis=1)
    shortfalls = []
    for h, q in enumerate(_h_step_values(mdp, expected(mdp, reward), best, gamma)):
        if h in horizons:
            gap = q[rows, best][:, None] - q
            short = np.where(optimal, 0.0, losses[:, None] - gap)
            shortfalls.append(np.maximum(short.max(axis=1), 0.0).mean())
        if h == max(horizons):
            break
    return 0.0 - float(np.mean(shortfalls))  # 0, not -0


def step_informativeness(
    mdp: FiniteMDP,
    reward: Float,
    learner: Float,
    *,
    gamma: float,
    exploration: float = 0.0,
) -> float:
    """Return how much one policy-gradient step on a reward brings a learner towards the optimum.

    The agreement between the true advantage (of the optimal policy) and the reward, both relative
    to their mean under the learner, in the states that teacher and learner both visit. 0 for a
    learner that is already deterministic, whatever the reward.

    Args:
        mdp: The MDP with its true reward.
        reward: (S, A) or (S, A, S') reward to judge.
        learner: (S, A) probabilities of the learner's policy.
        gamma: Discount, in [0, 1).
        exploration: Probability, in [0, 1], that the teacher acts at random: widens the states it
            visits.

    Raises:
        ValueError: If an argument is out of range or has the wrong shape.

    Source: Informativeness of Reward Functions in Reinforcement Learning (Devidze, Kamalaruban,
    Singla, 2024), the criterion for h = 1.
    """
    check_discount(gamma)
    if not 0.0 <= exploration <= 1.0:
        raise ValueError(f"exploration must lie in [0, 1], got {exploration}")
    if np.shape(learner) != mdp.reward.shape:
        raise ValueError(f"learner must have shape {mdp.reward.shape}, got {np.shape(learner)}")
    plan = value_iteration(mdp, gamma=gamma)
    teacher = (1.0 - exploration) * np.eye(mdp.num_actions)[plan.policy]
    teacher += exploration / mdp.num_actions
    visits = _visits(mdp, teacher, gamma) * _visits(mdp, learner, gamma)
    advantage = _centred(plan.q - plan.values[:, None], learner)
    pays = _centred(expected(mdp, reward), learner)
    return float((visits[:, None] * learner**2 * advantage * pays).sum())


def _h_step_values(mdp: FiniteMDP, reward: Float, best: Int, gamma: float) -> Iterator[Float]:
    """Yield the (S, A) discounted sums over the steps 0..h, h = 0, 1, ..."""
    values = np.zeros(mdp.num_states)
    while True:
        q = action_values(mdp, values, gamma=gamma, reward=reward)
        yield q
        values = q[np.arange(mdp.num_states), best]


def _visits(mdp: FiniteMDP, policy: Float, gamma: float) -> Float:
    """Return the discounted share of the steps spent in each state, (S,); sums to 1."""
    visits = occupancy(mdp, policy, gamma=gamma)
    share: Float = visits / visits.sum()
    return share


def _centred(values: Float, policy: Float) -> Float:
    centred: Float = values - (policy * values).sum(axis=1, keepdims=True)
    return centred


def _check_horizons(horizons: Sequence[int]) -> None:
    if not horizons or min(horizons) < 0:
        raise ValueError(f"horizons must be numbers of steps >= 0, at least one, got {horizons!r}")
