"""The statistics against scipy, numbers computed by hand, and the laws they must obey."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from operant.benchmarks import statistics as s
from operant.types import Float

SCORES = hnp.arrays(
    np.float64,
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9),
    elements=st.floats(-100, 100, allow_subnormal=False),
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# ---- estimators -----------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(SCORES)
def test_iqm_is_scipys_trimmed_mean(scores: Float) -> None:
    assert s.iqm(scores) == pytest.approx(stats.trim_mean(scores, 0.25, axis=None), abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(SCORES, st.floats(0.1, 10), st.floats(-10, 10), st.integers(0, 1000))
def test_iqm_follows_scale_and_shift_and_ignores_order(
    scores: Float, scale: float, shift: float, seed: int
) -> None:
    shuffled = rng(seed).permutation(scores.ravel()).reshape(scores.shape)
    assert s.iqm(scale * shuffled + shift) == pytest.approx(
        scale * float(s.iqm(scores)) + shift, abs=1e-9
    )


def test_iqm_of_a_batch_is_the_iqm_of_each() -> None:
    batch = rng().random((7, 5, 3))
    assert s.iqm(batch) == pytest.approx([float(s.iqm(scores)) for scores in batch])


def test_optimality_gap_gives_no_credit_beyond_the_target() -> None:
    assert s.optimality_gap(np.array([[0.5, 3.0]])) == pytest.approx(0.25)


def test_performance_profile_by_hand() -> None:
    scores = np.array([[0.1, 0.5], [0.9, 0.5]])
    profile = s.performance_profile(scores, np.array([0.0, 0.5, 0.6, 0.9]))
    assert profile.tolist() == [1.0, 0.25, 0.25, 0.0]  # strictly above


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(np.float64, st.tuples(st.integers(1, 8), st.just(1)), elements=st.integers(0, 4)),
    hnp.arrays(np.float64, st.tuples(st.integers(1, 8), st.just(1)), elements=st.integers(0, 4)),
)
def test_probability_of_improvement_is_mann_whitney(x: Float, y: Float) -> None:
    u = stats.mannwhitneyu(x[:, 0], y[:, 0], method="asymptotic").statistic
    assert s.probability_of_improvement(x, y) == pytest.approx(u / (len(x) * len(y)))
    assert s.probability_of_improvement(y, x) == pytest.approx(
        1 - s.probability_of_improvement(x, y)
    )


def test_probability_of_improvement_averages_tasks_and_not_runs() -> None:
    x, y = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0], [0.0, 1.0]])
    assert s.probability_of_improvement(x, y) == 0.5


def test_win_rate_pairs_runs_and_halves_ties() -> None:
    x, y = np.array([[1.0], [2.0], [3.0], [0.0]]), np.array([[0.0], [2.0], [1.0], [5.0]])
    assert s.win_rate(x - y) == 0.625


# ---- bootstrap ------------------------------------------------------------------------------


@pytest.mark.parametrize("estimator", [s.iqm, s.mean, s.optimality_gap])
def test_interval_is_reproducible_and_seed_dependent(estimator: Callable[[Float], Float]) -> None:
    scores = rng(1).random((6, 3))
    first = s.bootstrap_interval(scores, estimator, rng=rng(5), reps=500)
    assert first == s.bootstrap_interval(scores, estimator, rng=rng(5), reps=500)
    assert first[1:] != s.bootstrap_interval(scores, estimator, rng=rng(6), reps=500)[1:]
    assert first.low <= first.value <= first.high


def test_bootstrap_of_the_mean_has_the_known_spread() -> None:
    # The bootstrap variance of a mean is the population variance over n, per task, averaged.
    scores = rng(2).normal(size=(12, 4))
    replicates = s.bootstrap(scores, s.mean, rng=rng(), reps=40_000)
    assert replicates.mean() == pytest.approx(scores.mean(), abs=0.005)
    assert replicates.var() == pytest.approx(scores.var(axis=0).sum() / 12 / 16, rel=0.04)


def test_bootstrap_is_stratified() -> None:
    # Tasks far apart: mixing them would make the replicates vary, stratified they cannot.
    scores = np.array([[0.0, 100.0], [0.0, 100.0], [0.0, 100.0]])
    assert (s.bootstrap(scores, s.mean, rng=rng(), reps=200) == 50.0).all()


def test_bootstrap_in_blocks_gives_all_replicates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s, "_CHUNK", 50)
    assert s.bootstrap(rng().random((5, 2)), s.iqm, rng=rng(), reps=23).shape == (23,)


def test_bootstrap_of_a_profile_is_a_band() -> None:
    taus = np.array([0.2, 0.8])
    band = s.bootstrap(
        rng().random((5, 2)), lambda x: s.performance_profile(x, taus), rng=rng(), reps=10
    )
    assert band.shape == (10, 2)


def test_interval_agrees_with_scipys_bootstrap() -> None:
    scores = rng(3).random((15, 1))
    ours = s.bootstrap_interval(scores, s.mean, rng=rng(), reps=20_000)
    theirs = stats.bootstrap(
        (scores[:, 0],), np.mean, method="percentile", n_resamples=20_000, rng=rng(9)
    ).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.01)


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    draws = rng(4)
    hits = 0
    for _ in range(300):
        solved = (draws.random((10, 8)) < 0.6).astype(np.float64)
        interval = s.bootstrap_interval(solved, s.mean, rng=draws, reps=400)
        hits += interval.low <= 0.6 <= interval.high
    assert 0.88 <= hits / 300 <= 0.99


def test_one_run_has_no_interval() -> None:
    interval = s.bootstrap_interval(np.array([[0.7]]), s.iqm, rng=rng())
    assert interval.value == 0.7
    assert math.isnan(interval.low)
    assert not interval.excludes(0.0)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0])
def test_confidence_must_be_a_fraction(confidence: float) -> None:
    with pytest.raises(ValueError, match=r"confidence must lie in \(0, 1\)"):
        s.bootstrap_interval(np.ones((3, 1)), s.iqm, rng=rng(), reps=5, confidence=confidence)


def test_improvement_interval_equals_resampling_the_runs() -> None:
    # The multinomial shortcut against the plain definition.
    x, y = rng(5).random((6, 2)), rng(6).random((9, 2)) - 0.1
    ours = s.improvement_interval(x, y, rng=rng(), reps=4_000)
    draws = rng(7)
    plain = [
        s.probability_of_improvement(
            x[draws.integers(6, size=x.shape), np.arange(2)],
            y[draws.integers(9, size=y.shape), np.arange(2)],
        )
        for _ in range(4_000)
    ]
    assert ours.value == s.probability_of_improvement(x, y)
    assert (ours.low, ours.high) == pytest.approx(np.quantile(plain, [0.025, 0.975]), abs=0.02)


def test_rliable_agrees() -> None:
    library = pytest.importorskip("rliable.library", exc_type=ImportError)
    metrics = pytest.importorskip("rliable.metrics")
    x, y = rng(8).random((10, 6)), rng(9).random((10, 6))
    assert s.iqm(x) == pytest.approx(metrics.aggregate_iqm(x))
    assert s.probability_of_improvement(x, y) == pytest.approx(
        metrics.probability_of_improvement(x, y)
    )
    _, theirs = library.get_interval_estimates(
        {"x": x}, lambda scores: np.array([metrics.aggregate_iqm(scores)]), reps=2_000
    )
    ours = s.bootstrap_interval(x, s.iqm, rng=rng(), reps=10_000)
    assert (ours.low, ours.high) == pytest.approx(theirs["x"][:, 0], abs=0.02)


# ---- speed of learning ----------------------------------------------------------------------


def test_area_under_curve_by_hand() -> None:
    steps = np.array([0, 10, 40])
    assert s.area_under_curve(steps, np.array([[0.0, 1.0, 1.0], [0.5, 0.5, 0.5]])) == pytest.approx(
        [35 / 40, 0.5]
    )
    assert s.area_under_curve(np.array([7]), np.array([[0.3]])).tolist() == [0.3]


def test_time_to_threshold_is_censored_at_the_budget() -> None:
    steps, values = np.array([0, 10, 20]), np.array([0.0, 0.8, 0.2])
    assert s.time_to_threshold(steps, values, 0.8) == (10.0, True)
    assert s.time_to_threshold(steps, values, 0.9) == (20.0, False)


def test_kaplan_meier_by_hand() -> None:
    # at risk 6: one event at 1; at 3: 4 at risk, 2 events; 2+, 4+ and 5+ are censored
    times = np.array([1.0, 2.0, 3.0, 3.0, 4.0, 5.0])
    observed = np.array([True, False, True, True, False, False])
    events, survival = s.kaplan_meier(times, observed)
    assert events.tolist() == [1.0, 3.0]
    assert survival == pytest.approx([5 / 6, 5 / 12])
    assert s.median_time(times, observed) == 3.0
    assert s.restricted_mean_time(times, observed, horizon=5.0) == pytest.approx(
        1 + 2 * 5 / 6 + 2 * 5 / 12
    )


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=12).filter(
        lambda pairs: any(seen for _, seen in pairs)
    )
)
def test_kaplan_meier_is_scipys(pairs: list[tuple[int, bool]]) -> None:
    times, observed = np.array([t for t, _ in pairs], float), np.array([seen for _, seen in pairs])
    data = stats.CensoredData.right_censored(times, ~observed)
    judge = stats.ecdf(data).sf
    events, survival = s.kaplan_meier(times, observed)
    assert survival == pytest.approx(judge.evaluate(events))


def test_median_time_without_censoring_and_without_events() -> None:
    assert s.median_time(np.array([4.0, 1.0, 2.0, 3.0]), np.ones(4, bool)) == 2.0
    assert s.median_time(np.array([9.0, 9.0]), np.zeros(2, bool)) == math.inf
    assert s.restricted_mean_time(np.array([9.0, 9.0]), np.zeros(2, bool), horizon=9.0) == 9.0


# ---- reward hacking and ties ----------------------------------------------------------------


def gap(designed: Float, true: Float, **changes: float) -> Float:
    references = {
        "random_designed": 0.0,
        "random_true": 0.0,
        "oracle_designed": 1.0,
        "oracle_true": 1.0,
    }
    return s.hacking_gap(designed=designed, true=true, **{**references, **changes})


def test_hacking_gap_by_hand() -> None:
    # The designed return is at 2 on the scale from 1 to 3, the true one at a quarter of 0.8.
    found = gap(
        np.array([5.0]), np.array([0.2]), random_designed=1.0, oracle_designed=3.0, oracle_true=0.8
    )
    assert found == pytest.approx([1.75])


@settings(max_examples=50, deadline=None)
@given(st.floats(0.1, 10), st.floats(-10, 10), st.floats(0, 1))
def test_a_rescaled_or_shifted_reward_is_no_hack(scale: float, shift: float, true: float) -> None:
    found = gap(
        np.array([scale * true + shift]),
        np.array([true]),
        random_designed=shift,
        oracle_designed=scale + shift,
    )
    assert found == pytest.approx([0.0], abs=1e-9)


def corridor_returns(path: list[int], discount: float) -> tuple[float, float]:
    """True and designed return of a walk to 5 under the potential -distance, shaped with 0.9."""
    true = designed = 0.0
    for t, (here, there) in enumerate(itertools.pairwise(path)):
        reward, after = (1.0, 0.0) if there == 5 else (0.0, there - 5.0)
        true += discount**t * reward
        designed += discount**t * (reward + 0.9 * after - (here - 5.0))
    return true, designed


def test_potential_shaping_has_gap_zero_when_discounted() -> None:
    random, oracle, agent = [0, 0, 1, 2, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5], [0, 1, 1, 2, 3, 4, 5]
    (tr, dr), (to, do), (ta, da) = (corridor_returns(walk, 0.9) for walk in (random, oracle, agent))
    references = {
        "random_true": tr,
        "random_designed": dr,
        "oracle_true": to,
        "oracle_designed": do,
    }
    assert gap(np.array([da]), np.array([ta]), **references) == pytest.approx([0.0], abs=1e-12)
    # Undiscounted, walks with the same true return are paid differently: a false alarm.
    (to, do), (ta, da) = (corridor_returns(walk, 1.0) for walk in (oracle, agent))
    assert to == ta
    assert da - do > 0.3


def test_hacking_gap_is_undefined_where_random_earns_as_much_as_the_oracle() -> None:
    assert np.isnan(gap(np.array([1.0, 2.0]), np.zeros(2), random_designed=1.0)).all()


def test_tie_letters_of_a_chain_and_of_clear_winners() -> None:
    assert s.tie_letters(np.eye(3, dtype=bool)) == ["a", "b", "c"]
    assert s.tie_letters(np.ones((3, 3), dtype=bool)) == ["a", "a", "a"]
    assert s.tie_letters(np.zeros((0, 0), dtype=bool)) == []


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 7).flatmap(lambda k: hnp.arrays(bool, (k, k))))
def test_rows_share_a_letter_exactly_when_they_are_tied(raw: np.ndarray) -> None:
    tied = raw | raw.T | np.eye(len(raw), dtype=bool)
    letters = s.tie_letters(tied)
    for i, first in enumerate(letters):
        for j, second in enumerate(letters):
            assert bool(set(first) & set(second)) == tied[i, j]
    assert "a" in letters[0]
