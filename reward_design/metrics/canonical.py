"""Canonical rewards: one representative of all rewards that shaping cannot tell apart.

Both forms add the expected shaping by one potential to the expected reward; they differ in which.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, TypeAlias

import numpy as np

from operant.finite import FiniteMDP
from operant.reward_design.metrics.rewards import MDP, check_discount, expected
from operant.reward_design.metrics.scipy_extra import scipy_module
from operant.types import Float

Form: TypeAlias = Literal["val", "minimal"]
ROUNDS = 3
"""Solutions of the linear system: the first, and refinements that remove its rounding."""


def canonical(
    mdp: MDP, reward: Float, *, gamma: float, form: Form = "val", policy: Float | None = None
) -> tuple[Float, Float]:
    """Return the canonical form of a reward, (S, A), and the potential that leads to it, (S,).

    Equal (up to rounding) for two rewards if and only if they differ by potential shaping and by
    what averages out over the successors. The end of an episode has potential 0.

    * ``"val"`` adds shaping until a policy is paid 0 on average in every state: the canonical
      reward is the policy's advantage function, the potential its value function.
    * ``"minimal"`` adds shaping until the sum of squares over all (state, action) pairs is least.

    Args:
        mdp: The dynamics; its own reward is not read.
        reward: (S, A), or with probabilities (S, A, S').
        gamma: Discount, in [0, 1).
        form: Which representative.
        policy: (S, A) probabilities for ``"val"``; None is the uniform policy.

    Raises:
        MissingExtraError: If SciPy is not installed.
        ValueError: If an argument is out of range or has the wrong shape.

    Source: STARC: A General Framework For Quantifying Differences Between Reward Functions
    (Skalse et al., 2024), section 3.
    """
    check_discount(gamma)
    if form not in ("val", "minimal"):
        raise ValueError(f"form must be 'val' or 'minimal', got {form!r}")
    shaped = expected(mdp, reward).ravel()
    shaping = _shaping_operator(mdp, gamma)
    tests = shaping.T if form == "minimal" else _averages(mdp, policy)
    invert, potential = factorised(tests @ shaping), np.zeros(mdp.num_states)
    # What is left to remove is read off the shaped reward itself: so it does no harm that the
    # product of the two matrices, for "minimal" with its condition number squared, is rounded.
    for _ in range(ROUNDS):
        step = -invert(tests @ shaped)
        potential, shaped = potential + step, shaped + shaping @ step
    return shaped.reshape(mdp.num_states, mdp.num_actions), potential


def _shaping_operator(mdp: MDP, gamma: float) -> Any:
    """Return the (S * A, S) matrix that maps a potential to the expected shaping of each pair."""
    states, actions = mdp.num_states, mdp.num_actions
    if isinstance(mdp, FiniteMDP):
        ahead = gamma * mdp.transition.reshape(-1, states)
        ahead[np.arange(states * actions), np.repeat(np.arange(states), actions)] -= 1.0
        return ahead
    sparse = scipy_module("sparse")
    after = mdp.next_state.ravel()
    goes_on = np.flatnonzero(after >= 0)
    entries = (np.full(goes_on.size, gamma), (goes_on, after[goes_on]))
    ahead = sparse.coo_array(entries, shape=(states * actions, states))
    return sparse.csr_array(ahead) - sparse.kron(sparse.eye_array(states), np.ones((actions, 1)))


def _averages(mdp: MDP, policy: Float | None) -> Any:
    """Return the (S, S * A) matrix that averages over a policy's actions."""
    states, actions = mdp.num_states, mdp.num_actions
    if policy is None:
        policy = np.full((states, actions), 1.0 / actions)
    policy = np.asarray(policy, np.float64)
    if policy.shape != (states, actions):
        raise ValueError(f"policy must have shape {(states, actions)}, got {policy.shape}")
    if policy.min() < 0 or np.abs(policy.sum(axis=1) - 1).max() > 1e-9:
        raise ValueError("policy must hold probabilities whose rows sum to 1")
    pairs = np.arange(states * actions)
    rows = policy.ravel(), pairs, np.append(pairs[::actions], pairs.size)
    return scipy_module("sparse").csr_array(rows)


def factorised(matrix: Any) -> Callable[[Float], Float]:
    """Return the function that solves linear systems with a matrix, as precisely as one pass can.

    Args:
        matrix: (n, n), a NumPy array or a sparse one; the function takes (n,) or (n, k).

    Raises:
        MissingExtraError: If SciPy is not installed.
    """
    sparse, linalg = scipy_module("sparse"), scipy_module("linalg")
    solve: Callable[[Float], Float]
    if sparse.issparse(matrix):
        solve = scipy_module("sparse.linalg").splu(sparse.csc_array(matrix)).solve
    else:
        solve = partial(linalg.lu_solve, linalg.lu_factor(matrix))
    return solve
