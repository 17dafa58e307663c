"""The audit of designs that look at one transition: exact, by planning.

The design is asked for the reward of every transition of the MDP. Planning for these rewards gives
the set of its best actions in every state, and any policy that takes them is best for the design;
the worst of these policies for the truth is found by planning once more.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from operant.reward_design.audit.findings import Audit, Counterexample, Episode
from operant.reward_design.audit.plans import Comparison, compare_plans
from operant.tabular import TabularMDP
from operant.types import Bool, Float, Int


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
    made = compare_plans(mdp, designed, gamma)
    found = None
    if made.bad.any():
        path = _parting(mdp, made)
        hack, honest = (
            _episode(mdp, designed, path, plan.policy, gamma, max_steps)
            for plan in (made.worst, made.best)
        )
        state, on_the_way = walk(mdp, path)[-1], bool(made.bad[0])
        found = made.counterexample(state, path, on_the_way=on_the_way, hack=hack, honest=honest)
    return made.audit(name, _reason(made, found), found)


def _parting(mdp: TabularMDP, made: Comparison) -> tuple[int, ...]:
    """Return the way to where the policies part: the design's own, else to the nearest state."""
    if made.bad[0]:
        return _until(mdp, made.worst.policy, made.wrong)
    both = made.wrong & made.bad
    return path_to(mdp, both if both.any() else made.wrong)


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


def _reason(made: Comparison, found: Counterexample | None) -> str:
    states, changed, broken = len(made.lost), int(made.changed.sum()), int(made.broken.sum())
    if found is None and broken == 0:
        return f"the best actions of the design are the truly best ones in all {states} states"
    if found is None:
        return (
            f"in all {states} states the best actions of the design are truly best; in {broken} "
            "of them it leaves out others that are as good"
        )
    if found.on_the_way:
        return (
            f"a policy that is best for the design leaves the best way at step {len(found.path)} "
            f"and loses {found.loss:.4g} of the true value there, which knows no time limit; "
            f"in {changed} of {states} states what "
            "is best for it is not truly best"
        )
    return (
        f"from the start, what is best for the design is truly best; but not in {changed} of "
        f"{states} states, the nearest of them {len(found.path)} steps away"
    )
