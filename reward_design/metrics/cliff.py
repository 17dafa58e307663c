"""The policy cliff: where a tiny change of the reward changes the optimal policy."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from operant.finite import FiniteMDP, action_values, value_iteration
from operant.planning import fixed_point
from operant.reward_design.metrics.rewards import check_discount, expected
from operant.types import Float


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class CliffReport:
    """How a reward's optimal policy stands up to errors of the reward.

    Attributes:
        noise: Largest error of a reward that was assumed, in units of reward.
        margins: (S,) tie margins, see :func:`tie_margin`.
        threshold: Margin that no error of this size can overturn: ``2 * noise / (1 - gamma)``.
        fragile: Fraction of states whose margin is below the threshold, in [0, 1]. A tie counts.
        flipped: Largest fraction of states in which the greedy policy changed in a perturbation.
        soft_change: Largest total variation, over states and perturbations, between the
            entropy-regularised optimal policies.
        soft_bound: What theory says it cannot exceed.
    """

    noise: float
    margins: Float
    threshold: float
    fragile: float
    flipped: float
    soft_change: float
    soft_bound: float


def tie_margin(mdp: FiniteMDP, *, gamma: float, reward: Float | None = None) -> Float:
    """Return by how much the best action beats the second best, (S,) >= 0.

    0 is a tie; infinite where there is one action only.

    Args:
        mdp: The MDP.
        gamma: Discount, in [0, 1).
        reward: (S, A) or (S, A, S') reward to plan for instead of the MDP's own.

    Raises:
        ValueError: If an argument is out of range or has the wrong shape.

    Source: The Policy Cliff (Xu, 2025).
    """
    plan = value_iteration(mdp, gamma=gamma, reward=_paid(mdp, reward))
    return _margin(plan.q)


def soft_policy(
    mdp: FiniteMDP, *, gamma: float, temperature: float, reward: Float | None = None
) -> Float:
    """Return the optimal policy for the return plus ``temperature`` times the entropy, (S, A).

    Args:
        mdp: The MDP.
        gamma: Discount, in [0, 1).
        temperature: Weight of the entropy, > 0, in units of reward.
        reward: (S, A) or (S, A, S') reward to plan for instead of the MDP's own.

    Raises:
        ValueError: If an argument is out of range or has the wrong shape.

    Source: Reinforcement Learning with Deep Energy-Based Policies (Haarnoja et al., 2017), thm. 1.
    """
    if not (math.isfinite(temperature) and temperature > 0):
        raise ValueError(f"temperature must be finite and > 0, got {temperature}")
    paid = _paid(mdp, reward)

    def improve(values: Float) -> Float:
        q = action_values(mdp, values, gamma=gamma, reward=paid)
        top = q.max(axis=1)
        better: Float = top + temperature * np.log(
            np.exp((q - top[:, None]) / temperature).sum(axis=1)
        )
        return better

    values = fixed_point(improve, np.zeros(mdp.num_states), gamma=gamma, tol=1e-12)
    q = action_values(mdp, values, gamma=gamma, reward=paid)
    weights = np.exp((q - q.max(axis=1, keepdims=True)) / temperature)
    policy: Float = weights / weights.sum(axis=1, keepdims=True)
    return policy


def soft_bound(difference: float, *, gamma: float, temperature: float) -> float:
    """Return how far, in total variation, two soft policies can lie apart in any state.

    Args:
        difference: Largest difference of the two expected rewards, >= 0.
        gamma: Discount, in [0, 1).
        temperature: Weight of the entropy, > 0.

    Source: The Policy Cliff (Xu, 2025), the Lipschitz bound for entropy-regularised policies.
    """
    check_discount(gamma)
    return difference / (2.0 * temperature * (1.0 - gamma))


def total_variation(one: Float, other: Float) -> Float:
    """Return the total variation of two policies in each state, (S,) in [0, 1]."""
    apart: Float = 0.5 * np.abs(one - other).sum(axis=1)
    return apart


def cliff_report(
    mdp: FiniteMDP,
    *,
    gamma: float,
    noise: float,
    rng: np.random.Generator,
    temperature: float = 0.1,
    draws: int = 20,
    reward: Float | None = None,
) -> CliffReport:
    """Judge how far an optimal policy depends on the exact numbers of its reward.

    Perturbs the reward of every (state, action) by uniform errors and solves each MDP again, with
    and without a bonus for entropy. What is greedy at a tie is decided by rounding.

    Args:
        mdp: The MDP.
        gamma: Discount, in [0, 1).
        noise: Largest error of a reward, > 0.
        rng: Random generator of the errors.
        temperature: Weight of the entropy, > 0, in units of reward.
        draws: Number of perturbations, >= 1.
        reward: (S, A) or (S, A, S') reward to judge instead of the MDP's own.

    Raises:
        ValueError: If an argument is out of range or has the wrong shape.

    Source: The Policy Cliff (Xu, 2025).
    """
    if not (math.isfinite(noise) and noise > 0):
        raise ValueError(f"noise must be finite and > 0, got {noise}")
    if draws < 1:
        raise ValueError(f"draws must be >= 1, got {draws}")
    paid = _paid(mdp, reward)
    plan = value_iteration(mdp, gamma=gamma, reward=paid)
    soft = soft_policy(mdp, gamma=gamma, temperature=temperature, reward=paid)
    flipped, change, bound = 0.0, 0.0, 0.0
    for _ in range(draws):
        errors = rng.uniform(-noise, noise, paid.shape)
        other = value_iteration(mdp, gamma=gamma, reward=paid + errors)
        moved = soft_policy(mdp, gamma=gamma, temperature=temperature, reward=paid + errors)
        flipped = max(flipped, float((other.q.argmax(axis=1) != plan.q.argmax(axis=1)).mean()))
        change = max(change, float(total_variation(soft, moved).max()))
        bound = max(bound, float(np.abs(errors).max()))
    margins, threshold = _margin(plan.q), 2.0 * noise / (1.0 - gamma)
    return CliffReport(
        noise=noise,
        margins=margins,
        threshold=threshold,
        fragile=float((margins < threshold).mean()),
        flipped=flipped,
        soft_change=change,
        soft_bound=soft_bound(bound, gamma=gamma, temperature=temperature),
    )


def _margin(q: Float) -> Float:
    if q.shape[1] == 1:
        return np.full(len(q), np.inf)
    ordered = np.sort(q, axis=1)
    margin: Float = ordered[:, -1] - ordered[:, -2]
    return margin


def _paid(mdp: FiniteMDP, reward: Float | None) -> Float:
    return mdp.reward if reward is None else expected(mdp, reward)
