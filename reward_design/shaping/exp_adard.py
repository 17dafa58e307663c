"""ExpAdaRD: an interpretable reward that is redesigned for the learner as it is now."""

from __future__ import annotations

import numpy as np

from operant.finite import FiniteMDP, occupancy
from operant.reward_design.base import DesignSpec
from operant.reward_design.shaping.table_reward import StateOf, TableReward
from operant.reward_design.shaping.teaching import InvariantRewards, Teacher, solve_teacher
from operant.types import Float, Int


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


class ExpAdaRD(TableReward):
    """Pays a reward that tells the present learner the most, instead of the true one.

    Among all rewards of a structure (``groups``) that keep the optimal policies, it takes the one
    with the largest ``I_1`` for the learner's policy: see :func:`adaptive_gain`. It starts for the
    uniform policy; whoever trains calls :meth:`redesign` every few episodes. Terms: ``table``.

    Attributes:
        teacher: The solved MDP.

    Source: Informativeness of Reward Functions in Reinforcement Learning (Devidze, Kamalaruban,
    Singla, 2024), algorithm 1.
    """

    spec = DesignSpec(
        invariance="optimal", gamma_bound=True, stationary=False, needs=("model", "policy")
    )

    def __init__(
        self,
        *,
        mdp: FiniteMDP,
        gamma: float,
        groups: Int | None = None,
        r_max: float | None = None,
        epsilon: float = 0.3,
        state: StateOf | None = None,
    ) -> None:
        """Solve the MDP and design for the uniform policy.

        Args:
            mdp: The MDP with its true reward.
            gamma: Discount of the agent, in [0, 1).
            groups: (S, A) integers: pairs of one group are paid alike; -1 for never paid. None to
                tell all pairs apart.
            r_max: Largest absolute reward, > 0; None for that of the true reward.
            epsilon: How often the teacher acts at random, in [0, 1].
            state: Numbers the states of observations; None if they are these numbers.

        Raises:
            ValueError: If an argument is outside its range, or no reward of the structure keeps
                the optimal policies.
        """
        if not 0 <= epsilon <= 1:
            raise ValueError(f"epsilon must lie in [0, 1], got {epsilon}")
        self.teacher, self._epsilon = solve_teacher(mdp, gamma=gamma), epsilon
        self._rewards = InvariantRewards(
            self.teacher,
            groups=np.arange(mdp.reward.size).reshape(mdp.reward.shape)
            if groups is None
            else groups,
            r_max=float(np.abs(mdp.reward).max()) if r_max is None else r_max,
        )
        uniform = np.full(mdp.reward.shape, 1 / mdp.num_actions)
        super().__init__(table=self._best_for(uniform), state=state, gamma=gamma)

    def redesign(self, policy: Float) -> None:
        """Fit the table to a learner; :meth:`setup` goes back to the uniform policy's.

        Args:
            policy: (S, A) probabilities of its actions now.

        Raises:
            ValueError: If they are no probabilities of that shape.
        """
        shape = self._table.shape
        if policy.shape != shape or policy.min() < 0 or abs(policy.sum(axis=1) - 1).max() > 1e-6:
            raise ValueError(f"policy must hold {shape} probabilities, got shape {policy.shape}")
        self._table = self._best_for(policy)

    def _best_for(self, policy: Float) -> Float:
        return self._rewards.maximise(adaptive_gain(self.teacher, policy, epsilon=self._epsilon))
