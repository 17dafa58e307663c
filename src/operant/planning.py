"""Exact planning on explicit MDPs: optimal values, shortest solutions, best returns in time."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from operant.tabular import TabularMDP
from operant.types import Bool, Float, Int


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The solution of an MDP of S states and A actions.

    Attributes:
        values: (S,) optimal discounted return from each state.
        q: (S, A) return of an action followed by the optimal policy.
        policy: (S,) an optimal action per state, the lowest-numbered one.
        optimal_actions: (S, A) bool, every action whose ``q`` is within the tolerance of the best.
    """

    values: Float
    q: Float
    policy: Int
    optimal_actions: Bool

    @property
    def start_value(self) -> float:
        """Optimal discounted return from state 0."""
        return float(self.values[0])


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Walk:
    """T transitions from state 0.

    Attributes:
        states: (T,) states before each action.
        actions: (T,) actions.
        rewards: (T,) rewards.
        terminated: True if the MDP ended within the T steps.
        success: True if the last transition satisfies the success predicate.
    """

    states: Int
    actions: Int
    rewards: Float
    terminated: bool
    success: bool


def value_iteration(
    mdp: TabularMDP, *, gamma: float, reward: Float | None = None, tol: float = 1e-9
) -> Plan:
    """Solve an MDP.

    Sweeps until the values are within ``tol`` of the optimum; the greedy policy found is then
    evaluated exactly and improved as long as it can be, so the values carry rounding errors only.

    Args:
        mdp: The MDP.
        gamma: Discount, in [0, 1).
        reward: (S, A) rewards to plan for instead of the MDP's own, e.g. designed ones.
        tol: Largest error of the sweeps, and slack of ``optimal_actions``, in units of return, > 0.

    Raises:
        ValueError: If an argument is out of range or has the wrong shape.

    Source: Dynamic Programming (Bellman, 1957).

    >>> chain = TabularMDP(
    ...     next_state=np.array([[0, 1], [0, -1]]), reward=np.array([[0.0, 0.0], [0.0, 1.0]]),
    ...     success=np.array([[False, False], [False, True]]), obs=np.arange(2),
    ...     features={}, successor_features={})
    >>> value_iteration(chain, gamma=0.5).values
    array([0.5, 1. ])
    """
    reward = _checked(mdp, gamma, reward)

    def improve(values: Float) -> Float:
        best: Float = _backup(mdp, reward, gamma, values).max(axis=1)
        return best

    def evaluate(policy: Int) -> tuple[Float, Float]:
        values = policy_evaluation(mdp, policy, gamma=gamma, reward=reward)
        return values, _backup(mdp, reward, gamma, values)

    values = fixed_point(improve, np.zeros(mdp.num_states), gamma=gamma, tol=tol)
    return policy_iteration(_backup(mdp, reward, gamma, values), evaluate, tol=tol)


def policy_iteration(
    q: Float, evaluate: Callable[[Int], tuple[Float, Float]], *, tol: float
) -> Plan:
    """Improve a greedy policy until nothing but rounding could, and return what it is worth.

    Args:
        q: (S, A) action values, near the optimal ones.
        evaluate: From a policy, (S,), to its values, (S,), and its action values, (S, A).
        tol: Slack of :attr:`Plan.optimal_actions`, in units of return.

    Source: Dynamic Programming and Markov Processes (Howard, 1960).
    """
    policy, states = q.argmax(axis=1), np.arange(len(q))
    values, q = evaluate(policy)
    while (gains := q.max(axis=1) > q[states, policy]).any():
        policy = np.where(gains, q.argmax(axis=1), policy)
        better, better_q = evaluate(policy)
        if not better.sum() > values.sum():  # no state loses by it: what is left is rounding
            break
        values, q = better, better_q
    optimal = q >= q.max(axis=1, keepdims=True) - tol
    return Plan(values=values, q=q, policy=optimal.argmax(axis=1), optimal_actions=optimal)


def fixed_point(
    improve: Callable[[Float], Float], values: Float, *, gamma: float, tol: float
) -> Float:
    """Apply a contraction until the values are within ``tol`` of its fixed point.

    Args:
        improve: Brings any two value functions closer by the factor ``gamma`` (largest difference),
            as Bellman's optimality operator does.
        values: Where to start.
        gamma: In [0, 1).
        tol: Largest error, in units of return, > 0.

    Raises:
        ValueError: If an argument is out of range.

    Source: Markov Decision Processes (Puterman, 1994), theorem 6.3.1.
    """
    _check_discount(gamma)
    if not tol > 0:
        raise ValueError(f"tol must be > 0, got {tol}")
    while True:
        better = improve(values)
        change, values = np.abs(better - values).max(), better
        # Below a few units in the last place, large values cannot change in a meaningful way.
        if change * gamma <= max(tol * (1.0 - gamma), 4 * np.spacing(np.abs(values).max())):
            return values


def policy_evaluation(
    mdp: TabularMDP, policy: Int, *, gamma: float, reward: Float | None = None
) -> Float:
    """Return the discounted return of a deterministic policy from each state, (S,).

    Under a policy each state has one successor, so the sum over 2k steps is the sum over k steps
    plus the discounted sum over k steps from the state reached: doubling needs few passes and no
    linear solve.

    Args:
        mdp: The MDP.
        policy: (S,) actions.
        gamma: Discount, in [0, 1).
        reward: (S, A) rewards instead of the MDP's own.

    Raises:
        ValueError: If an argument is out of range or has the wrong shape.
    """
    reward = _checked(mdp, gamma, reward)
    if np.shape(policy) != (mdp.num_states,):
        raise ValueError(f"policy must have shape ({mdp.num_states},), got {np.shape(policy)}")
    rows = np.arange(mdp.num_states)
    # A further entry stands for the end; index -1 finds it, and it leads to itself.
    values = np.append(reward[rows, policy], 0.0)
    ahead = np.append(mdp.next_state[rows, policy], -1)
    discount = gamma
    while discount > 0.0 and (ahead >= 0).any():
        values = values + discount * values[ahead]
        ahead = ahead[ahead]
        discount *= discount
    result: Float = values[:-1]
    return result


def steps_to_success(mdp: TabularMDP) -> Int:
    """Return the fewest actions from each state to success, (S,) >= 1; -1 where there is no way.

    Breadth-first, backwards from the states in which an action succeeds.
    """
    # A further entry stands for the end; index -1 finds it.
    steps = np.append(np.where(mdp.success.any(axis=1), 1, -1), -1)
    rest, distance = np.flatnonzero(steps[:-1] < 0), 1
    while (near := (steps[mdp.next_state[rest]] == distance).any(axis=1)).any():
        distance += 1
        steps[rest[near]] = distance
        rest = rest[~near]
    return steps[:-1]


def shortest_solution(mdp: TabularMDP) -> tuple[int, ...] | None:
    """Return the fewest actions from state 0 to success, or None if it cannot be reached.

    Among equally short solutions it is the first in the order of the actions.
    """
    steps = steps_to_success(mdp)
    if steps[0] < 0:
        return None
    state, plan = 0, []
    for left in range(int(steps[0]), 1, -1):
        ahead = mdp.next_state[state]
        plan.append(int(np.argmax((ahead >= 0) & (steps[ahead] == left - 1))))
        state = int(ahead[plan[-1]])
    return (*plan, int(np.argmax(mdp.success[state])))


def best_return(mdp: TabularMDP, horizon: int, slip: float = 0.0) -> tuple[float, tuple[int, ...]]:
    """Return the optimal expected undiscounted return from state 0 and a plan that earns it.

    The plan may take its time where waiting costs nothing.

    Args:
        mdp: The world without slips.
        horizon: Steps left, >= 0.
        slip: Probability that a uniformly random action happens instead of the chosen one; with
            any, no fixed plan is optimal and the plan is empty.
    """
    values = np.zeros(mdp.num_states + 1)  # the last entry is the terminal pseudo-state -1
    choices = np.zeros((horizon, mdp.num_states), np.int8)
    for step in range(horizon - 1, -1, -1):
        worth = mdp.reward + values[mdp.next_state]
        choices[step] = worth.argmax(axis=1)
        values[:-1] = (1 - slip) * worth.max(axis=1) + slip * worth.mean(axis=1)
    plan: list[int] = []
    state = 0 if slip == 0 else -1
    while state >= 0 and len(plan) < horizon:
        plan.append(int(choices[len(plan), state]))
        state = int(mdp.next_state[state, plan[-1]])
    return float(values[0]), tuple(plan)


def follow(mdp: TabularMDP, policy: Int, *, max_steps: int, reward: Float | None = None) -> Walk:
    """Follow a deterministic policy from state 0 to the end of the MDP, or for ``max_steps``.

    Args:
        mdp: The MDP.
        policy: (S,) actions, e.g. :attr:`Plan.policy`.
        max_steps: Time limit in steps, >= 1.
        reward: (S, A) rewards instead of the MDP's own.

    Raises:
        ValueError: If ``max_steps`` is below 1.
    """
    if max_steps < 1:
        raise ValueError(f"max_steps must be >= 1, got {max_steps}")
    states = [0]
    while len(states) <= max_steps and states[-1] >= 0:
        states.append(int(mdp.next_state[states[-1], policy[states[-1]]]))
    visited = np.array(states[:-1])
    actions = policy[visited]
    return Walk(
        states=visited,
        actions=actions,
        rewards=(mdp.reward if reward is None else reward)[visited, actions],
        terminated=states[-1] < 0,
        success=bool(mdp.success[visited[-1], actions[-1]]),
    )


def _backup(mdp: TabularMDP, reward: Float, gamma: float, values: Float) -> Float:
    # Index -1, the successor of terminal transitions, finds the appended zero.
    q: Float = reward + gamma * np.append(values, 0.0)[mdp.next_state]
    return q


def _check_discount(gamma: float) -> None:
    if not 0.0 <= gamma < 1.0:
        raise ValueError(f"gamma must lie in [0, 1), got {gamma}")


def _checked(mdp: TabularMDP, gamma: float, reward: Float | None) -> Float:
    _check_discount(gamma)
    if reward is None:
        return mdp.reward
    if np.shape(reward) != mdp.reward.shape:
        raise ValueError(f"reward must have shape {mdp.reward.shape}, got {np.shape(reward)}")
    return reward
