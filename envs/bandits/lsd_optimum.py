"""Instances of LSD bandits in this process, and what can be earned in them: computed once each."""

from __future__ import annotations

import functools

import numpy as np

from operant.envs.bandits.payoffs import draw_payoffs
from operant.lsd import (
    LSDInstance,
    LSDRules,
    ProductGraph,
    TooManyStatesError,
    best_total,
    reachable_graph,
    relaxed_total,
)
from operant.lsd.product import optimal_plan
from operant.types import Int

EXACT_STATES = 60_000
"""Instances with more reachable states are judged by an upper bound."""
EXACT_WORK = 40_000_000
"""The same for instances with more states times rounds: seconds of work, and bytes of a plan."""


@functools.lru_cache(maxsize=64)
def instance_of(
    rules: LSDRules,
    family: str,
    means: tuple[tuple[float, ...], ...] | None,
    seed: int,
    pos: int,
) -> LSDInstance:
    """Return the one object of an instance in this process, by which plans are found again.

    Args:
        rules: How the arms move.
        family: Family of payoffs; see :func:`draw_payoffs`.
        means: The means instead, (K, S + D); None to draw them.
        seed: Of the payoffs.
        pos: Delay of the tricks.

    Raises:
        ValueError: If the family is unknown, or the means have another shape or range.
    """
    if means is None:
        return LSDInstance(rules=rules, payoffs=draw_payoffs(family, rules, seed=seed, pos=pos))
    try:
        payoffs = np.array(means, np.float64)
    except ValueError as error:
        raise ValueError(f"means must have rows of equal length: {error}") from None
    instance = LSDInstance(rules=rules, payoffs=payoffs)
    if payoffs.min() < 0 or payoffs.max() > 1:
        raise ValueError(f"means must lie in [0, 1], got {payoffs.min():g} to {payoffs.max():g}")
    return instance


@functools.lru_cache(maxsize=16)
def exact_graph(instance: LSDInstance, horizon: int) -> ProductGraph | None:
    """Return the states that are met from rested arms and from arms at 1; None for too many.

    Args:
        instance: The bandit.
        horizon: Rounds of an episode.
    """
    rules = instance.rules
    start = np.concatenate([rules.start(), rules.start(tau=1)])
    try:
        graph = reachable_graph(rules, start, limit=EXACT_STATES)
    except TooManyStatesError:
        return None
    return graph if graph.num_states * horizon <= EXACT_WORK else None


@functools.lru_cache(maxsize=256)
def best_plan(
    instance: LSDInstance,
    levels: tuple[int, ...],
    rounds: int,
    *,
    horizon: int,
    actions: bool = False,
) -> tuple[int, float, tuple[int, ...]]:
    """Return the number of states looked at, the best mean total, and how to earn it if asked.

    Of 0 states, the total is an upper bound.

    Args:
        instance: The bandit.
        levels: K levels at the start.
        rounds: Rounds left, >= 0.
        horizon: Rounds of an episode, which decide whether the answer is exact.
        actions: Whether actions are asked for.
    """
    start = np.array([levels])
    graph = _graph_from(instance, start, horizon)
    if graph is None:
        return 0, relaxed_total(instance, start[0], rounds) if rounds else 0.0, ()
    if actions:
        total, plan = optimal_plan(instance, graph, start[0], rounds)
        return graph.num_states, total, tuple(plan.tolist())
    totals, _ = best_total(graph, instance.rewards(graph.levels), rounds)
    return graph.num_states, float(totals[graph.find(start)[0]]), ()


def _graph_from(instance: LSDInstance, levels: Int, horizon: int) -> ProductGraph | None:
    """Return a graph that holds some levels, (1, K)."""
    graph = exact_graph(instance, horizon)
    if graph is None or graph.find(levels)[0] >= 0:
        return graph
    # What lies before the states that are met again and again is a few rounds deep.
    return reachable_graph(instance.rules, levels, limit=64 * EXACT_STATES)
