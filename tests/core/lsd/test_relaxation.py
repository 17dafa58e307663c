"""The relaxation bounds what the best schedule earns, whatever the rules are."""

from __future__ import annotations

import numpy as np
import pytest

from operant.lsd import LSDInstance, LSDRules, best_total, reachable_graph, relaxed_total
from operant.lsd.relaxation import _square, _step


@pytest.mark.parametrize("recovery", ["reset", "gradual"])
@pytest.mark.parametrize("allow_none", [True, False])
@pytest.mark.parametrize("S", [0, 2])
def test_no_schedule_earns_more(recovery: str, allow_none: bool, S: int) -> None:
    rules = LSDRules(K=3, D=3, S=S, recovery=recovery, allow_none=allow_none)
    for seed in range(6):
        rng = np.random.default_rng(seed)
        payoffs = rng.uniform(-0.3, 1.0, (3, rules.size))  # not monotone, some below 0
        instance = LSDInstance(rules=rules, payoffs=payoffs)
        start = rng.integers(rules.size, size=(1, 3))
        graph = reachable_graph(rules, start)
        for rounds in (1, 7, 40):
            best, _ = best_total(graph, instance.rewards(graph.levels), rounds)
            most = float(best[graph.find(start)[0]])
            bound = relaxed_total(instance, start[0], rounds)
            assert bound >= most - 1e-9
            assert bound <= most + 0.4 * rounds + 1  # and says something


def test_one_arm_alone_needs_no_price() -> None:
    rules = LSDRules(K=1, D=4, S=3)
    for seed in range(5):
        payoffs = np.random.default_rng(seed).random((1, 7))
        instance = LSDInstance(rules=rules, payoffs=payoffs)
        graph = reachable_graph(rules)
        best, _ = best_total(graph, instance.rewards(graph.levels), 30)
        expected = best[graph.find(rules.start())[0]]
        assert relaxed_total(instance, rules.start()[0], 30) == pytest.approx(expected, abs=1e-8)


def test_it_is_no_worse_than_any_price() -> None:
    """The dual is convex: a fine grid of prices finds nothing below the answer."""
    rules = LSDRules(K=4, D=3, S=2)
    payoffs = np.random.default_rng(1).random((4, 5))
    found = relaxed_total(LSDInstance(rules=rules, payoffs=payoffs), rules.start()[0], 20)
    lowest = np.inf
    for price in np.linspace(0.0, 1.2, 400):
        values = np.zeros((4, 5))
        for _ in range(20):
            values = np.maximum(payoffs - price + values[:, rules.played], values[:, rules.idle])
        lowest = min(lowest, 20 * price + values[:, -1].sum())
    assert found <= lowest + 1e-9
    assert found == pytest.approx(lowest, abs=0.05)


@pytest.mark.parametrize(
    "rules",
    [
        LSDRules(K=3, D=3, S=2),
        LSDRules(K=2, D=2, S=3, recovery="gradual"),
        LSDRules(K=3, D=4, S=0),
        LSDRules(K=2, D=1, S=0),
    ],
)
def test_squaring_says_what_stepping_says(rules: LSDRules) -> None:
    net = np.random.default_rng(0).normal(size=(rules.K, rules.size))
    for rounds in (1, 2, 5, 37, 64):
        values, plays = _step(rules, net, rounds)
        squared, counted = _square(rules, net, rounds)
        np.testing.assert_allclose(squared, values, atol=1e-10)
        np.testing.assert_array_equal(counted, plays)


def test_bad_rounds_are_refused() -> None:
    rules = LSDRules(K=1, D=1, S=1)
    with pytest.raises(ValueError, match="rounds must be >= 1, got 0"):
        relaxed_total(LSDInstance(rules=rules, payoffs=[[0, 1]]), rules.start()[0], 0)
