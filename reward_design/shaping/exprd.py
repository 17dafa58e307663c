"""ExpRD: few rewarded states, chosen so that they tell a learner the most."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from operant.finite import FiniteMDP
from operant.reward_design.base import DesignSpec
from operant.reward_design.metrics.scipy_extra import scipy_module
from operant.reward_design.shaping.table_reward import ModelReward, StateOf
from operant.reward_design.shaping.teaching import (
    InvariantRewards,
    Teacher,
    gap_rows,
    gaps,
    solve_teacher,
)
from operant.types import Float, Int

HORIZONS = (1, 4, 8, 16, 32)
"""The published steps after which a learner should see that an action was wrong."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Explicable:
    """A sparse reward and how it came about.

    Attributes:
        reward: (S, A), 0 outside the chosen states.
        states: The states that may be rewarded: the ones to begin with, then in the order chosen.
        informativeness: Of the reward with the first states alone, then with one more each time;
            0 at best.
    """

    reward: Float
    states: tuple[int, ...]
    informativeness: tuple[float, ...]


class Informativeness:
    """How early and how clearly a reward tells optimal actions from others.

    With ``delta`` the gap of the true values and ``delta_h`` the gap that shows after h steps under
    a reward R (if the optimal policy goes on), it is the mean over horizons h and states s of
    ``-max(0, max_a delta(s) - delta_h(s, a))``, a running over the actions that are not optimal.
    The steps 0 .. h count. It is 0 for the optimal advantage function, which is the true reward
    shaped by ``V*``.

    Attributes:
        teacher: The solved MDP.
        horizons: Numbers h.

    Source: Explicable Reward Design for Reinforcement Learning Agents (Devidze, Radanovic,
    Kamalaruban, Singla, 2021), section 4.2.
    """

    def __init__(self, teacher: Teacher, *, horizons: Sequence[int] = HORIZONS) -> None:
        """Take the yardstick.

        Args:
            teacher: The solved MDP.
            horizons: Numbers h >= 0.

        Raises:
            ValueError: If there is none, or one is negative.
        """
        if not horizons or min(horizons) < 0:
            raise ValueError(f"horizons must hold numbers >= 0, got {tuple(horizons)}")
        self.teacher, self.horizons = teacher, tuple(horizons)

    def __call__(self, reward: Float) -> float:
        """Return the informativeness of a reward, (S, A); 0 at best."""
        shown = np.array([gaps(self.teacher, reward[..., None], h)[..., 0] for h in self.horizons])
        short = np.where(self.teacher.optimal, 0.0, self.teacher.gap[:, None] - shown)
        return 0.0 - float(short.max(axis=2).mean())  # 0, not -0

    @functools.cached_property
    def rows(self) -> Float:
        """(M, S, A): coefficients of the gaps, for each horizon and each action that is wrong."""
        wrong = ~self.teacher.optimal
        return np.concatenate([gap_rows(self.teacher, h)[wrong] for h in self.horizons])

    def maximise(self, rewards: InvariantRewards, *, l1: float = 0.0) -> Float:
        """Return the most informative reward of a structure, (S, A).

        Args:
            rewards: What may be chosen from.
            l1: Price of the sum of absolute rewards, >= 0.

        Raises:
            MissingExtraError: If SciPy is not installed.
            ValueError: If the structure holds no reward that keeps the optimal policy.
        """
        sparse, lengths = scipy_module("sparse"), len(self.horizons)
        state, _ = np.nonzero(~self.teacher.optimal)
        groups, pairs = rewards.num_groups, lengths * self.teacher.mdp.num_states
        # a shortfall for each pair of horizon and state, at least that of each of its wrong actions
        short = (self.teacher.mdp.num_states * np.arange(lengths)[:, None] + state).ravel()
        count = len(short)
        picks = (np.ones(count), (np.arange(count), short))
        rows = [[rewards.by_group(self.rows), sparse.csr_array(picks, shape=(count, pairs))]]
        cost = [np.zeros(groups), np.full(pairs, 1.0 / pairs)]
        least = [np.tile(self.teacher.gap[state], lengths)]
        if l1 > 0:  # further variables, at least as large as the group rewards and their negatives
            one, none = sparse.eye_array(groups), sparse.csr_array((groups, pairs))
            rows = [
                [*rows[0], sparse.csr_array((count, groups))],
                [one, none, one],
                [-one, none, one],
            ]
            sizes = np.bincount(rewards.groups[rewards.groups >= 0], minlength=groups)
            cost.append(l1 * sizes)
            least.append(np.zeros(2 * groups))
        found = rewards.solve(
            np.concatenate(cost), (sparse.block_array(rows), np.concatenate(least))
        )
        return rewards.table(found[:groups])


def design_explicable(
    mdp: FiniteMDP,
    *,
    gamma: float,
    budget: int | None = None,
    r_max: float | None = None,
    horizons: Sequence[int] = HORIZONS,
    l1: float = 0.0,
    state_only: bool = False,
    active: Sequence[int] | None = None,
) -> Explicable:
    """Choose states to reward one by one, each the one that makes the best reward better most.

    Every reward considered keeps the optimal policies with their gaps; see
    :class:`~operant.reward_design.shaping.teaching.InvariantRewards`. One linear program is solved
    per candidate, so it takes about ``budget * S`` of them.

    Args:
        mdp: The MDP with its true reward.
        gamma: Discount in [0, 1).
        budget: Number of states that may be rewarded, the first ones included, in [1, S]; None for
            three more than those.
        r_max: Largest absolute reward, > 0; None for that of the true reward.
        horizons: Numbers of steps; see :class:`Informativeness`.
        l1: Price of the sum of absolute rewards in units of informativeness, >= 0.
        state_only: True to pay all actions of a state alike.
        active: States to begin with; None for those where the true reward pays.

    Raises:
        MissingExtraError: If SciPy is not installed.
        ValueError: If an argument is outside its range, or no reward on the first states keeps the
            optimal policy.

    Source: Explicable Reward Design for Reinforcement Learning Agents (Devidze, Radanovic,
    Kamalaruban, Singla, 2021), section 4.3. Deviation: the price of absolute rewards is 0 unless
    asked for, because the budget already keeps the reward sparse.
    """
    if not l1 >= 0:
        raise ValueError(f"l1 must be >= 0, got {l1}")
    chosen, budget = _checked_states(mdp, active, budget)
    r_max = float(np.abs(mdp.reward).max()) if r_max is None else r_max
    teacher = solve_teacher(mdp, gamma=gamma)
    measure = Informativeness(teacher, horizons=horizons)

    def best(states: Sequence[int]) -> tuple[float, Float]:
        groups = active_set(mdp, states, state_only=state_only)
        rewards = InvariantRewards(teacher, groups=groups, r_max=r_max)
        reward = measure.maximise(rewards, l1=l1)
        return measure(reward), reward

    value, reward = best(chosen)
    curve = [value]
    while len(chosen) < budget:
        others = [state for state in range(mdp.num_states) if state not in chosen]
        tried = [best([*chosen, state]) for state in others]
        pick = int(np.argmax([value - l1 * np.abs(table).sum() for value, table in tried]))
        chosen.append(others[pick])
        value, reward = tried[pick]
        curve.append(value)
    return Explicable(reward=reward, states=tuple(chosen), informativeness=tuple(curve))


def _checked_states(
    mdp: FiniteMDP, active: Sequence[int] | None, budget: int | None
) -> tuple[list[int], int]:
    """Return the states that may be rewarded from the beginning, and how many may be in the end."""
    paying = np.flatnonzero(mdp.reward.any(axis=1)).tolist()
    chosen = paying if active is None else [*dict.fromkeys(active)]
    if not chosen or not set(chosen) <= set(range(mdp.num_states)):
        raise ValueError(
            f"active must name states in [0, {mdp.num_states - 1}], or the true reward must pay "
            f"somewhere, got {chosen}"
        )
    budget = min(len(chosen) + 3, mdp.num_states) if budget is None else budget
    if not len(chosen) <= budget <= mdp.num_states:
        raise ValueError(
            f"budget must lie in [{len(chosen)}, {mdp.num_states}] (states to begin with to all "
            f"states), got {budget}"
        )
    return chosen, budget


def active_set(mdp: FiniteMDP, states: Sequence[int], *, state_only: bool = False) -> Int:
    """Return the groups, (S, A), that let the given states alone be rewarded.

    Args:
        mdp: The MDP.
        states: Which.
        state_only: True to pay all actions of a state alike.
    """
    groups = np.full(mdp.reward.shape, -1)
    count = len(states)
    groups[states] = (
        np.arange(count)[:, None]
        if state_only
        else np.arange(count * mdp.num_actions).reshape(count, -1)
    )
    return groups


_remembered = functools.lru_cache(maxsize=4)(design_explicable)
"""A design is set up anew for every env it is used on, and the programs take seconds."""


class ExpRD(ModelReward):
    """Pays the explicable reward of an MDP instead of its true one. Terms: ``table``.

    Every policy that is optimal for it is optimal for the true reward.

    Attributes:
        explicable: The reward and how it came about; known after :meth:`setup`, or at once for an
            ``mdp`` and a ``gamma``.

    Source: Explicable Reward Design for Reinforcement Learning Agents (Devidze, Radanovic,
    Kamalaruban, Singla, 2021), algorithm 1.
    """

    spec = DesignSpec(invariance="optimal", gamma_bound=True, needs=("model",))

    def __init__(
        self,
        *,
        mdp: FiniteMDP | None = None,
        budget: int | None = None,
        gamma: float | None = None,
        state: StateOf | None = None,
        r_max: float | None = None,
        horizons: Sequence[int] = HORIZONS,
        l1: float = 0.0,
        state_only: bool = False,
    ) -> None:
        """Say how to design; see :func:`design_explicable` for arguments and errors.

        Args:
            mdp: The MDP, or None for that of the env the design is used on, whose levels must be
                alike (RoomNav, Chain; Python only).
            budget: Number of states that may be rewarded.
            gamma: Discount of the agent in [0, 1), or None to follow it.
            state: Numbers the states of observations (Python only); None to find them among
                ``mdp.obs``, or if observations are these numbers.
            r_max: Largest absolute reward.
            horizons: Numbers of steps.
            l1: Price of the sum of absolute rewards.
            state_only: True to pay all actions of a state alike.
        """
        self._options: dict[str, Any] = {
            "budget": budget,
            "r_max": r_max,
            "horizons": tuple(horizons),
            "l1": l1,
            "state_only": state_only,
        }
        super().__init__(mdp=mdp, state=state, gamma=gamma)

    def solve(self, mdp: FiniteMDP, gamma: float) -> Float:
        """Return the explicable reward, (S, A)."""
        self.explicable: Explicable = _remembered(mdp, gamma=gamma, **self._options)
        return self.explicable.reward.copy()
