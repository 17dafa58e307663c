"""All arms together: the same answers on reachable and on all states, and a stated limit."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from operant.lsd import (
    LSDInstance,
    LSDRules,
    TooManyStatesError,
    best_total,
    product_graph,
    reachable_graph,
)
from operant.lsd.product import optimal_plan

RULES = [
    LSDRules(K=2, D=3, S=2),
    LSDRules(K=2, D=2, S=3, recovery="gradual"),
    LSDRules(K=3, D=3, S=0),
    LSDRules(K=2, D=3, S=1, allow_none=False),
    LSDRules(K=1, D=1, S=1),
]


def instance_of(rules: LSDRules, seed: int = 0) -> LSDInstance:
    rng = np.random.default_rng(seed)
    return LSDInstance(rules=rules, payoffs=rng.random((rules.K, rules.size)))


@pytest.mark.parametrize("rules", RULES)
def test_successors_are_those_of_the_rules(rules: LSDRules) -> None:
    for graph in (product_graph(rules), reachable_graph(rules)):
        states = np.arange(graph.num_states)
        np.testing.assert_array_equal(graph.find(graph.levels), states)
        for action in range(rules.actions):
            after = rules.advance(graph.levels, np.full(graph.num_states, action))
            np.testing.assert_array_equal(graph.find(after), graph.after[:, action])
    assert product_graph(rules).num_states == rules.states


@pytest.mark.parametrize("rules", RULES)
def test_backward_induction_equals_trying_everything(rules: LSDRules) -> None:
    instance, rounds = instance_of(rules), 5
    best = -np.inf
    for actions in itertools.product(range(rules.actions), repeat=rounds):
        here, paid = rules.start(), 0.0
        for action in actions:
            paid += float(instance.means(here, np.array([action]))[0])
            here = rules.advance(here, np.array([action]))
        best = max(best, paid)
    for graph in (product_graph(rules), reachable_graph(rules)):
        totals, _ = best_total(graph, instance.rewards(graph.levels), rounds)
        assert totals[graph.find(rules.start())[0]] == pytest.approx(best, abs=1e-12)
        total, plan = optimal_plan(instance, graph, rules.start()[0], rounds)
        here, paid = rules.start(), 0.0
        for action in plan.tolist():
            paid += float(instance.means(here, np.array([action]))[0])
            here = rules.advance(here, np.array([action]))
        assert paid == pytest.approx(best, abs=1e-12)
        assert total == pytest.approx(best, abs=1e-12)


def test_few_states_can_be_reached() -> None:
    rules = LSDRules(K=8, D=4, S=3)
    assert rules.states == 5_764_801
    # Arms at 1, 2, 3 differ. Beside a run of 1 all of these can be taken; of 2: 2 and 3; of 3: 3.
    beside = {1: 1 + 3 * 7 + 3 * 7 * 6 + 7 * 6 * 5, 2: 1 + 2 * 7 + 7 * 6, 3: 1 + 7}
    none = 1 + 3 * 8 + 3 * 8 * 7 + 8 * 7 * 6
    assert reachable_graph(rules).num_states == 8 * sum(beside.values()) + none == 3_913
    assert reachable_graph(LSDRules(K=3, D=1, S=1)).num_states == 4  # rested, or one at -1


def test_unknown_levels_are_not_found() -> None:
    graph = reachable_graph(LSDRules(K=2, D=3, S=2))
    assert graph.find(np.array([[0, 0], [4, 4]])).tolist() == [-1, graph.num_states - 1]
    with pytest.raises(ValueError, match="does not hold the levels"):
        optimal_plan(instance_of(RULES[0]), graph, np.array([0, 0]), 3)


def test_too_many_states_are_refused_with_the_limit() -> None:
    with pytest.raises(TooManyStatesError, match="needs 5,764,801 states, the limit is 300,000"):
        product_graph(LSDRules(K=8, D=4, S=3))
    with pytest.raises(TooManyStatesError, match="the limit is 100; use fewer arms K"):
        reachable_graph(LSDRules(K=8, D=4, S=3), limit=100)
    with pytest.raises(TooManyStatesError, match="100 arms of 40 levels, more than states"):
        reachable_graph(LSDRules(K=100, D=20, S=20))
