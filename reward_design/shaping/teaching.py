"""What a teacher who knows the MDP can say about rewards, as linear maps and constraints.

For a fixed optimal policy pi*, the value of every action is linear in the reward. So is the gap by
which pi*'s action beats another, and "the optimal policy stays optimal" is a set of linear
inequalities in the reward: the constraints of the linear programs of ``exprd`` and ``exp_adard``.

Source: Explicable Reward Design for Reinforcement Learning Agents (Devidze, Radanovic, Kamalaruban,
Singla, 2021), section 4.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from operant.errors import OperantError
from operant.finite import MAX_BYTES, FiniteMDP, value_iteration
from operant.reward_design.metrics.scipy_extra import scipy_module
from operant.types import Bool, Float, Int

INFEASIBLE = 2
"""The status with which SciPy reports that constraints contradict each other."""
SLACK = 1e-5
"""Gaps are asked for up to this relative amount, so that rounding excludes no true solution."""
TIE = 1e-6
"""Actions whose values differ by less are equally good, in units of the largest true reward (or of
the largest value, if that is more): rewards that keep smaller gaps would be beyond the solver."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Teacher:
    """The solution of an MDP under its true reward.

    Attributes:
        mdp: The MDP.
        gamma: Discount in [0, 1).
        actions: (S,) the optimal policy pi*.
        optimal: (S, A) bool, the actions that some optimal policy takes.
        advantages: (S, A) ``Q* - V*``, 0 or below.
        values: (S,) ``V*``.
        gap: (S,) by how much the optimal action beats the best of the others; infinite where every
            action is optimal.
    """

    mdp: FiniteMDP
    gamma: float
    actions: Int
    optimal: Bool
    advantages: Float
    values: Float
    gap: Float


def solve_teacher(mdp: FiniteMDP, *, gamma: float) -> Teacher:
    """Solve an MDP.

    Args:
        mdp: The MDP.
        gamma: Discount in [0, 1).

    Raises:
        ValueError: If ``gamma`` is outside its range.
    """
    unit = float(np.abs(mdp.reward).max()) or 1.0
    plan = value_iteration(mdp, gamma=gamma, reward=mdp.reward / unit)
    advantages = np.minimum(plan.q - plan.values[:, None], 0.0)
    optimal = advantages >= -TIE * max(1.0, float(np.abs(plan.values).max()))
    return Teacher(
        mdp=mdp,
        gamma=gamma,
        actions=optimal.argmax(axis=1),
        optimal=optimal,
        advantages=unit * advantages,
        values=unit * plan.values,
        gap=unit * np.where(optimal, np.inf, -advantages).min(axis=1),
    )


def gaps(teacher: Teacher, rewards: Float, horizon: int | None) -> Float:
    """Return by how much pi*'s action beats each other within some steps, (S, A, K).

    The entries are ``Q(s, pi*(s)) - Q(s, a)``, where Q is the discounted sum of the rewards of the
    steps 0 .. ``horizon`` if pi* acts from step 1 on.

    Args:
        teacher: The solved MDP.
        rewards: (S, A, K), K rewards.
        horizon: Last step that counts, >= 0; None for all.
    """
    mdp, states = teacher.mdp, np.arange(teacher.mdp.num_states)
    follow = teacher.gamma * mdp.transition[states, teacher.actions]
    paid = rewards[states, teacher.actions]
    values: Float = np.zeros_like(paid)
    if horizon is None:
        values = np.asarray(np.linalg.solve(np.eye(len(states)) - follow, paid), np.float64)
    for _ in range(horizon or 0):
        values = paid + follow @ values
    q = rewards + teacher.gamma * mdp.transition @ values
    ahead: Float = q[states, teacher.actions][:, None] - q
    return ahead


def gap_rows(teacher: Teacher, horizon: int | None) -> Float:
    """Return the coefficients of the gaps as functions of the reward, (S, A, S, A).

    Entry ``[s, a]``, summed against a reward, is its :func:`gaps` there. The gaps are linear in the
    reward, so the coefficients are the gaps of rewards that pay 1 in one place.

    Args:
        teacher: The solved MDP.
        horizon: Last step that counts, >= 0; None for all.

    Raises:
        ValueError: If they would take more than ``MAX_BYTES``.
    """
    mdp, (states, actions) = teacher.mdp, teacher.mdp.reward.shape
    if 8 * mdp.reward.size**2 > MAX_BYTES:
        raise ValueError(
            f"{states:,} states and {actions} actions are too many for a linear program; use a "
            "smaller env"
        )
    units = np.eye(mdp.reward.size).reshape(states, actions, -1)
    return gaps(teacher, units, horizon).reshape(*mdp.reward.shape, *mdp.reward.shape)


class InvariantRewards:
    """All rewards of a structure that keep the optimal policies, as a polytope.

    Under each of them every optimal policy of the true reward is optimal, every other action loses
    at least the gap it loses under the true reward, and so every optimal policy is one of the true
    reward. Between actions that tie, rewards must tie too: that is what repeating the constraints
    for every optimal policy amounts to.

    Attributes:
        teacher: The solved MDP.
        groups: (S, A), as given.
        r_max: Largest absolute reward.
    """

    def __init__(self, teacher: Teacher, *, groups: Int, r_max: float) -> None:
        """Set up the constraints.

        Args:
            teacher: The solved MDP.
            groups: (S, A) integers: pairs of one group get the same reward; -1 for none (0).
            r_max: Largest absolute reward, finite and > 0.

        Raises:
            ValueError: If an argument is outside its range.
        """
        if groups.shape != teacher.mdp.reward.shape or groups.min() < -1 or groups.max() < 0:
            raise ValueError(
                f"groups must be {teacher.mdp.reward.shape} integers >= -1, some of them >= 0, got "
                f"shape {groups.shape} in [{groups.min()}, {groups.max()}]"
            )
        if not 0 < r_max < np.inf:
            raise ValueError(f"r_max must be finite and > 0, got {r_max}")
        self.teacher, self.groups, self.r_max = teacher, groups, r_max
        self._member = (np.arange(self.num_groups) == groups[..., None]).astype(np.float64)
        rows = gap_rows(teacher, None)
        ties = teacher.optimal.copy()
        ties[np.arange(len(ties)), teacher.actions] = False
        self._worse = self.by_group(rows[~teacher.optimal])
        self._least = np.broadcast_to(teacher.gap[:, None], ties.shape)[~teacher.optimal]
        self._unit = float(self._least.min()) if self._least.size else r_max
        self._tied = _independent(self.by_group(rows[ties]))

    @property
    def num_groups(self) -> int:
        """K."""
        return int(self.groups.max()) + 1

    def by_group(self, rows: Float) -> Float:
        """Return linear functions of the reward, (M, S, A), as ones of group rewards, (M, K)."""
        return np.asarray(np.tensordot(rows, self._member, 2), np.float64)

    def table(self, weights: Float) -> Float:
        """Return the reward, (S, A), of group rewards (K,)."""
        paid: Float = np.where(self.groups >= 0, weights[self.groups], 0.0)
        return paid

    def maximise(self, gain: Float) -> Float:
        """Return a reward, (S, A), with the largest sum of ``gain * reward``.

        Args:
            gain: (S, A), of any scale; zeros ask for any reward that keeps the optimal policies.

        Raises:
            ValueError: If no reward of the structure keeps the optimal policies.
        """
        slope = self.by_group(gain[None])[0]
        scale = np.abs(slope).max() or 1.0  # the solver's tolerances are absolute
        return self.table(self.solve(-slope / scale))

    def solve(self, cost: Float, more: tuple[Any, Float] | None = None) -> Float:
        """Return the cheapest variables: (K,) group rewards, then further ones >= 0.

        All are in units of reward, as are the bounds of ``more``.

        Args:
            cost: (K + M,) costs.
            more: Further constraints (matrix (C, K + M), lower bounds (C,)).

        Raises:
            MissingExtraError: If SciPy is not installed.
            OperantError: If the solver gives up.
            ValueError: If the constraints contradict each other.
        """
        sparse, unit = scipy_module("sparse"), self._unit
        extra = len(cost) - self.num_groups
        lower = sparse.hstack([self._worse, sparse.csr_array((len(self._worse), extra))])
        least = self._least / (1 + SLACK)
        if more is not None:
            lower, least = sparse.vstack([lower, more[0]]), np.concatenate([least, more[1]])
        tied = sparse.hstack([self._tied, sparse.csr_array((len(self._tied), extra))])
        # The solver may miss each bound by 1e-7: so the smallest gap is made 1.
        top = self.r_max / unit
        found = scipy_module("optimize").linprog(
            cost,
            A_ub=-sparse.csr_array(lower),
            b_ub=-least / unit,
            A_eq=sparse.csr_array(tied),
            b_eq=np.zeros(len(self._tied)),
            bounds=[(-top, top)] * self.num_groups + [(0, None)] * extra,
            method="highs",
        )
        if found.status == INFEASIBLE:
            raise ValueError(
                f"no reward of this structure with r_max={self.r_max:g} keeps the optimal policy; "
                "raise r_max, or let more states or groups be rewarded"
            )
        if found.status != 0:
            raise OperantError(f"the linear program was not solved: {found.message}")
        return unit * np.asarray(found.x, np.float64)


def _independent(rows: Float) -> Float:
    """Return an orthonormal basis of the space that (M, K) rows span: the solver needs a clean one.

    Symmetric states make rows that are equal, or zero, but for rounding.
    """
    _, sizes, basis = np.linalg.svd(rows, full_matrices=False)
    kept: Float = basis[sizes > 1e-10 * max(1.0, sizes.max(initial=0.0))]
    return kept
