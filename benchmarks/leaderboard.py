"""From run records to a ranked leaderboard. Pure: the same records give the same numbers.

Every random stream is named after the row and the number it serves, so adding a design to a results
folder never moves an interval of another one.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from operant.benchmarks import statistics
from operant.benchmarks.metrics import Metric, metric
from operant.benchmarks.records import References, RunRecord
from operant.benchmarks.statistics import Interval
from operant.seeding import SeedTree
from operant.types import Float, Int

Status = Literal["ranked", "provisional", "unranked"]

RANKED_SEEDS = 10
"""Fewer seeds than this are provisional: 95 % intervals then cover less than 95 %."""
PROVISIONAL_SEEDS = 5
"""Fewer seeds than this are shown, but not ranked."""
HACKED_GAP = 0.1
"""A row is flagged if its hacking gap is above this and its interval excludes 0."""
SOLVED = 0.8
"""Success rate that counts as solved in "steps to 80 %"."""
CURVES = ("score", "success", "true_return", "designed_return")
"""Columns of the evaluation table for which learning curves are made."""
BASELINE = "none"
_CURVE_REPS = 2_000


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Curve:
    """A learning curve over the seeds of a row.

    Attributes:
        steps: Evaluation points common to all seeds, (K,) env steps.
        iqm: Interquartile mean over seeds, (K,).
        low: Lower end of the pointwise 95 % interval, (K,); NaN with one seed.
        high: Upper end, (K,).
        seeds: Mean over episodes of each seed, (seeds, K).
    """

    steps: Int
    iqm: Float
    low: Float
    high: Float
    seeds: Float


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Row:
    """One line of the leaderboard: all seeds of one agent under one design on one env.

    "Final" is the mean over the episodes of a run's last evaluation, never its best one.

    Attributes:
        env_id: Gymnasium id.
        design: Label of the reward design.
        agent: Id of the agent.
        suite: Name of the suite.
        metric: By what the env is scored.
        rank: 1 + the number of rows of this env with a better IQM, or None if unranked.
        status: By the number of seeds.
        seeds: Seeds, increasing.
        total_steps: Training budget in env steps.
        episodes: Evaluation episodes at each evaluation point.
        score: IQM of the final score with its interval.
        seed_score: Final score of each seed, (seeds,).
        success: IQM of final success with its interval, in [0, 1].
        ties: Rows of this env that share a letter cannot be told apart; empty with too few seeds.
        improvement: Chance that a run of this row beats one of the ``none`` design with the same
            agent in the final score; None for that design, or without it.
        gap: Mean hacking gap with its interval, None where it is undefined. The mean and not the
            IQM: one hacked seed in four must not be trimmed away.
        gap_note: Why there is no gap, or ``""``.
        hacked: True if the gap is above 0.1 and its interval excludes 0.
        true_return: Mean final undiscounted true return.
        designed_return: Mean final undiscounted designed return.
        auc: IQM of the mean score over training.
        median_steps: Kaplan-Meier median of env steps to 80 % success; infinite if fewer than half
            of the seeds got there.
        mean_steps: Kaplan-Meier mean of the same, restricted to the budget.
        censored: Seeds that never got there.
        wall_s: Mean wall-clock seconds per run, None if not recorded.
        cpu_s: Mean CPU seconds per run, None if not recorded.
        curves: Learning curves by name of column, see :data:`CURVES`.
        references: Scores of the random policy and the oracle, from the first run.
        run_ids: Run ids in the order of ``seeds``.
        manifest: Provenance of the first run.
        gif: Final policy of the first run that has an animation.
        gif_seed: Seed of that run.
    """

    env_id: str
    design: str
    agent: str
    suite: str
    metric: Metric
    rank: int | None
    status: Status
    seeds: tuple[int, ...]
    total_steps: int
    episodes: int
    score: Interval
    seed_score: Float
    success: Interval
    ties: str
    improvement: Interval | None
    gap: Interval | None
    gap_note: str
    hacked: bool
    true_return: float
    designed_return: float
    auc: Interval
    median_steps: float
    mean_steps: float
    censored: int
    wall_s: float | None
    cpu_s: float | None
    curves: Mapping[str, Curve]
    references: References
    run_ids: tuple[str, ...]
    manifest: Mapping[str, Any]
    gif: bytes | None
    gif_seed: int | None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Leaderboard:
    """All rows, grouped by env and best first within each.

    Attributes:
        rows: The rows.
    """

    rows: tuple[Row, ...]

    def by_env(self) -> dict[str, tuple[Row, ...]]:
        """Return the rows of each env, in order."""
        groups = itertools.groupby(self.rows, key=lambda row: row.env_id)
        return {env_id: tuple(rows) for env_id, rows in groups}


def status_of(seeds: int) -> Status:
    """Return what a number of seeds entitles a row to.

    >>> status_of(4), status_of(5), status_of(10)
    ('unranked', 'provisional', 'ranked')
    """
    if seeds >= RANKED_SEEDS:
        return "ranked"
    return "provisional" if seeds >= PROVISIONAL_SEEDS else "unranked"


def build_leaderboard(runs: Iterable[RunRecord]) -> Leaderboard:
    """Score runs.

    Args:
        runs: Finished runs in any order.

    Raises:
        ValueError: If runs that would share a row differ in suite or budget, or repeat a seed, or
            if runs on one env are scored by different metrics.
    """
    groups: dict[tuple[str, str, str], list[RunRecord]] = {}
    for run in sorted(runs, key=lambda run: (run.env_id, run.agent, run.design, run.seed)):
        groups.setdefault((run.env_id, run.agent, run.design), []).append(run)
    for group in groups.values():
        _check_group(group)
    _check_metrics(groups)
    rows = []
    for (env_id, agent, _), group in groups.items():
        rows.append(_score(group, baseline=groups.get((env_id, agent, BASELINE), [])))
    by_env = itertools.groupby(rows, key=lambda row: row.env_id)
    return Leaderboard(rows=tuple(row for _, env_rows in by_env for row in _ranked(list(env_rows))))


def _check_group(group: Sequence[RunRecord]) -> None:
    first = group[0]
    where = f"{first.env_id} / {first.agent} / {first.design}"
    for name in ("suite", "total_steps"):
        found = sorted({getattr(run, name) for run in group})
        if len(found) > 1:
            raise ValueError(
                f"{where} mixes runs whose {name} differ: {found}; report them separately"
            )
    for run, after in itertools.pairwise(group):
        if run.seed == after.seed:
            raise ValueError(f"{where} has seed {run.seed} twice: {run.run_id} and {after.run_id}")


def _check_metrics(groups: Mapping[tuple[str, str, str], Sequence[RunRecord]]) -> None:
    found: dict[str, set[str]] = {}
    for (env_id, _, _), group in groups.items():
        found.setdefault(env_id, set()).update(run.metric for run in group)
    for env_id, names in found.items():
        if len(names) > 1:
            raise ValueError(
                f"runs on {env_id} are scored by {sorted(names)}; report them separately, or make "
                "the older ones again"
            )


def _score(group: Sequence[RunRecord], *, baseline: Sequence[RunRecord]) -> Row:
    first = group[0]
    rng = SeedTree(0).child(first.env_id).child(first.agent).child(first.design).generator
    scored, finals = metric(first.metric), _final(group, "score")
    curves = {name: _curve(group, name, rng(f"curve {name}")) for name in CURVES}
    areas = statistics.area_under_curve(curves["score"].steps, curves["score"].seeds)
    times, reached = _times_to_solve(group)
    shown = next((run for run in group if run.gif), None)
    gap, gap_note = _gap(group, rng("gap"))
    improvement = None
    if baseline and first.design != BASELINE:
        improvement = statistics.improvement_interval(
            _column(scored.utility(finals)),
            _column(scored.utility(_final(baseline, "score"))),
            rng=rng("improvement"),
        )
    return Row(
        env_id=first.env_id,
        design=first.design,
        agent=first.agent,
        suite=first.suite,
        metric=scored,
        rank=None,  # known once all rows of the env are
        status=status_of(len(group)),
        seeds=tuple(run.seed for run in group),
        total_steps=first.total_steps,
        episodes=int((first.evals.step == first.evals.step.max()).sum()),
        score=statistics.bootstrap_interval(_column(finals), statistics.iqm, rng=rng("score")),
        seed_score=finals,
        success=statistics.bootstrap_interval(
            _column(_final(group, "success")), statistics.iqm, rng=rng("success")
        ),
        ties="",
        improvement=improvement,
        gap=gap,
        gap_note=gap_note,
        hacked=gap is not None and gap.value > HACKED_GAP and gap.excludes(0.0),
        true_return=float(_final(group, "true_return").mean()),
        designed_return=float(_final(group, "designed_return").mean()),
        auc=statistics.bootstrap_interval(_column(areas), statistics.iqm, rng=rng("auc")),
        median_steps=statistics.median_time(times, reached),
        mean_steps=statistics.restricted_mean_time(times, reached, horizon=first.total_steps),
        censored=int((~reached).sum()),
        wall_s=_mean_cost(group, "wall_s"),
        cpu_s=_mean_cost(group, "cpu_s"),
        curves=curves,
        references=first.references,
        run_ids=tuple(run.run_id for run in group),
        manifest=first.manifest,
        gif=shown.gif if shown else None,
        gif_seed=shown.seed if shown else None,
    )


def _final(group: Sequence[RunRecord], column: str) -> Float:
    """Return the mean of the last evaluation of each run, (runs,)."""
    return np.array([run.evals.means(column)[-1] for run in group])


def _column(scores: Float) -> Float:
    """Return (runs,) scores of one env as (runs, 1 task)."""
    return scores[:, None]


def _curve(group: Sequence[RunRecord], column: str, rng: np.random.Generator) -> Curve:
    steps = functools.reduce(np.intersect1d, [run.evals.steps() for run in group])
    if not len(steps):
        raise ValueError(f"the seeds of {group[0].design} share no evaluation point")
    seeds = np.array([run.evals.means(column)[np.isin(run.evals.steps(), steps)] for run in group])
    bands = [
        statistics.bootstrap_interval(_column(at), statistics.iqm, rng=rng, reps=_CURVE_REPS)
        for at in seeds.T
    ]
    iqm, low, high = np.array(bands).T
    return Curve(steps=steps, iqm=iqm, low=low, high=high, seeds=seeds)


def _times_to_solve(
    group: Sequence[RunRecord],
) -> tuple[Float, np.ndarray[Any, np.dtype[np.bool_]]]:
    pairs = [
        statistics.time_to_threshold(run.evals.steps(), run.evals.means("success"), SOLVED)
        for run in group
    ]
    times, reached = zip(*pairs, strict=True)
    return np.array(times, np.float64), np.array(reached, np.bool_)


def _gap(group: Sequence[RunRecord], rng: np.random.Generator) -> tuple[Interval | None, str]:
    """Return the hacking gap, or None and the reason."""
    designed, true = "discounted_designed_return", "discounted_true_return"
    gaps = []
    for run in group:
        random, oracle = run.references.random, run.references.oracle
        if random is None:
            return None, "the runs were made without reference policies"
        if oracle is None:
            return None, "no oracle is known for this env"
        gaps.append(
            statistics.hacking_gap(
                designed=run.evals.means(designed)[-1:],
                true=run.evals.means(true)[-1:],
                random_designed=random[designed],
                random_true=random[true],
                oracle_designed=oracle[designed],
                oracle_true=oracle[true],
            )
        )
    if np.isnan(gaps).any():
        return None, "the design pays random actions at least as much as the optimal policy"
    return statistics.bootstrap_interval(np.array(gaps), statistics.mean, rng=rng), ""


def _mean_cost(group: Sequence[RunRecord], key: str) -> float | None:
    costs = [float(run.manifest[key]) for run in group if key in run.manifest]
    return sum(costs) / len(costs) if costs else None


def _ranked(rows: list[Row]) -> list[Row]:
    """Order the rows of one env, number them, and give them tie letters."""
    # among equal scores the faster learner comes first, but keeps the same rank
    sign = 1 if rows[0].metric.higher else -1
    rows.sort(
        key=lambda row: (
            row.status == "unranked",
            -sign * row.score.value,
            -sign * row.auc.value,
            row.design,
        )
    )
    tied = np.eye(len(rows), dtype=np.bool_)
    for i, j in itertools.combinations(range(len(rows)), 2):
        tied[i, j] = tied[j, i] = _tied(rows[i], rows[j])
    placed = [row for row in rows if row.status != "unranked"]
    return [
        dataclasses.replace(
            row,
            ties=letters if len(row.seeds) >= PROVISIONAL_SEEDS else "",
            rank=1 + sum(sign * (other.score.value - row.score.value) > 0 for other in placed)
            if row.status != "unranked"
            else None,
        )
        for row, letters in zip(rows, statistics.tie_letters(tied), strict=True)
    ]


def _tied(a: Row, b: Row) -> bool:
    """Tell whether the mean difference of final scores on shared seeds may be 0.

    Paired, because equal seeds share levels and initial weights. Not corrected for the number of
    pairs. Fewer than five shared seeds are too few to tell anything apart.
    """
    _, in_a, in_b = np.intersect1d(a.seeds, b.seeds, return_indices=True)
    if len(in_a) < PROVISIONAL_SEEDS:
        return True
    names = sorted([f"{a.agent} {a.design}", f"{b.agent} {b.design}"])
    rng = SeedTree(0).child(a.env_id).child("tie").generator(" vs ".join(names))
    difference = _column(a.seed_score[in_a] - b.seed_score[in_b])
    return not statistics.bootstrap_interval(difference, statistics.mean, rng=rng).excludes(0.0)
