"""Policy iteration on an explicit MDP."""

from __future__ import annotations

import numpy as np

from operant.planning import Plan, policy_evaluation
from operant.tabular import TabularMDP
from operant.types import Float


def policy_iteration(
    mdp: TabularMDP, *, gamma: float, reward: Float | None = None, tol: float = 1e-9
) -> Plan:
    """Solve an MDP by evaluating a policy exactly and making it greedy, until it stays the same.

    Args:
        mdp: The MDP.
        gamma: Discount, in [0, 1).
        reward: (S, A) rewards to plan for instead of the MDP's own, e.g. designed ones.
        tol: An action must be better by more than this to replace another, and slack of
            ``optimal_actions``, in units of return, > 0.

    Raises:
        ValueError: If an argument is out of range or has the wrong shape.

    Source: Dynamic Programming and Markov Processes (Howard, 1960).
    """
    if not tol > 0:
        raise ValueError(f"tol must be > 0, got {tol}")
    rewards = mdp.reward if reward is None else reward
    rows, policy = np.arange(mdp.num_states), np.zeros(mdp.num_states, np.int64)
    while True:
        values = policy_evaluation(mdp, policy, gamma=gamma, reward=reward)
        # Index -1, the successor of terminal transitions, finds the appended zero.
        q: Float = rewards + gamma * np.append(values, 0.0)[mdp.next_state]
        better = q.max(axis=1) > q[rows, policy] + tol
        if not better.any():
            optimal = q >= q.max(axis=1, keepdims=True) - tol
            return Plan(values=values, q=q, policy=optimal.argmax(axis=1), optimal_actions=optimal)
        policy = np.where(better, q.argmax(axis=1), policy)
