"""ExpAdaRD: an interpretable reward that is redesigned for the learner as it is now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.finite import FiniteMDP, occupancy
from operant.reward_design.base import DesignSpec
from operant.reward_design.shaping.table_reward import ModelReward, StateOf
from operant.reward_design.shaping.teaching import InvariantRewards, Teacher, solve_teacher
from operant.types import Float, Int, Rollout, take_rows


def adaptive_gain(teacher: Teacher, policy: Float, *, epsilon: float) -> Float:
    """Return the coefficients, (S, A), of the informativeness ``I_1`` of a reward for a learner.

    ``I_1(R)`` is how much faster the true return grows, to first order, if a softmax learner takes
    one policy-gradient step on R: the sum over states and actions of ``mu_T mu_L pi(a|s)^2 *
    [A_T(s, a) - mean of A_T] * [R(s, a) - mean of R]``, the means under the learner's policy pi.
    ``mu_T`` and ``mu_L`` are the discounted state distributions of teacher and learner, ``A_T`` the
    advantages of the optimal policy.

    Args:
        teacher: The solved MDP.
        policy: The learner's, (S, A) probabilities.
        epsilon: Probability with which the teacher of ``mu_T`` acts at random, in [0, 1]; above 0
            every state matters that a learner may come to.

    Source: Informativeness of Reward Functions in Reinforcement Learning (Devidze, Kamalaruban,
    Singla, 2024), equation 5 with h = 1.
    """
    centred = teacher.advantages - (policy * teacher.advantages).sum(axis=1, keepdims=True)
    own = policy**2 * centred
    gain = own - policy * own.sum(axis=1, keepdims=True)
    mdp, gamma = teacher.mdp, teacher.gamma
    greedy = np.eye(mdp.num_actions)[teacher.actions]
    visits = _distribution(mdp, (1 - epsilon) * greedy + epsilon / mdp.num_actions, gamma)
    weighted: Float = (visits * _distribution(mdp, policy, gamma))[:, None] * gain
    return weighted


def _distribution(mdp: FiniteMDP, policy: Float, gamma: float) -> Float:
    """Return the discounted distribution over states; having come to the end is not one."""
    visits = occupancy(mdp, policy, gamma=gamma)
    share: Float = visits / visits.sum()
    return share


class ExpAdaRD(ModelReward):
    """Pays a reward that tells the present learner the most, instead of the true one.

    Among all rewards of a structure (``groups``) that keep the optimal policies, it takes the one
    with the largest ``I_1`` for the learner's policy: see :func:`adaptive_gain`. It starts for the
    uniform policy. With each rollout it is redesigned for the frequencies of the actions taken, a
    state's last ones and one of each action added; whoever knows the policy itself calls
    :meth:`redesign` instead. Terms: ``table``.

    Attributes:
        teacher: The solved MDP; known after :meth:`setup`, or at once for an ``mdp`` and a
            ``gamma``.

    Source: Informativeness of Reward Functions in Reinforcement Learning (Devidze, Kamalaruban,
    Singla, 2024), algorithm 1.
    """

    spec = DesignSpec(
        invariance="optimal", gamma_bound=True, stationary=False, needs=("model", "policy")
    )

    def __init__(
        self,
        *,
        mdp: FiniteMDP | None = None,
        gamma: float | None = None,
        groups: Int | Sequence[Sequence[int]] | None = None,
        r_max: float | None = None,
        epsilon: float = 0.3,
        state: StateOf | None = None,
    ) -> None:
        """Say how to design.

        Args:
            mdp: The MDP with its true reward, or None for that of the env the design is used on,
                whose levels must be alike (RoomNav, Chain; Python only).
            gamma: Discount of the agent in [0, 1), or None to follow it.
            groups: (S, A) integers: pairs of one group are paid alike; -1 for never paid. None to
                tell all pairs apart.
            r_max: Largest absolute reward, > 0; None for that of the true reward.
            epsilon: How often the teacher acts at random, in [0, 1].
            state: Numbers the states of observations (Python only); None to find them among
                ``mdp.obs``, or if observations are these numbers.

        Raises:
            ValueError: If an argument is outside its range, or no reward of the structure keeps
                the optimal policies.
        """
        if not 0 <= epsilon <= 1:
            raise ValueError(f"epsilon must lie in [0, 1], got {epsilon}")
        self._groups, self._r_max, self._epsilon = groups, r_max, epsilon
        super().__init__(mdp=mdp, state=state, gamma=gamma)

    def solve(self, mdp: FiniteMDP, gamma: float) -> Float:
        """Return the best reward, (S, A), for the uniform policy."""
        shape = mdp.reward.shape
        apart = np.arange(mdp.reward.size).reshape(shape)
        self.teacher = solve_teacher(mdp, gamma=gamma)
        self._rewards = InvariantRewards(
            self.teacher,
            groups=apart if self._groups is None else np.asarray(self._groups),
            r_max=float(np.abs(mdp.reward).max()) if self._r_max is None else self._r_max,
        )
        self._policy = np.full(shape, 1 / mdp.num_actions)
        return self._best_for(self._policy)

    def redesign(self, policy: Float) -> float:
        """Fit the table to a learner; :meth:`setup` goes back to the uniform policy's.

        Args:
            policy: (S, A) probabilities of its actions now.

        Returns:
            ``I_1`` of the new table for this learner.

        Raises:
            ValueError: If they are no probabilities of that shape.
        """
        shape = self._table.shape
        if policy.shape != shape:
            raise ValueError(f"policy must hold {shape} probabilities, got shape {policy.shape}")
        sums = policy.sum(axis=1)
        if not (policy.min() >= 0 and abs(sums - 1).max() <= 1e-6):  # also if there is a NaN
            raise ValueError(
                f"policy must hold {shape} probabilities, got numbers from {policy.min():g} whose "
                f"rows sum to between {sums.min():g} and {sums.max():g}"
            )
        self._table, self._policy = self._best_for(policy), policy.copy()
        return float(
            (adaptive_gain(self.teacher, policy, epsilon=self._epsilon) * self._table).sum()
        )

    def update(self, r: Rollout) -> dict[str, float]:
        """Redesign for the actions that a rollout shows; states that it lacks keep their policy.

        Returns:
            ``"informativeness"``: ``I_1`` of the new table.
        """
        if not r.valid.any():
            return {}
        states = self.states_of(take_rows(r.obs, r.valid))
        taken = np.zeros_like(self._policy)
        np.add.at(taken, (states, r.action[r.valid] - self._first_action), 1.0)
        shown = (taken + 1.0) / (taken + 1.0).sum(axis=1, keepdims=True)
        seen = taken.any(axis=1, keepdims=True)
        return {"informativeness": self.redesign(np.where(seen, shown, self._policy))}

    def _best_for(self, policy: Float) -> Float:
        return self._rewards.maximise(adaptive_gain(self.teacher, policy, epsilon=self._epsilon))

    def state_dict(self) -> dict[str, npt.NDArray[Any]]:
        """Return the table in force and the policy it is for."""
        return {**super().state_dict(), "policy": self._policy.copy()}

    def load_state_dict(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`state_dict` returned; call after :meth:`setup`."""
        super().load_state_dict(state)
        self._policy = np.array(state["policy"], np.float64)
