"""The linear program: two solvers agree, and it bounds every schedule."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from operant.agents.bandits.lsd import plan_gain, solve_cycles
from operant.agents.bandits.lsd.lp import cycle_rewards, cycles_of
from operant.errors import MissingExtraError
from operant.lsd import LSDInstance, LSDRules, relaxed_total


def instance_of(seed: int, K: int = 3, D: int = 4, S: int = 3, **rules: object) -> LSDInstance:
    rules_ = LSDRules(K=K, D=D, S=S, **rules)
    return LSDInstance(rules=rules_, payoffs=np.random.default_rng(seed).random((K, rules_.size)))


def test_cycles_and_their_rewards() -> None:
    rules = LSDRules(K=1, D=2, S=2)
    cycles = cycles_of(rules)
    kinds = list(zip(cycles.idle.tolist(), cycles.plays.tolist(), strict=True))
    assert kinds == [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3), (0, 1)]
    payoffs = np.array([[0.01, 0.1, 1.0, 2.0]])  # tau = -2, -1, 1, 2
    paid = cycle_rewards(LSDInstance(rules=rules, payoffs=payoffs), cycles)
    np.testing.assert_allclose(paid, [[1.0, 1.1, 1.11, 2.0, 2.1, 2.11, 0.01]])
    positive = cycles_of(LSDRules(K=1, D=3, S=0))
    assert (positive.idle.tolist(), positive.plays.tolist()) == ([0, 1, 2], [1, 1, 1])


@pytest.mark.parametrize("S", [0, 1, 3])
def test_both_solvers_agree_and_obey_the_program(S: int) -> None:
    for seed in range(12):
        instance = instance_of(seed, K=1 + seed % 6, S=S)
        by_price = solve_cycles(instance, solver="price")
        by_highs = solve_cycles(instance)
        assert by_price.value == pytest.approx(by_highs.value, abs=1e-9)
        for program in (by_price, by_highs):
            assert program.rates.min() >= 0
            assert (program.rates @ program.cycles.length).max() <= 1 + 1e-9
            assert (program.rates @ program.cycles.plays).sum() <= 1 + 1e-9


@pytest.mark.parametrize("S", [0, 2])
def test_no_schedule_earns_more(S: int) -> None:
    for seed in range(10):
        instance = instance_of(seed, S=S)
        assert solve_cycles(instance).value >= plan_gain(instance).gain - 1e-9


def test_monotone_arms_that_recover_gradually_are_bounded_too() -> None:
    for seed in range(10):
        drawn = instance_of(seed, recovery="gradual")
        instance = LSDInstance(rules=drawn.rules, payoffs=np.sort(drawn.payoffs, axis=1))
        program = solve_cycles(instance)
        assert program.bound
        assert program.value >= plan_gain(instance).gain - 1e-9
    assert not solve_cycles(drawn).bound


def test_it_is_the_long_run_of_the_relaxation() -> None:
    instance = instance_of(5)
    rounds, start = 400, instance.rules.start()[0]
    twice, once = (relaxed_total(instance, start, n) for n in (2 * rounds, rounds))
    assert solve_cycles(instance).value == pytest.approx((twice - once) / rounds, abs=2e-3)


def test_arms_that_pay_nothing_are_left_alone() -> None:
    rules = LSDRules(K=3, D=2, S=1)
    instance = LSDInstance(rules=rules, payoffs=np.zeros((3, 3)))
    for solver in ("highs", "price"):
        assert solve_cycles(instance, solver=solver).value == 0.0
    one = LSDInstance(rules=rules, payoffs=np.array([[0.0] * 3, [0.5] * 3, [0.0] * 3]))
    assert solve_cycles(one, solver="price").value == pytest.approx(0.5)


def test_scipy_is_asked_for_by_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.sparse", None)
    with pytest.raises(MissingExtraError, match=r"operant\[theory\]"):
        solve_cycles(instance_of(0))
    assert solve_cycles(instance_of(0), solver="price").value > 0


def test_unknown_solvers_are_refused() -> None:
    with pytest.raises(ValueError, match="solver must be 'highs' or 'price', got 'simplex'"):
        solve_cycles(instance_of(0), solver="simplex")  # type: ignore[arg-type]
