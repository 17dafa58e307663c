"""Hiring experts: exact optima, what experts do, learning, and bad input."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

pytest.importorskip("scipy")

from operant.envs.multiagent.hiring import (
    HiringInstance,
    accuracy_instance,
    optimal_mechanism,
    random_instance,
)
from operant.envs.multiagent.hiring.mechanism import (
    answers,
    best_response,
    expected,
    outcome,
    responses,
    truthful,
)
from operant.envs.multiagent.hiring.online import explore_then_commit
from operant.envs.multiagent.hiring.optimum import InfeasibleError


@pytest.mark.parametrize(
    ("cost", "value", "both"),
    [(0.02, 0.74667, 0.69333), (0.05, 0.66667, 0.53333), (0.1, 0.53333, 0.26667), (0.15, 0.5, 0.0)],
)
def test_the_optima_of_the_spec(cost: float, value: float, both: float) -> None:
    instance = accuracy_instance(cost=cost)
    assert optimal_mechanism(instance).value == pytest.approx(value, abs=1e-5)
    assert optimal_mechanism(instance, profile=(1, 1)).value == pytest.approx(both, abs=1e-5)


def test_one_expert_by_hand() -> None:
    """Paid p if it is right: p (0.8 - 0.5) >= c, so it costs 0.8 c / 0.3."""
    for cost in (0.0, 0.03, 0.1):
        found = optimal_mechanism(accuracy_instance(cost=cost, experts=1), profile=(1,))
        assert found.value == pytest.approx(0.8 - cost * 8 / 3, abs=1e-9)
    cheap = optimal_mechanism(accuracy_instance(cost=0.2, experts=1, accuracy=1.0))
    assert cheap.value == pytest.approx(1 - 0.2 / 0.5, abs=1e-9)


def test_three_experts_are_worth_their_majority() -> None:
    """Free work: the value is the probability that most of three are right."""
    found = optimal_mechanism(accuracy_instance(cost=0.0, experts=3))
    assert found.value == pytest.approx(0.8**3 + 3 * 0.8**2 * 0.2, abs=1e-9)


def brute_force(instance: HiringInstance, mechanism, expert: int, effort: int) -> float:
    """Return the most that an expert can expect, by trying every answer."""
    profiles = instance.profiles
    odds = np.array([mechanism.odds[k] * (p[expert] == effort) for k, p in enumerate(profiles)])
    odds = odds / odds.sum()
    worths = []
    for answer in answers(instance, expert):
        worth = 0.0
        for k in np.flatnonzero(odds):
            given = [truthful(instance, i, b) for i, b in enumerate(profiles[k])]
            given[expert] = answer
            worth += odds[k] * outcome(instance, mechanism, k, given)[1][expert]
        worths.append(worth)
    return max(worths)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("sizes", [{}, {"efforts": (3, 2), "readings": (2, 3), "states": 3}])
def test_optimal_mechanisms_are_obeyed_and_keep_what_they_promise(seed: int, sizes: dict) -> None:
    instance = random_instance(seed, **sizes)
    found = optimal_mechanism(instance)
    honest = [
        [truthful(instance, i, b) for b in range(count)] for i, count in enumerate(instance.efforts)
    ]
    assert responses(instance, found) == honest
    assert expected(instance, found, honest) == pytest.approx(found.value, abs=1e-7)
    for pays in found.payments:
        assert all((pay >= 0).all() and (pay <= instance.cap).all() for pay in pays)
    for i, count in enumerate(instance.efforts):  # and it is no worse to obey than anything else
        for effort in range(count):
            mass = sum(found.odds[k] for k, p in enumerate(instance.profiles) if p[i] == effort)
            if mass < 1e-6:
                continue
            most = brute_force(instance, found, i, effort)
            told = [(k, p) for k, p in enumerate(instance.profiles) if p[i] == effort]
            obeying = sum(
                found.odds[k]
                * outcome(instance, found, k, [truthful(instance, j, b) for j, b in enumerate(p)])[
                    1
                ][i]
                for k, p in told
            )
            assert obeying / mass >= most - 1e-6 / mass


def test_best_responses_are_those_of_brute_force() -> None:
    rng = np.random.default_rng(0)
    instance = random_instance(3)
    for _ in range(10):
        start = optimal_mechanism(instance)
        wild = tuple(tuple(rng.random((2, 2, 2)) for _ in range(2)) for _ in instance.profiles)
        mechanism = dataclasses.replace(start, odds=np.full(4, 0.25), payments=wild)
        for expert in range(2):
            for effort in range(2):
                answer, gain = best_response(instance, mechanism, expert, effort)
                most = brute_force(instance, mechanism, expert, effort)
                honest = truthful(instance, expert, effort)
                told = [k for k, p in enumerate(instance.profiles) if p[expert] == effort]
                worth = {}
                for name, each in (("answer", answer), ("honest", honest)):
                    total = 0.0
                    for k in told:
                        given = [
                            truthful(instance, i, b) for i, b in enumerate(instance.profiles[k])
                        ]
                        given[expert] = each
                        total += outcome(instance, mechanism, k, given)[1][expert] / len(told)
                    worth[name] = total
                assert worth["answer"] == pytest.approx(most, abs=1e-9)
                assert gain == pytest.approx(worth["answer"] - worth["honest"], abs=1e-9)


def test_lotteries_can_beat_every_single_profile() -> None:
    instance = random_instance(52)
    single = []
    for profile in instance.profiles:
        try:
            single.append(optimal_mechanism(instance, profile=profile).value)
        except InfeasibleError:
            continue
    found = optimal_mechanism(instance)
    assert (found.odds > 1e-3).sum() >= 2
    assert found.value > max(single) + 1e-3


def test_slack_makes_obeying_strictly_better() -> None:
    instance = accuracy_instance(cost=0.05)
    strict = optimal_mechanism(instance, slack=0.02)
    hired = int(np.argmax(strict.odds))
    profile = instance.profiles[hired]
    given = [truthful(instance, i, b) for i, b in enumerate(profile)]
    worker = profile.index(1)
    lazy = list(given)
    lazy[worker] = truthful(instance, worker, 0)
    gains = [outcome(instance, strict, hired, each)[1][worker] for each in (given, lazy)]
    assert gains[0] - gains[1] >= 0.02 - 1e-9
    assert strict.value < optimal_mechanism(instance).value


def test_muted_reports_decide_no_pay() -> None:
    """An idle expert's noise moves nobody's pay, even where it looks like news by chance."""
    instance = accuracy_instance(cost=0.05)
    noisy = instance.signals.copy()
    noisy[1, 0] *= 1 + 0.02 * np.random.default_rng(0).standard_normal((2, 2, 2))
    noisy /= noisy.sum(axis=(3, 4), keepdims=True)
    instance = dataclasses.replace(instance, signals=noisy)
    pays = optimal_mechanism(instance, profile=(1, 0), mute=0.1).payments[2]
    for pay in pays:
        np.testing.assert_allclose(pay[:, 0], pay[:, 1])


def test_infeasible_wishes_say_so() -> None:
    poor = accuracy_instance(cost=0.1, cap=0.05)
    with pytest.raises(InfeasibleError, match=r"payments in \[0, 0.05\] .*profile \(1, 1\)"):
        optimal_mechanism(poor, profile=(1, 1))
    with pytest.raises(InfeasibleError, match=r"reserve 0.2"):
        optimal_mechanism(poor, reserve=0.2)
    rich = optimal_mechanism(accuracy_instance(cost=0.1), reserve=0.2)
    assert rich.value == pytest.approx(0.8 - 0.1 - 0.4, abs=1e-6)  # the worker's cost, two reserves


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"prior": np.array([0.5, 0.6])}, "prior must be probabilities"),
        ({"prior": np.full(3, 1 / 3)}, "signals must have shape"),
        ({"costs": ()}, "at least one expert"),
        ({"costs": (np.array([0.1, 0.2]),) * 2}, "costs of expert 0 must be finite and >= 0"),
        ({"utility": np.eye(3)}, r"utility must have shape \(decisions, 2\)"),
        ({"utility": np.full((2, 2), np.nan)}, "utility must be finite"),
        ({"cap": 0.0}, "cap must be finite and > 0, got 0.0"),
    ],
    ids=lambda each: next(iter(each)) if isinstance(each, dict) else "",
)
def test_instances_that_are_none_are_refused(change: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(accuracy_instance(), **change)


def test_arguments_outside_their_range_are_refused() -> None:
    with pytest.raises(ValueError, match="slack must be >= 0"):
        optimal_mechanism(accuracy_instance(), slack=-1.0)
    with pytest.raises(ValueError, match=r"profile must be one of .* got \(2, 0\)"):
        optimal_mechanism(accuracy_instance(), profile=(2, 0))
    with pytest.raises(ValueError, match=r"mute must lie in \[0, 1\]"):
        optimal_mechanism(accuracy_instance(), mute=2.0)
    with pytest.raises(ValueError, match=r"at most 200000 variables, it needs \d+; fewer experts"):
        optimal_mechanism(accuracy_instance(experts=7))
    with pytest.raises(ValueError, match=r"accuracy must lie in \[0.5, 1\], got 0.3"):
        accuracy_instance(accuracy=0.3)
    with pytest.raises(ValueError, match="one number >= 1 per expert"):
        random_instance(0, efforts=(2, 2, 2))


def test_exploring_then_committing_has_regret_of_rounds_to_two_thirds() -> None:
    """With 100 times the rounds it grows about 100^(2/3) = 21.5 times, not 100."""
    instance = accuracy_instance(cost=0.05)
    runs = {
        rounds: [explore_then_commit(instance, rounds=rounds, seed=seed) for seed in range(6)]
        for rounds in (10_000, 1_000_000)
    }
    short, long = (np.mean([run.regret for run in each]) for each in runs.values())
    assert short > 0
    assert long < 40 * short
    assert long / 1_000_000 < 0.1
    for run in runs[1_000_000]:
        assert run.committed <= run.optimum + 1e-9
        assert run.committed > 0.5  # better than hiring nobody
        costs = [cost[1] for cost in run.estimate.costs]
        assert costs == pytest.approx([0.05, 0.05], abs=2e-3)
        assert all(cost >= 0.05 for cost in costs)  # bisection ends on what was accepted


def test_learning_is_repeatable_and_refuses_what_makes_no_sense() -> None:
    first, again, other = (
        explore_then_commit(accuracy_instance(), rounds=500, seed=seed).regret for seed in (1, 1, 2)
    )
    assert first == again != other
    with pytest.raises(ValueError, match="rounds must be >= 1, got 0"):
        explore_then_commit(accuracy_instance(), rounds=0)
    with pytest.raises(ValueError, match=r"explore must lie in \[0, 10\], got 11"):
        explore_then_commit(accuracy_instance(), rounds=10, explore=11)
