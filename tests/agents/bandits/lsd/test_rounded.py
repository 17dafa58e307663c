"""The rounded planner: its guarantee as an inequality, why it holds, and when it is withdrawn."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from operant.agents.bandits.lsd import (
    GuaranteeWarning,
    carry_out,
    plan_rounded,
    solve_cycles,
)
from operant.agents.bandits.lsd.rounded import FLOOR, draw_schedules, mean_payoffs
from operant.lsd import LSDInstance, LSDRules


def monotone(K: int, D: int, S: int, seed: int, **rules: object) -> LSDInstance:
    payoffs = np.sort(np.random.default_rng(seed).random((K, S + D)), axis=1)
    return LSDInstance(rules=LSDRules(K=K, D=D, S=S, **rules), payoffs=payoffs)


def steps(K: int, D: int, S: int, seed: int) -> LSDInstance:
    """Return blocking arms: nothing below a delay."""
    rng, rules = np.random.default_rng(seed), LSDRules(K=K, D=D, S=S)
    most, delay = rng.uniform(0.1, 1, K), rng.integers(1, D + 1, K)
    return LSDInstance(rules=rules, payoffs=most[:, None] * (rules.taus >= delay[:, None]))


INSTANCES = [
    monotone(2, 3, 2, 0),
    monotone(3, 3, 2, 0),
    monotone(3, 4, 3, 1),
    monotone(4, 3, 2, 2),
    monotone(3, 5, 3, 3),
    monotone(4, 4, 3, 4),
    monotone(10, 8, 3, 5),
    monotone(5, 6, 0, 6),
    steps(4, 6, 1, 0),
    steps(8, 10, 2, 1),
    steps(6, 6, 0, 2),
]


@pytest.mark.parametrize("by", ["virtual", "real"])
@pytest.mark.parametrize("instance", INSTANCES, ids=range(len(INSTANCES)))
def test_draws_earn_their_share_of_the_bound(instance: LSDInstance, by: str) -> None:
    """The mean over draws, less three standard errors, is above (1 - 1/e) of the LP."""
    program = solve_cycles(instance, solver="price")
    schedule = draw_schedules(program, instance, 400, np.random.default_rng(1), by=by)
    earned = mean_payoffs(schedule, 150)
    error = earned.std(ddof=1) / np.sqrt(len(earned))
    assert earned.mean() - 3 * error >= FLOOR * program.value
    assert earned.max() <= program.value + 0.02


def test_the_share_is_what_independence_makes_it() -> None:
    """K arms that pay at every K-th round share a load of 1: 1 - (1 - 1/K)^K of it is granted."""
    K = 5
    rules = LSDRules(K=K, D=K - 1, S=1)
    instance = LSDInstance(rules=rules, payoffs=np.ones((K, 1)) * (rules.taus >= K - 1))
    program = solve_cycles(instance, solver="price")
    assert program.value == pytest.approx(1.0)
    schedule = draw_schedules(program, instance, 2000, np.random.default_rng(0))
    earned = mean_payoffs(schedule, K)
    expected = 1 - (1 - 1 / K) ** K
    error = earned.std(ddof=1) / np.sqrt(len(earned))
    assert earned.mean() == pytest.approx(expected, abs=4 * error)
    assert expected > FLOOR


@pytest.mark.parametrize("instance", INSTANCES, ids=range(len(INSTANCES)))
def test_real_counters_are_never_below_virtual_ones(instance: LSDInstance) -> None:
    program = solve_cycles(instance, solver="price")
    schedule = draw_schedules(program, instance, 40, np.random.default_rng(2))
    levels, asked_at_all = instance.rules.start(40), False
    for now in range(80):
        asked = schedule.requests(now)
        asked_at_all |= bool((asked >= 0).any())
        assert (levels >= asked).all()
        levels = instance.rules.advance(levels, schedule.act(levels, now))
    assert asked_at_all


def test_gradual_recovery_breaks_the_domination() -> None:
    """So the guarantee is rightly withdrawn there."""
    rules = LSDRules(K=1, D=3, S=3, recovery="gradual")
    # Two plays per rest are best if a rest ends the run; here it takes back one play only.
    instance = LSDInstance(rules=rules, payoffs=np.array([[0.0, 0.0, 0.85, 0.9, 0.9, 0.9]]))
    program = solve_cycles(instance, solver="price")
    assert program.value == pytest.approx(1.75 / 3)
    schedule = draw_schedules(program, instance, 1, np.random.default_rng(0))
    run = carry_out(instance, schedule, 300)
    assert run.means[100:].mean() == 0.0  # the run never ends


def test_the_virtual_schedule_occupies_what_the_program_says() -> None:
    instance = monotone(4, 4, 3, 4)
    program = solve_cycles(instance, solver="price")
    schedule = draw_schedules(program, instance, 20_000, np.random.default_rng(3))
    played = (schedule.requests(17) >= 0).mean(axis=0)
    expected = program.rates @ program.cycles.plays
    np.testing.assert_allclose(played, expected, atol=4 * 0.5 / np.sqrt(20_000))
    worth = np.where(
        schedule.requests(5) >= 0, instance.payoffs[np.arange(4), schedule.requests(5)], 0.0
    )
    assert worth.sum(axis=1).mean() == pytest.approx(program.value, abs=0.02)


def test_a_plan_is_the_best_of_its_draws_and_can_be_carried_out() -> None:
    instance = monotone(4, 4, 3, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plan = plan_rounded(instance, draws=16, seed=5)
        single = plan_rounded(instance, draws=1, seed=5)
    assert plan.guarantee == pytest.approx(FLOOR * plan.program.value)
    assert plan.mean >= plan.guarantee
    assert plan.mean >= single.mean
    run = carry_out(instance, plan, 2000)
    assert run.means.mean() == pytest.approx(plan.mean, abs=0.01)
    many = carry_out(instance, plan, 50, levels=instance.rules.start(3))
    assert (many.actions == many.actions[:, :1]).all()


@pytest.mark.parametrize(
    ("instance", "why"),
    [
        (
            LSDInstance(rules=LSDRules(K=2, D=2, S=1), payoffs=[[0, 0.5, 0.4], [0, 0, 1]]),
            r"arm 0 pays less at tau = 2 than at tau = 1",
        ),
        (
            LSDInstance(rules=LSDRules(K=2, D=2, S=1), payoffs=[[0, 0, 1], [0.3, 0.2, 1]]),
            r"arm 1 pays less at tau = 1 than at tau = -1",
        ),
        (monotone(2, 3, 2, 0, recovery="gradual"), "recover gradually"),
        (monotone(2, 3, 2, 0, allow_none=False), "every round must be used"),
    ],
)
def test_the_guarantee_is_withdrawn(instance: LSDInstance, why: str) -> None:
    with pytest.warns(GuaranteeWarning, match=why):
        plan = plan_rounded(instance)
    assert plan.guarantee is None
    assert plan.why_not
    run = carry_out(instance, plan, 60)
    assert run.actions.max() < instance.rules.actions
    assert plan_rounded(instance, warn=False).mean == plan.mean


def test_bad_arguments_are_refused() -> None:
    instance = monotone(2, 3, 2, 0)
    with pytest.raises(ValueError, match="draws and rounds must be >= 1, got 0 and 1000"):
        plan_rounded(instance, draws=0)
    with pytest.raises(ValueError, match="by must be one of"):
        plan_rounded(instance, by="both")  # type: ignore[arg-type]
