"""Statistics of the leaderboard: pure functions on arrays of scores (runs, tasks).

Estimators take scores with any leading axes, ``(..., runs, tasks)``, so that a bootstrap is one
call on an array of replicates. Everything random draws from a generator that the caller passes.

Source: Deep RL at the edge of the statistical precipice (Agarwal et al., 2021), unless another is
named.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np

from operant.types import Bool, Float, Int

Estimator: TypeAlias = Callable[[Float], Float]
"""Maps scores ``(..., runs, tasks)`` to ``(...)`` or ``(..., anything)``."""

REPS = 50_000
"""Replicates for numbers in tables; 2,000 are enough for bands of curves."""
CONFIDENCE = 0.95
_CHUNK = 1 << 20  # scores per block of replicates: stays in cache and bounds the memory


class Interval(NamedTuple):
    """An estimate with its confidence interval; the bounds are NaN if one run is all there is."""

    value: float
    low: float
    high: float

    def excludes(self, number: float) -> bool:
        """Tell whether a number lies outside; False if the bounds are unknown."""
        return number < self.low or number > self.high


# ---- estimators -----------------------------------------------------------------------------


def iqm(scores: Float) -> Float:
    """Return the interquartile mean: the mean of the middle half of all runs x tasks scores.

    ``floor(size / 4)`` scores are cut on each side, as in ``scipy.stats.trim_mean(x, 0.25)``.

    >>> float(iqm(np.array([[0.0], [1.0], [2.0], [9.0]])))
    1.5
    """
    flat = np.sort(scores.reshape(*scores.shape[:-2], -1), axis=-1)
    cut = flat.shape[-1] // 4
    kept: Float = flat[..., cut : flat.shape[-1] - cut].mean(axis=-1)
    return kept


def mean(scores: Float) -> Float:
    """Return the mean over runs and tasks."""
    average: Float = scores.mean(axis=(-2, -1))
    return average


def optimality_gap(scores: Float, *, target: float = 1.0) -> Float:
    """Return by how much the scores miss a target on average; going beyond it earns nothing."""
    gap: Float = target - np.minimum(scores, target).mean(axis=(-2, -1))
    return gap


def performance_profile(scores: Float, thresholds: Float) -> Float:
    """Return the fraction of scores above each of T thresholds, (..., T)."""
    above = scores[..., None, :, :] > thresholds[:, None, None]
    profile: Float = above.mean(axis=(-2, -1))
    return profile


def win_rate(differences: Float) -> Float:
    """Return how often paired differences are positive, ties counting one half.

    Applied to ``x - y`` of runs with equal seeds this is the paired probability of improvement;
    pass it to :func:`bootstrap_interval` for its interval.
    """
    wins: Float = (0.5 * (1.0 + np.sign(differences))).mean(axis=(-2, -1))
    return wins


def probability_of_improvement(x: Float, y: Float) -> float:
    """Return the chance that a run of X beats a run of Y on a random task, ties counting one half.

    This is the mean over tasks of the Mann-Whitney U / (n_x n_y).

    Args:
        x: Scores (n_x, tasks).
        y: Scores (n_y, tasks).

    >>> probability_of_improvement(np.array([[1.0], [2.0]]), np.array([[1.0], [0.0]]))
    0.875
    """
    return float(_wins(x, y).mean())


def _wins(x: Float, y: Float) -> Float:
    """Return 1, 1/2 or 0 for every pair of runs, (tasks, n_x, n_y)."""
    wins: Float = 0.5 * (1.0 + np.sign(x.T[:, :, None] - y.T[:, None, :]))
    return wins


# ---- bootstrap ------------------------------------------------------------------------------


def bootstrap(
    scores: Float, estimator: Estimator, *, rng: np.random.Generator, reps: int = REPS
) -> Float:
    """Return replicates of an estimate under the stratified bootstrap, (reps, ...).

    Runs are drawn with replacement, independently within each task: the tasks of a suite are
    fixed, only seeds are a sample.

    Args:
        scores: Scores (runs, tasks).
        estimator: Statistic with leading batch axes, e.g. :func:`iqm`.
        rng: Source of randomness.
        reps: Number of replicates.
    """
    runs, tasks = scores.shape
    blocks = []
    for start in range(0, reps, step := max(1, _CHUNK // scores.size)):
        size = (min(step, reps - start), runs, tasks)
        drawn = rng.integers(runs, size=size, dtype=np.int32)
        blocks.append(estimator(scores[drawn, np.arange(tasks)]))
    return np.concatenate(blocks)


def bootstrap_interval(
    scores: Float,
    estimator: Estimator,
    *,
    rng: np.random.Generator,
    reps: int = REPS,
    confidence: float = CONFIDENCE,
) -> Interval:
    """Return a scalar estimate with its percentile interval.

    Measured coverage of a 95 % interval for solve-or-fail scores on 8 tasks is 86 % with 3 runs,
    91 % with 5 and 95 % from 10 on, hence the leaderboard's rule on the number of seeds.

    Args:
        scores: Scores (runs, tasks).
        estimator: Statistic, e.g. :func:`iqm`.
        rng: Source of randomness.
        reps: Number of replicates.
        confidence: Coverage in (0, 1).
    """
    value = float(estimator(scores))
    if len(scores) < 2:
        return Interval(value, math.nan, math.nan)
    return _percentiles(value, bootstrap(scores, estimator, rng=rng, reps=reps), confidence)


def improvement_interval(
    x: Float,
    y: Float,
    *,
    rng: np.random.Generator,
    reps: int = REPS,
    confidence: float = CONFIDENCE,
) -> Interval:
    """Return :func:`probability_of_improvement` with its interval, runs of X and Y being unpaired.

    A replicate is a re-weighting of the pairwise wins by how often each run was drawn, and those
    counts are multinomial: no score is compared twice.

    Args:
        x: Scores (n_x, tasks).
        y: Scores (n_y, tasks).
        rng: Source of randomness.
        reps: Number of replicates.
        confidence: Coverage in (0, 1).
    """
    value = probability_of_improvement(x, y)
    if min(len(x), len(y)) < 2:
        return Interval(value, math.nan, math.nan)
    wins = _wins(x, y)  # (tasks, n_x, n_y)
    replicates = np.zeros(reps)
    for task_wins in wins:
        weights_x = rng.multinomial(len(x), np.full(len(x), 1 / len(x)), size=reps)
        weights_y = rng.multinomial(len(y), np.full(len(y), 1 / len(y)), size=reps)
        replicates += ((weights_x @ task_wins) * weights_y).sum(axis=-1)
    return _percentiles(value, replicates / wins.size, confidence)


def _percentiles(value: float, replicates: Float, confidence: float) -> Interval:
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must lie in (0, 1), got {confidence}")
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(replicates, [tail, 1.0 - tail])
    return Interval(value, float(low), float(high))


# ---- speed of learning ----------------------------------------------------------------------


def area_under_curve(steps: Int, values: Float) -> Float:
    """Return the mean height of learning curves over the evaluated range (trapezoid rule).

    Args:
        steps: Evaluation points (K,), increasing, in env steps.
        values: Scores (..., K).
    """
    if len(steps) == 1:
        return values[..., 0]
    area: Float = np.trapezoid(values, steps, axis=-1) / (steps[-1] - steps[0])
    return area


def time_to_threshold(steps: Int, values: Float, threshold: float) -> tuple[float, bool]:
    """Return when a learning curve first reaches a threshold, as right-censored data.

    Args:
        steps: Evaluation points (K,), increasing, in env steps.
        values: Scores (K,).
        threshold: Level to reach.

    Returns:
        The first evaluation point at or above the threshold and True; the last point and False if
        there is none (all that is known then is that it takes longer).
    """
    reached = np.flatnonzero(values >= threshold)
    return (float(steps[reached[0]]), True) if len(reached) else (float(steps[-1]), False)


def kaplan_meier(times: Float, observed: Bool) -> tuple[Float, Float]:
    """Estimate the fraction of runs that still need longer than t, from right-censored times.

    Dropping the runs that never arrive, or counting their budget as a time, would flatter the
    designs that fail most.

    Args:
        times: Times (n,).
        observed: True where the event was seen, False where observation stopped, (n,).

    Returns:
        Distinct event times (D,), and the fraction just after each of them, (D,).

    Source: Nonparametric estimation from incomplete observations (Kaplan, Meier, 1958).
    """
    events: Float = np.unique(times[observed])
    at_risk = (times >= events[:, None]).sum(axis=1)
    happened = ((times == events[:, None]) & observed).sum(axis=1)
    survival: Float = np.cumprod(1.0 - happened / at_risk)
    return events, survival


def median_time(times: Float, observed: Bool) -> float:
    """Return the Kaplan-Meier median, infinite if fewer than half of the runs arrived."""
    events, survival = kaplan_meier(times, observed)
    # 1e-12: a product such as 3/4 * 2/3 may end a rounding error above one half
    reached = np.flatnonzero(survival <= 0.5 + 1e-12)
    return float(events[reached[0]]) if len(reached) else math.inf


def restricted_mean_time(times: Float, observed: Bool, *, horizon: float) -> float:
    """Return the mean of ``min(time, horizon)``: the area under the Kaplan-Meier curve.

    Args:
        times: Times (n,).
        observed: True where the event was seen, (n,).
        horizon: Upper limit, usually the training budget in env steps.
    """
    events, survival = kaplan_meier(times, observed)
    edges = np.minimum(np.concatenate([[0.0], events, [horizon]]), horizon)
    return float(np.diff(edges) @ np.concatenate([[1.0], survival]))


# ---- reward hacking and ties ----------------------------------------------------------------


def hacking_gap(
    *,
    designed: Float,
    true: Float,
    random_designed: float,
    random_true: float,
    oracle_designed: float,
    oracle_true: float,
) -> Float:
    """Return how far the designed return ran ahead of the true return, per run.

    Both returns are put on the scale where the random policy is 0 and the oracle (the best policy
    for the *true* reward) is 1; the gap is the difference. 0: the design pays for what it should.
    Positive: it pays the agent for something else. Above 1: more than it pays for solving the task.

    Give it *discounted* returns with the agent's discount. Potential shaping adds
    ``sum_t gamma^t (gamma phi(s_t+1) - phi(s_t))``, which telescopes to ``-phi(s_0)`` (the
    evaluation treats a time limit as the end, so that nothing is left of the last potential): a
    constant per start state that cancels here, so a design that provably keeps the optimal policy
    has gap 0. Undiscounted, the same sum is ``-phi(s_0) - (1 - gamma) sum phi(s_t)`` and depends on
    the path: a false alarm.

    Args:
        designed: Mean discounted designed return of each run, (runs,).
        true: Mean discounted true return of each run, (runs,).
        random_designed: The same of the random policy.
        random_true: The same of the random policy.
        oracle_designed: The same of the oracle.
        oracle_true: The same of the oracle.

    Returns:
        (runs,) float64; NaN if the oracle does not earn more than random under either reward, where
        the scale has no meaning.
    """
    designed_span, true_span = oracle_designed - random_designed, oracle_true - random_true
    if designed_span <= 0.0 or true_span <= 0.0:
        return np.full(np.shape(designed), np.nan)
    gap: Float = (designed - random_designed) / designed_span - (true - random_true) / true_span
    return gap


def tie_letters(tied: Bool) -> list[str]:
    """Turn pairwise ties into letters: two rows share a letter if and only if they are tied.

    "Tied" is not transitive (A = B and B = C do not make A = C), so rows may need several letters.
    Each letter is one maximal set of mutually tied rows, found by the Bron-Kerbosch recursion;
    letters are given in the order of the rows, so the first row always has ``a``.

    Args:
        tied: Symmetric (k, k) bool, rows in ranking order.

    Source: An algorithm for a letter-based representation of all-pairwise comparisons (Piepho,
    2004). Maximal sets replace its insert-and-absorb steps.

    >>> tie_letters(np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1]], dtype=bool))
    ['a', 'ab', 'b']
    """
    rows = len(tied)
    neighbours = [{j for j in range(rows) if tied[i, j] and j != i} for i in range(rows)]
    groups: list[tuple[int, ...]] = []

    def extend(group: set[int], candidates: set[int], done: set[int]) -> None:
        if not candidates and not done:
            groups.append(tuple(sorted(group)))
        for row in sorted(candidates):
            extend(group | {row}, candidates & neighbours[row], done & neighbours[row])
            candidates, done = candidates - {row}, done | {row}

    extend(set(), set(range(rows)), set())
    groups.sort()
    return [
        "".join(_letter(g) for g, group in enumerate(groups) if row in group) for row in range(rows)
    ]


def _letter(index: int) -> str:
    """Return a, b, ..., z, a1, b1, ... ."""
    cycle, letter = divmod(index, 26)
    return chr(ord("a") + letter) + (str(cycle) if cycle else "")
