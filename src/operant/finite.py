"""Finite MDPs with chance: exact values, occupancies and optimal actions by linear algebra.

:class:`~operant.tabular.TabularMDP` is the deterministic kind that gridworlds enumerate;
:func:`with_probabilities` turns it into one of these.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.envs.registration import EnvSpec

from operant.errors import OperantError
from operant.planning import Plan, fixed_point, policy_iteration
from operant.tabular import TabularMDP
from operant.types import Float, Int, Obs

MAX_BYTES = 1 << 30
"""A transition tensor may take this much memory; more is refused."""
BATCH_ARGUMENTS = {
    *("num_envs", "vectorization_mode", "autoreset_mode", "max_episode_steps", "render_mode"),
    *("copy", "device", "features", "program", "swappable", "threads"),
}
"""Arguments of vector envs that decide nothing about the MDP; a scalar env may not know them."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FiniteMDP:
    """A finite MDP with S states and A actions.

    Attributes:
        transition: (S, A, S) probabilities of the successors. What a row lacks to 1 is the
            probability that the episode ends; the end is not a state.
        reward: (S, A) expected reward of an action in a state.
        start: (S,) probabilities of the first state.
        obs: (S, ...) what the agent sees in each state; None if that is the state's number.
    """

    transition: Float
    reward: Float
    start: Float
    obs: Obs | None = None

    def __post_init__(self) -> None:
        """Check shapes and probabilities.

        Raises:
            ValueError: If they do not fit together, or are no probabilities.
        """
        states, actions = self.reward.shape
        if self.transition.shape != (states, actions, states) or self.start.shape != (states,):
            raise ValueError(
                f"transition and start must have shapes {(states, actions, states)} and "
                f"{(states,)} for a reward of shape {(states, actions)}, got "
                f"{self.transition.shape} and {self.start.shape}"
            )
        if self.transition.min() < 0 or self.transition.sum(axis=2).max() > 1 + 1e-9:
            raise ValueError("transition must hold probabilities whose rows sum to 1 at most")
        if self.start.min() < 0 or abs(self.start.sum() - 1) > 1e-9:
            raise ValueError("start must hold probabilities that sum to 1")

    @property
    def num_states(self) -> int:
        """S."""
        return len(self.reward)

    @property
    def num_actions(self) -> int:
        """A."""
        return int(self.reward.shape[1])


def with_probabilities(mdp: TabularMDP) -> FiniteMDP:
    """Return a deterministic MDP as one with probabilities; it starts in state 0.

    Raises:
        ValueError: If its transitions would take more than ``MAX_BYTES``.
    """
    states, actions = mdp.next_state.shape
    if 8 * states * states * actions > MAX_BYTES:
        raise ValueError(
            f"{states:,} states and {actions} actions are too many for a table of probabilities; "
            "use a smaller env"
        )
    transition = np.zeros((states, actions, states))
    state, action = np.nonzero(mdp.next_state >= 0)
    transition[state, action, mdp.next_state[state, action]] = 1.0
    start = np.zeros(states)
    start[0] = 1.0
    return FiniteMDP(transition=transition, reward=mdp.reward, start=start, obs=mdp.obs)


class ModelOf:
    """Makes the MDP of an env when it is asked for, once.

    It is that of the level with seed 0, so it describes an env whose levels are all alike.
    """

    def __init__(self, spec: EnvSpec | None) -> None:
        """Remember the env.

        Args:
            spec: Gymnasium's spec of the env or vector env; None if it has none.
        """
        self._spec = spec
        self._made: FiniteMDP | None = None

    def __call__(self) -> FiniteMDP:
        """Return the MDP.

        Raises:
            OperantError: If the env was not made by ``gym.make``, or has no ``finite_mdp()``.
            ValueError: If the env has no exact model, or too many states.
        """
        if self._made is None:
            self._made = self._make()
        return self._made

    def _make(self) -> FiniteMDP:
        if self._spec is None:
            raise OperantError("the env has no spec to make its model from; register it, gym.make")
        told = {key: arg for key, arg in self._spec.kwargs.items() if key not in BATCH_ARGUMENTS}
        env = gym.make(self._spec.id, **told)
        try:
            if not hasattr(env.unwrapped, "finite_mdp"):
                raise OperantError(
                    f"{self._spec.id} cannot tell its model (no finite_mdp()); use a gridworld "
                    "with one level, such as RoomNav-v0 or Chain-n40-v0"
                )
            env.reset(seed=0)
            base: Any = env.unwrapped
            mdp: FiniteMDP = base.finite_mdp()
            return mdp
        finally:
            env.close()


def random_mdp(
    rng: np.random.Generator, *, states: int, actions: int, ends: float = 0.0
) -> FiniteMDP:
    """Draw an MDP whose every action may lead everywhere: for tests of what holds in all MDPs.

    Args:
        rng: Random generator.
        states: S >= 1.
        actions: A >= 1.
        ends: Probability that a step ends the episode, in [0, 1].
    """
    transition = (1.0 - ends) * rng.dirichlet(np.ones(states), size=(states, actions))
    reward = rng.normal(size=(states, actions))
    return FiniteMDP(transition=transition, reward=reward, start=rng.dirichlet(np.ones(states)))


def action_values(
    mdp: FiniteMDP, values: Float, *, gamma: float = 1.0, reward: Float | None = None
) -> Float:
    """Return (S, A): what an action is worth if what follows is worth ``values``, (S,)."""
    worth: Float = (mdp.reward if reward is None else reward) + gamma * (mdp.transition @ values)
    return worth


def value_iteration(
    mdp: FiniteMDP, *, gamma: float, reward: Float | None = None, tol: float = 1e-9
) -> Plan:
    """Solve an MDP without a time limit; the values carry rounding errors only.

    Sweeps until the values are within ``tol`` of the optimum; the greedy policy is then evaluated
    by linear solves and improved as long as it can be.

    Args:
        mdp: The MDP.
        gamma: Discount, in [0, 1).
        reward: (S, A) rewards to plan for instead of the MDP's own.
        tol: Largest error of the sweeps, and slack of ``optimal_actions``, in units of return, > 0.

    Raises:
        ValueError: If an argument is out of range.
    """

    def improve(values: Float) -> Float:
        best: Float = action_values(mdp, values, gamma=gamma, reward=reward).max(axis=1)
        return best

    def evaluate(policy: Int) -> tuple[Float, Float]:
        taken: Float = np.eye(mdp.num_actions)[policy]
        values = policy_evaluation(mdp, taken, gamma=gamma, reward=reward)
        return values, action_values(mdp, values, gamma=gamma, reward=reward)

    values = fixed_point(improve, np.zeros(mdp.num_states), gamma=gamma, tol=tol)
    return policy_iteration(
        action_values(mdp, values, gamma=gamma, reward=reward), evaluate, tol=tol
    )


def policy_evaluation(
    mdp: FiniteMDP, policy: Float, *, gamma: float, reward: Float | None = None
) -> Float:
    """Return the discounted return of a stochastic policy, (S, A), from each state, (S,).

    Raises:
        numpy.linalg.LinAlgError: If gamma is 1 and the policy never comes to an end.
    """
    paid = (policy * (mdp.reward if reward is None else reward)).sum(axis=1)
    matrix = np.eye(mdp.num_states) - gamma * under(mdp, policy)
    return np.asarray(np.linalg.solve(matrix, paid), np.float64)


def occupancy(mdp: FiniteMDP, policy: Float, *, gamma: float) -> Float:
    """Return ``(1 - gamma) sum_t gamma^t P(s_t = s)`` under a stochastic policy (S, A), (S,).

    It sums to 1 where episodes do not end, and to less where they do.
    """
    matrix = np.eye(mdp.num_states) - gamma * under(mdp, policy).T
    return np.asarray((1.0 - gamma) * np.linalg.solve(matrix, mdp.start), np.float64)


def under(mdp: FiniteMDP, policy: Float) -> Float:
    """Return (S, S): where a stochastic policy, (S, A), leads from each state."""
    step: Float = np.einsum("sa,sat->st", policy, mdp.transition)
    return step


def finite_horizon(mdp: FiniteMDP, horizon: int) -> Float:
    """Return the optimal expected undiscounted return of ``horizon`` steps, (S,)."""
    values = np.zeros(mdp.num_states)
    for _ in range(horizon):
        better: Float = action_values(mdp, values).max(axis=1)
        if np.array_equal(better, values):  # more steps change nothing any more
            break
        values = better
    return values
