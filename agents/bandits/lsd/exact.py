"""The exact planner: best totals of a number of rounds, and the best mean payoff in the long run.

Both look at all arms together, as the deterministic graph of :mod:`operant.lsd.product`. In the
long run the best schedule is the cycle of that graph with the largest mean reward.

Source: Dynamic Programming and Markov Processes (Howard, 1960); Numerical Computation of Spectral
Elements in Max-Plus Algebra (Cochet-Terrasson, Cohen, Gaubert, McGettrick, Quadrat, 1998) for his
algorithm on graphs.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from operant.errors import OperantError
from operant.lsd import MAX_STATES, LSDInstance, ProductGraph, best_total, reachable_graph
from operant.types import Float, Int

_SLACK = 1e-11
_MOST_PASSES = 10_000


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class TimedPlan:
    """The best that T rounds allow.

    Attributes:
        total: Mean total from the levels that it was made for.
        graph: The states.
        choices: (T, N) best actions in each state after t rounds.
    """

    total: float
    graph: ProductGraph
    choices: Int

    def act(self, levels: Int, now: int) -> Int:
        """Choose one action per row; see :class:`LSDPolicy`.

        Raises:
            ValueError: If the rounds are over, or the levels cannot be reached.
        """
        if not 0 <= now < len(self.choices):
            raise ValueError(f"the plan is for rounds 0 to {len(self.choices) - 1}, got {now}")
        chosen: Int = self.choices[now, _states(self.graph, levels)].astype(np.int64)
        return chosen


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class GainPlan:
    """The best that can be earned for ever.

    Attributes:
        gain: Largest mean payoff per round, from rested arms.
        bias: (N,) what a state is worth beyond that: the reward of a best action equals
            ``gain + bias - bias of the successor``, that of no action exceeds it.
        graph: The states.
        choices: (N,) best actions.
        schedule: Actions of the cycle that it ends in, one period of it.
    """

    gain: float
    bias: Float
    graph: ProductGraph
    choices: Int
    schedule: tuple[int, ...]

    def act(self, levels: Int, now: int) -> Int:  # noqa: ARG002 (the signature of policies)
        """Choose one action per row; see :class:`LSDPolicy`.

        Raises:
            ValueError: If the levels cannot be reached from where it may be begun.
        """
        chosen: Int = self.choices[_states(self.graph, levels)]
        return chosen


def plan_rounds(
    instance: LSDInstance, rounds: int, *, levels: Int | None = None, limit: int = MAX_STATES
) -> TimedPlan:
    """Find the best schedule of so many rounds.

    Args:
        instance: The bandit, with any payoffs.
        rounds: T >= 1.
        levels: (K,) levels at the start; None for rested arms.
        limit: Most states; a plan takes ``rounds`` bytes per state.

    Raises:
        TooManyStatesError: If more states can be reached.
        ValueError: If ``rounds`` is below 1.

    >>> from operant.lsd import LSDRules
    >>> rules = LSDRules(K=1, D=2, S=1)
    >>> plan_rounds(LSDInstance(rules=rules, payoffs=np.array([[0.0, 0.3, 1.0]])), 4).total
    2.0
    """
    if rounds < 1:
        raise ValueError(f"rounds must be >= 1, got {rounds}")
    start = instance.rules.start() if levels is None else np.asarray(levels)[None]
    graph = reachable_graph(instance.rules, start, limit=limit)
    totals, choices = best_total(graph, instance.rewards(graph.levels), rounds, policy=True)
    assert choices is not None
    return TimedPlan(total=float(totals[graph.find(start)[0]]), graph=graph, choices=choices)


def plan_gain(
    instance: LSDInstance, *, levels: Int | None = None, limit: int = MAX_STATES
) -> GainPlan:
    """Find the best schedule in the long run, from rested arms.

    Args:
        instance: The bandit, with any payoffs.
        levels: (B, K) further levels from which the plan may be begun.
        limit: Most states.

    Raises:
        TooManyStatesError: If more states can be reached.
    """
    rested = instance.rules.start()
    start = rested if levels is None else np.concatenate([rested, levels])
    graph = reachable_graph(instance.rules, start, limit=limit)
    gains, bias, choices = best_cycle(graph.after, instance.rewards(graph.levels))
    state = int(graph.find(rested)[0])
    seen: dict[int, int] = {}
    walk = list[int]()
    at = state
    while at not in seen:
        seen[at] = len(walk)
        walk.append(int(choices[at]))
        at = int(graph.after[at, choices[at]])
    return GainPlan(
        gain=float(gains[state]),
        bias=bias,
        graph=graph,
        choices=choices,
        schedule=tuple(walk[seen[at] :]),
    )


def best_cycle(after: Int, rewards: Float) -> tuple[Float, Float, Int]:
    """Find the cycles of largest mean reward that the states of a graph can reach.

    Policies are improved until none of their actions could be better. That is then checked once
    more: no action leads to states of a larger gain, and none pays more than gain and bias say, so
    no cycle anywhere has a larger mean.

    Args:
        after: (N, A) successors.
        rewards: (N, A) rewards.

    Returns:
        (N,) gain per step, (N,) bias and (N,) action of each state.

    Raises:
        OperantError: If rounding errors keep the check from passing.

    >>> best_cycle(np.array([[0, 1], [0, 1]]), np.array([[0.0, 2.0], [1.0, 0.0]]))[0].tolist()
    [1.5, 1.5]
    """
    states = np.arange(len(after))
    slack = _SLACK * max(1.0, float(np.abs(rewards).max(initial=0.0)))
    policy = rewards.argmax(axis=1)
    for _ in range(_MOST_PASSES):
        gains, bias = _worth(after[states, policy], rewards[states, policy])
        ahead = gains[after]
        richer = ahead.max(axis=1) > gains + slack
        if richer.any():
            policy = np.where(richer, ahead.argmax(axis=1), policy)
            continue
        worth = rewards - gains[:, None] + bias[after]
        worth[ahead < gains[:, None] - slack] = -np.inf
        better = worth.max(axis=1) > bias + slack * len(after)
        if not better.any():
            break
        policy = np.where(better, worth.argmax(axis=1), policy)
    wrong = float((worth.max(axis=1) - bias).max())
    if richer.any() or wrong > 1e-7:
        raise OperantError(
            f"the best cycle was not found to the last digits: an action seems better by {wrong:g}"
        )
    return gains, bias, policy


def _worth(following: Int, reward: Float) -> tuple[Float, Float]:
    """Return gain and bias of a policy, both (N,), from each state's successor and reward.

    Jumps of 1, 2, 4, .. steps make it a matter of log2(N) passes.
    """
    states = np.arange(len(following))
    jumps = max(1, len(states).bit_length())
    least, ahead = states, following
    for _ in range(jumps):  # least: the smallest state among those that lie so many steps ahead
        least, ahead = np.minimum(least, least[ahead]), ahead[ahead]
    root = least[ahead]
    cyclic = np.unique(ahead)
    total = np.bincount(root[cyclic], reward[cyclic], len(states))
    count = np.bincount(root[cyclic], minlength=len(states))
    gains = (total / np.maximum(count, 1))[root]
    ends = states == root
    bias = np.where(ends, 0.0, reward - gains)
    ahead = np.where(ends, states, following)
    for _ in range(jumps):
        bias, ahead = bias + bias[ahead], ahead[ahead]
    return gains, bias


def _states(graph: ProductGraph, levels: Int) -> Int:
    states = graph.find(levels)
    if (states < 0).any():
        raise ValueError(
            "the plan knows the states that can be reached from where it was made for; "
            f"levels {levels[np.flatnonzero(states < 0)[0]].tolist()} are not among them"
        )
    return states
