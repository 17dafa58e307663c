"""The audit of designs that look at one transition: exact, by planning.

The design is asked for the reward of every transition of the MDP. Planning for these rewards gives
the set of its best actions in every state, and any policy that takes them is best for the design;
the worst of these policies for the truth is found by planning once more.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from operant.planning import Plan, fixed_point, policy_evaluation, value_iteration
from operant.reward_design.audit.findings import Audit, Counterexample, Episode
from operant.tabular import TabularMDP
from operant.types import Bool, Float, Int

SLACK, FLAGGED = 1e-11, 1e-6
"""Errors of a value relative to the largest possible one, and to the largest: actions closer than
the first are equally good, a policy that loses more than the second is not optimal. A policy of
equally good actions loses less than that."""


def compare_rewards(
    mdp: TabularMDP, designed: Float, *, name: str, gamma: float, max_steps: int
) -> Audit:
    """Audit (S, A) designed rewards.

    Args:
        mdp: The level.
        designed: Designed reward of every transition.
        name: What to call it.
        gamma: Discount of the agent, in [0, 1).
        max_steps: Longest episode to show, in env steps; planning knows no time limit.
    """
    true, shaped = (_plan(mdp, reward, gamma) for reward in (mdp.reward, designed))
    worst = _worst(mdp, shaped.optimal_actions, gamma)
    lost = true.values - policy_evaluation(mdp, worst, gamma=gamma)
    tolerance = FLAGGED * max(1.0, float(np.abs(true.values).max()))
    bad = lost > tolerance
    changed = (shaped.optimal_actions & ~true.optimal_actions).any(axis=1) & bad
    broken = (true.optimal_actions & ~shaped.optimal_actions).any(axis=1) & ~changed
    found = None
    if bad.any():
        found = _counterexample(mdp, designed, (true, worst), lost, tolerance, gamma, max_steps)
    return Audit(
        design=name,
        preserves_optimal_policy=found is None,
        method="exact",
        reason=_reason(mdp, found, int(changed.sum()), int(broken.sum())),
        gamma=gamma,
        states=mdp.num_states,
        states_changed=int(changed.sum()),
        ties_broken=int(broken.sum()),
        counterexample=found,
    )


def _plan(mdp: TabularMDP, reward: Float, gamma: float) -> Plan:
    scale = max(1.0, float(np.abs(reward).max(initial=0.0)) / (1.0 - gamma))
    return value_iteration(mdp, gamma=gamma, reward=reward, tol=SLACK * scale)


def _worst(mdp: TabularMDP, allowed: Bool, gamma: float) -> Int:
    """Return the policy, (S,), that takes allowed actions and earns least of the true reward."""

    def backup(values: Float) -> Float:
        q = mdp.reward + gamma * np.append(values, 0.0)[mdp.next_state]
        return np.where(allowed, q, np.inf)

    scale = max(1.0, float(np.abs(mdp.reward).max(initial=0.0)) / (1.0 - gamma))
    values = fixed_point(
        lambda v: backup(v).min(axis=1), np.zeros(mdp.num_states), gamma=gamma, tol=SLACK * scale
    )
    policy: Int = backup(values).argmin(axis=1)
    return policy


def _counterexample(
    mdp: TabularMDP,
    designed: Float,
    policies: tuple[Plan, Int],
    lost: Float,
    tolerance: float,
    gamma: float,
    max_steps: int,
) -> Counterexample:
    """Show where the policies part: on the way of the design's, else nearest to the start."""
    true, worst = policies
    on_the_way = bool(lost[0] > tolerance)
    wrong = ~true.optimal_actions[np.arange(mdp.num_states), worst] & (lost > tolerance)
    path = _until(mdp, worst, wrong) if on_the_way else path_to(mdp, wrong)
    state = walk(mdp, path)[-1]
    return Counterexample(
        path=path,
        on_the_way=on_the_way,
        design_action=int(worst[state]),
        true_actions=tuple(np.flatnonzero(true.optimal_actions[state]).tolist()),
        true_value=float(true.values[state]),
        reached_value=float(true.values[state] - lost[state]),
        hack=_episode(mdp, designed, path, worst, gamma, max_steps),
        honest=_episode(mdp, designed, path, true.policy, gamma, max_steps),
    )


def walk(mdp: TabularMDP, actions: Sequence[int]) -> list[int]:
    """Return the states that actions lead through from state 0, the first and the last included."""
    states = [0]
    for action in actions:
        states.append(int(mdp.next_state[states[-1], action]))
    return states


def path_to(mdp: TabularMDP, targets: Bool) -> tuple[int, ...]:
    """Return the fewest actions from state 0 to a state of a mask (S,), which must be reachable."""
    came_from: dict[int, tuple[int, int]] = {0: (-1, -1)}
    queue = [0]
    for state in queue:
        if targets[state]:
            break
        for action, after in enumerate(mdp.next_state[state].tolist()):
            if after >= 0 and after not in came_from:
                came_from[after] = (state, action)
                queue.append(after)
    path = []
    while state != 0:
        state, action = came_from[state]
        path.append(action)
    return tuple(reversed(path))


def _until(mdp: TabularMDP, policy: Int, targets: Bool) -> tuple[int, ...]:
    """Return what a policy does from state 0 until it comes into a state of a mask, (S,)."""
    state, path = 0, []
    while not targets[state]:
        path.append(int(policy[state]))
        state = int(mdp.next_state[state, path[-1]])
        if state < 0 or len(path) > mdp.num_states:  # what it loses, it loses by rounding errors
            return ()
    return tuple(path)


def _episode(
    mdp: TabularMDP,
    designed: Float,
    path: Sequence[int],
    policy: Int,
    gamma: float,
    max_steps: int,
) -> Episode:
    """Play a path from state 0 and then a policy, to the end or the time limit."""
    state, success = 0, False
    actions: list[int] = []
    rewards = []
    while state >= 0 and len(actions) < max_steps:
        action = path[len(actions)] if len(actions) < len(path) else int(policy[state])
        actions.append(int(action))
        rewards.append((mdp.reward[state, action], designed[state, action]))
        success = bool(mdp.success[state, action])
        state = int(mdp.next_state[state, action])
    true, shaped = gamma ** np.arange(len(rewards)) @ np.array(rewards)
    return Episode(
        actions=tuple(actions),
        success=success,
        true_return=float(true),
        designed_return=float(shaped),
    )


def _reason(mdp: TabularMDP, found: Counterexample | None, changed: int, broken: int) -> str:
    if found is None and broken == 0:
        return (
            f"the best actions of the design are the truly best ones in all {mdp.num_states} states"
        )
    if found is None:
        return (
            f"in all {mdp.num_states} states the best actions of the design are truly best; in "
            f"{broken} of them it leaves out others that are as good"
        )
    if found.on_the_way:
        return (
            f"a policy that is best for the design leaves the best way at step {len(found.path)} "
            f"and loses {found.loss:.4g} of the true return; in {changed} of {mdp.num_states} "
            "states what is best for it is not truly best"
        )
    return (
        f"from the start, what is best for the design is truly best; but not in {changed} of "
        f"{mdp.num_states} states, the nearest of them {len(found.path)} steps away"
    )
