"""STARC distances: how differently two rewards rank policies, exact on finite MDPs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np

from operant.finite import FiniteMDP
from operant.reward_design.metrics.canonical import canonical
from operant.reward_design.metrics.rewards import MDP, full, successors, unit_size
from operant.types import Float

CanonicalForm: TypeAlias = Literal["val", "val_potential", "minimal"]
Norm: TypeAlias = Literal["l1", "l2", "linf", "weighted_l1", "weighted_l2", "weighted_linf"]
_ORDERS = {"l1": 1.0, "l2": 2.0, "linf": np.inf}
_TRIVIAL = 1e-10
"""A canonical reward this small, where the reward itself has size 1, is rounding around zero."""


def starc_matrix(
    mdp: MDP,
    rewards: Sequence[Float],
    *,
    gamma: float,
    form: CanonicalForm = "val",
    scale: Norm = "l2",
    distance: Norm = "l2",
    policy: Float | None = None,
) -> Float:
    """Return the STARC distances between K rewards, (K, K).

    Each reward is brought into its canonical form and divided by its norm; the distance is a norm
    of the difference. With one norm for both (as by default) it lies in [0, 2]: 0 if and only if
    two rewards rank all policies alike, 2 for opposite ones; with L2, the square root of 2 for
    rewards at right angles. A reward under which all policies are equal becomes 0, at distance 1
    from every other.

    Args:
        mdp: The dynamics, with probabilities or deterministic; its own reward is not read.
        rewards: (S, A) each, or with probabilities (S, A, S').
        gamma: Discount, in [0, 1).
        form: ``"val"`` and ``"minimal"`` are those of
            :func:`~operant.reward_design.metrics.canonical.canonical`. ``"val_potential"`` does
            not average over successors: it needs probabilities, and tells apart rewards that
            differ only by what averages out.
        scale: Norm to divide by. ``"weighted_..."`` weighs each successor by its probability.
        distance: Norm of the difference.
        policy: (S, A) probabilities of the policy behind ``"val"``; None is uniform.

    Raises:
        MissingExtraError: If SciPy is not installed.
        ValueError: If an argument is out of range or has the wrong shape.

    Source: STARC: A General Framework For Quantifying Differences Between Reward Functions
    (Skalse et al., 2024), definitions 1 to 4.
    """
    found = [
        standardised(mdp, reward, gamma=gamma, form=form, scale=scale, policy=policy)
        for reward in rewards
    ]
    matrix = np.zeros((len(found), len(found)))
    for row, column in zip(*np.triu_indices(len(found), 1), strict=True):
        apart = _norm(mdp, found[row] - found[column], distance)
        matrix[row, column] = matrix[column, row] = apart
    return matrix


def minimal_starc_matrix(mdp: MDP, rewards: Sequence[Float], *, gamma: float) -> Float:
    """Return the STARC distances with ``form="minimal"``, (K, K); see :func:`starc_matrix`."""
    return starc_matrix(mdp, rewards, gamma=gamma, form="minimal")


def starc_distance(
    mdp: MDP,
    one: Float,
    other: Float,
    *,
    gamma: float,
    form: CanonicalForm = "val",
    scale: Norm = "l2",
    distance: Norm = "l2",
    policy: Float | None = None,
) -> float:
    """Return the STARC distance of two rewards; the arguments are those of :func:`starc_matrix`.

    >>> from operant.finite import random_mdp
    >>> mdp = random_mdp(np.random.default_rng(0), states=4, actions=2)
    >>> reward = mdp.reward
    >>> round(starc_distance(mdp, reward, 3 * reward, gamma=0.9), 9)
    0.0
    >>> round(starc_distance(mdp, reward, -reward, gamma=0.9), 9)
    2.0
    """
    matrix = starc_matrix(
        mdp, [one, other], gamma=gamma, form=form, scale=scale, distance=distance, policy=policy
    )
    return float(matrix[0, 1])


def standardised(
    mdp: MDP,
    reward: Float,
    *,
    gamma: float,
    form: CanonicalForm = "val",
    scale: Norm = "l2",
    policy: Float | None = None,
) -> Float:
    """Return a canonical reward of norm 1, (S, A, S') or (S, A, 1) where all successors are equal.

    It is 0 where all policies are equal under the reward. The arguments are those of
    :func:`starc_matrix`.
    """
    reward = unit_size(reward)
    if form == "val_potential":
        if not isinstance(mdp, FiniteMDP):
            raise ValueError("form 'val_potential' needs a FiniteMDP, got a TabularMDP")
        given = full(mdp, reward)
        _, potential = canonical(mdp, reward, gamma=gamma, policy=policy)
        ahead = np.append(potential, 0.0)[: given.shape[2]]
        found = given + gamma * ahead - potential[:, None, None]
    else:
        shaped, _ = canonical(mdp, reward, gamma=gamma, form=form, policy=policy)
        found = shaped[:, :, None]
    if np.abs(found).max() <= _TRIVIAL:
        return np.zeros_like(found)
    unit: Float = found / _norm(mdp, found, scale)
    return unit


def _norm(mdp: MDP, values: Float, norm: Norm) -> float:
    """Return a norm over all (state, action, successor); an axis of length 1 stands for all."""
    order = _ORDERS.get(norm.removeprefix("weighted_"))
    if order is None:
        allowed = ", ".join(f"{name}, weighted_{name}" for name in _ORDERS)
        raise ValueError(f"a norm must be one of {allowed}, got {norm!r}")
    weighted, per_successor = norm.startswith("weighted_"), values.shape[2] > 1
    weights: Float | float = 1.0
    if weighted and per_successor and isinstance(mdp, FiniteMDP):
        weights = successors(mdp)
    elif not weighted and not per_successor:
        weights = float(_num_successors(mdp))
    if order == np.inf:
        return float(np.abs(values * (np.asarray(weights) > 0)).max())
    return float((weights * np.abs(values) ** order).sum() ** (1 / order))


def _num_successors(mdp: MDP) -> int:
    if isinstance(mdp, FiniteMDP):
        return int(successors(mdp).shape[2])
    return mdp.num_states + int((mdp.next_state < 0).any())
