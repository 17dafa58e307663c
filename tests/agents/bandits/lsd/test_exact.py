"""The exact planner: the spec's table, closed forms, other algorithms, and potential shaping."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from operant.agents.bandits.lsd import (
    GreedyPlan,
    best_cycle,
    carry_out,
    gain_of,
    plan_gain,
    plan_rounds,
    solve_cycles,
)
from operant.lsd import LSDInstance, LSDRules, TooManyStatesError, reachable_graph

TABLE = [
    # K, D, S, seed; states; best of 100 rounds, best gain, LP; greedy: over 2,000 rounds, for ever
    (2, 3, 2, 0, 25, 67.7171, 0.6733, 0.6733, 0.6579, 0.6577),
    (3, 3, 2, 0, 125, 82.0334, 0.8179, 0.8260, 0.8179, 0.8179),
    (3, 4, 3, 1, 343, 66.4569, 0.6577, 0.6843, 0.6359, 0.6355),
    (4, 3, 2, 2, 625, 79.5018, 0.7949, 0.7949, 0.7949, 0.7949),
    (3, 5, 3, 3, 512, 61.8732, 0.6116, 0.6116, 0.5408, 0.5403),
    (4, 4, 3, 4, 2401, 93.3434, 0.9316, 0.9346, 0.9316, 0.9316),
]


def sorted_uniform(K: int, D: int, S: int, seed: int, **rules: object) -> LSDInstance:
    payoffs = np.sort(np.random.default_rng(seed).random((K, S + D)), axis=1)
    return LSDInstance(rules=LSDRules(K=K, D=D, S=S, **rules), payoffs=payoffs)


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_the_table_of_the_spec(row: tuple) -> None:
    K, D, S, seed, states, best, gain, bound, greedy, greedy_for_ever = row
    instance = sorted_uniform(K, D, S, seed)
    assert instance.rules.states == states
    assert plan_rounds(instance, 100).total == pytest.approx(best, abs=1e-4)
    plan = plan_gain(instance)
    assert plan.gain == pytest.approx(gain, abs=1e-4)
    assert solve_cycles(instance).value == pytest.approx(bound, abs=1e-4)
    short = carry_out(instance, GreedyPlan(instance), 2000).means.mean()
    assert short == pytest.approx(greedy, abs=1e-4)
    assert gain_of(instance, GreedyPlan(instance)) == pytest.approx(greedy_for_ever, abs=1e-4)
    assert gain_of(instance, plan) == pytest.approx(plan.gain, abs=1e-12)


def test_plans_can_be_carried_out() -> None:
    instance = sorted_uniform(3, 4, 3, 1)
    timed = plan_rounds(instance, 100)
    assert carry_out(instance, timed, 100).means.sum() == pytest.approx(timed.total)
    start = instance.rules.levels([[2, -1, 4], [1, 1, 1]])
    for row in start:
        own = plan_rounds(instance, 20, levels=row)
        assert carry_out(instance, own, 20, levels=row[None]).means.sum() == pytest.approx(
            own.total
        )
    plan = plan_gain(instance)
    for turns in (1, 3):  # the schedule is one period: it repeats
        rounds = turns * len(plan.schedule)
        begin = carry_out(instance, plan, 200)
        later = carry_out(instance, plan, rounds, levels=begin.levels)
        assert later.means.mean() == pytest.approx(plan.gain)
        again = begin.actions[-len(plan.schedule) :, 0].tolist()
        assert sorted(again) == sorted(plan.schedule)


@pytest.mark.parametrize("seed", range(10))
def test_one_arm_has_a_closed_form(seed: int) -> None:
    D, S = 4, 3
    payoffs = np.random.default_rng(seed).random((1, S + D))  # not monotone
    instance = LSDInstance(rules=LSDRules(K=1, D=D, S=S), payoffs=payoffs)
    mu = dict(zip(instance.rules.taus.tolist(), payoffs[0].tolist(), strict=True))
    cycles = [
        (mu[d] + sum(mu[-min(q, S)] for q in range(1, m))) / (d + m)
        for d in range(1, D + 1)
        for m in range(1, S + 2)
    ]
    expected = max(mu[-S], *cycles)
    assert plan_gain(instance).gain == pytest.approx(expected, abs=1e-12)
    assert solve_cycles(instance).value == pytest.approx(expected, abs=1e-9)


def test_blocking_arms_with_periods_of_powers_of_two_share_perfectly() -> None:
    delays, most = np.array([1, 3, 7, 7]), np.array([0.9, 0.7, 0.8, 0.3])
    rules = LSDRules(K=4, D=7, S=1)
    payoffs = most[:, None] * (rules.taus >= delays[:, None])
    instance = LSDInstance(rules=rules, payoffs=payoffs)
    expected = float((most / (delays + 1)).sum())
    assert plan_gain(instance).gain == pytest.approx(expected, abs=1e-12)
    assert solve_cycles(instance).value == pytest.approx(expected, abs=1e-9)


def test_the_gain_is_no_less_than_that_of_long_plans() -> None:
    """(V_2T - V_T) / T tends to the gain: another algorithm for the same number."""
    for recovery, allow_none, S in itertools.product(("reset", "gradual"), (True, False), (0, 2)):
        rules = LSDRules(K=3, D=3, S=S, recovery=recovery, allow_none=allow_none)
        payoffs = np.random.default_rng(S).random((3, rules.size))
        instance = LSDInstance(rules=rules, payoffs=payoffs)
        rounds = 2520
        twice, once = (plan_rounds(instance, n).total for n in (2 * rounds, rounds))
        assert plan_gain(instance).gain == pytest.approx((twice - once) / rounds, abs=1e-6)


def karp(after: np.ndarray, rewards: np.ndarray) -> float:
    """Largest mean of the cycles of a graph whose states all reach each other."""
    states, actions = after.shape
    best = np.full((states + 1, states), -np.inf)
    best[0, 0] = 0.0
    for step in range(states):
        for state, action in itertools.product(range(states), range(actions)):
            to = after[state, action]
            best[step + 1, to] = max(best[step + 1, to], best[step, state] + rewards[state, action])
    with np.errstate(invalid="ignore"):
        means = (best[-1] - best[:-1]) / (states - np.arange(states))[:, None]
    means[np.isnan(means)] = np.inf
    return float(np.where(np.isfinite(best[-1]), means.min(axis=0), -np.inf).max())


@pytest.mark.parametrize("seed", range(8))
def test_cycles_are_those_that_karps_algorithm_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    after = rng.integers(12, size=(12, 3))
    after[:, 0] = (np.arange(12) + 1) % 12  # all states reach each other
    rewards = rng.normal(size=(12, 3))
    gains, bias, policy = best_cycle(after, rewards)
    np.testing.assert_allclose(gains, karp(after, rewards), atol=1e-9)
    worth = rewards + bias[after] - gains[:, None] - bias[:, None]
    assert worth.max() <= 1e-9
    np.testing.assert_allclose(worth[np.arange(12), policy], 0.0, atol=1e-9)


def test_states_that_cannot_reach_the_best_cycle_have_a_gain_of_their_own() -> None:
    after = np.array([[0, 0], [1, 0], [2, 1], [3, 3]])
    rewards = np.array([[1.0, 0.5], [3.0, 0.0], [2.0, 9.0], [-1.0, -2.0]])
    gains, bias, policy = best_cycle(after, rewards)
    assert gains.tolist() == [1.0, 3.0, 3.0, -1.0]
    assert policy.tolist() == [0, 0, 1, 0]
    assert bias[2] - bias[1] == pytest.approx(9.0 - 3.0)


def test_shaping_with_the_bias_makes_the_greedy_planner_optimal() -> None:
    """r + h(s') - h(s) is the gain for best actions and less for others: a perfect potential."""
    instance = sorted_uniform(3, 4, 3, 1)
    assert gain_of(instance, GreedyPlan(instance)) < plan_gain(instance).gain - 0.02
    plan = plan_gain(instance)
    graph = plan.graph
    shaped = instance.rewards(graph.levels) + plan.bias[graph.after] - plan.bias[:, None]
    np.testing.assert_allclose(shaped.max(axis=1), plan.gain, atol=1e-9)
    state, paid = int(graph.find(instance.rules.start())[0]), []
    for _ in range(3000):
        action = int(shaped[state].argmax())
        paid.append(float(instance.rewards(graph.levels[[state]])[0, action]))
        state = int(graph.after[state, action])
    period = np.mean(paid[-4 * 3 * 5 * 7 :])  # cycles of up to 7 and of 15 rounds fit into it
    assert period == pytest.approx(plan.gain, abs=1e-9)


def test_no_potential_changes_what_is_best() -> None:
    instance = sorted_uniform(3, 3, 2, 0)
    graph = reachable_graph(instance.rules)
    rewards = instance.rewards(graph.levels)
    gains, bias, _ = best_cycle(graph.after, rewards)
    best = rewards + bias[graph.after] - bias[:, None] >= gains[:, None] - 1e-9
    potential = np.random.default_rng(0).normal(size=graph.num_states)
    shaped = rewards + potential[graph.after] - potential[:, None]
    gains_after, bias_after, _ = best_cycle(graph.after, shaped)
    np.testing.assert_allclose(gains_after, gains, atol=1e-9)
    still = shaped + bias_after[graph.after] - bias_after[:, None] >= gains_after[:, None] - 1e-9
    moved = bias - potential - bias_after
    if np.ptp(moved) < 1e-6:  # the bias is unique up to a constant here, so the actions are too
        np.testing.assert_array_equal(still, best)
    assert np.ptp(moved) < 1e-6


def test_too_much_is_refused_with_the_limit() -> None:
    large = sorted_uniform(40, 12, 3, 0)
    with pytest.raises(TooManyStatesError, match="the limit is 300,000"):
        plan_gain(large)
    with pytest.raises(TooManyStatesError, match="the limit is 50"):
        plan_rounds(sorted_uniform(3, 4, 3, 0), 10, limit=50)


def test_bad_arguments_are_refused() -> None:
    instance = sorted_uniform(2, 3, 2, 0)
    with pytest.raises(ValueError, match="rounds must be >= 1, got 0"):
        plan_rounds(instance, 0)
    timed = plan_rounds(instance, 5)
    with pytest.raises(ValueError, match="rounds 0 to 4, got 5"):
        timed.act(instance.rules.start(), 5)
    plan = plan_gain(instance)
    low = instance.rules.levels([[-1, -1]])
    with pytest.raises(ValueError, match="are not among them"):
        plan.act(low, 0)
    assert plan_gain(instance, levels=low).act(low, 0).shape == (1,)
