"""Numbers and sentences of the reports, shared by HTML and Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from operant.benchmarks.leaderboard import BASELINE, PROVISIONAL_SEEDS, Row
from operant.benchmarks.metrics import SUCCESS, Metric
from operant.benchmarks.statistics import Interval

EN_DASH, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"
MISSING = EN_DASH

GUIDE = (
    (
        "True and designed",
        "Agents are trained on a designed reward, but every number under “true” comes from a fresh "
        "environment without the design. “True success” is how often the task itself is "
        "solved at the end of training. “Designed return” is what the agent was paid. Each "
        "environment is ranked by its own score: success, return, regret, ...",
    ),
    (
        "Hacking gap",
        "How far the designed return ran ahead of the true one, when random actions count as 0 "
        "and the best policy for the true task as 1 under both. Near 0: the design pays for the "
        "task. Positive: it pays for something else. A row is flagged as hacked if the gap is "
        "above 0.1 and its 95 % interval excludes 0.",
    ),
    (
        "Seeds and status",
        "A seed is one complete training run. Rows with at least 10 seeds are ranked, 5 to 9 are "
        "provisional (intervals this small are somewhat too narrow), fewer are shown but unranked. "
        "A dot or thin line is one seed.",
    ),
    (
        "Intervals and ties",
        "A score is the interquartile mean over seeds: the best and worst quarter are left out. "
        "Ranges are 95 % bootstrap intervals; zero width means that all seeds agree, not that "
        "the number is certain. Rows sharing a tie letter cannot be told apart on the seeds they "
        "share.",
    ),
)
"""Heading and text of the reading guide."""


def percent(value: float) -> str:
    """Format a fraction; one decimal only where rounding would claim all or nothing.

    >>> percent(0.876), percent(0.996), percent(1.0)
    ('88 %', '99.6 %', '100 %')
    """
    return f"{_percent_number(value)} %"


def _percent_number(value: float) -> str:
    near_edge = 0.0 < value < 0.01 or 0.99 < value < 1.0
    return f"{100 * value:.{1 if near_edge else 0}f}"


def percent_range(interval: Interval) -> str:
    """Format the bounds of an interval of fractions."""
    if math.isnan(interval.low):
        return MISSING
    return f"{_percent_number(interval.low)}{EN_DASH}{_percent_number(interval.high)} %"


def score(metric: Metric, value: float) -> str:
    """Format a score: a share in percent, anything else as a number."""
    return percent(value) if metric.share else number(value)


def score_range(metric: Metric, interval: Interval) -> str:
    """Format the bounds of an interval of scores."""
    if metric.share:
        return percent_range(interval)
    if math.isnan(interval.low):
        return MISSING
    return f"{number(interval.low)} to {number(interval.high)}"


def signed(value: float) -> str:
    """Format a difference with its sign; never a negative zero.

    >>> signed(0.123), signed(-0.001)
    ('+0.12', '0.00')
    """
    rounded = round(value, 2)
    return f"{rounded:+.2f}".replace("-", MINUS) if rounded else "0.00"


def signed_range(interval: Interval) -> str:
    """Format the bounds of an interval of differences."""
    if math.isnan(interval.low):
        return MISSING
    return f"{signed(interval.low)} to {signed(interval.high)}"


def number(value: float) -> str:
    """Format a return with three significant digits and a true minus sign.

    >>> number(12.3456), number(123.456)
    ('12.3', '123')
    """
    shown = f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return ("0" if float(shown) == 0 else shown).replace("-", MINUS)


def steps(value: float) -> str:
    """Format a number of env steps.

    >>> steps(950), steps(61_440), steps(2_500_000)
    ('950', '61.4k', '2.5M')
    """
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.0f}"


def seconds(value: float | None) -> str:
    """Format a duration.

    >>> seconds(4.56), seconds(125.0)
    ('4.6 s', '2 min 05 s')
    """
    if value is None:
        return MISSING
    if round(value) < 60:
        return f"{value:.1f} s" if value < 10 else f"{value:.0f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest:02d} s"


def steps_to_solve(row: Row) -> str:
    """Format the Kaplan-Meier median, or say that it lies beyond the budget."""
    if math.isinf(row.median_steps):
        return f"> {steps(row.total_steps)}"
    return steps(row.median_steps)


def censored(row: Row) -> str:
    """Say how many seeds never reached 80 % success."""
    return f"{row.censored} of {len(row.seeds)} never" if row.censored else "all seeds"


def area(row: Row) -> str:
    """Format the mean score over training."""
    return f"{row.auc.value:.2f}" if row.metric.share else number(row.auc.value)


def seed_count(row: Row) -> str:
    """Say how many seeds there are."""
    return "1 seed" if len(row.seeds) == 1 else f"{len(row.seeds)} seeds"


def label(row: Row, rows: Sequence[Row]) -> str:
    """Name a row: its design, with the agent where the env has several."""
    several = len({other.agent for other in rows}) > 1
    return f"{row.design} · {row.agent}" if several else row.design


def findings(rows: Sequence[Row]) -> list[str]:
    """Say in sentences what the rows of one env show."""
    best = rows[0]
    tied = [label(row, rows) for row in rows[1:] if set(row.ties) & set(best.ties)]
    metric, end = best.metric, "Highest" if best.metric.higher else "Lowest"
    line = f"{end} {metric.title.lower()}: {label(best, rows)} with "
    line += score(metric, best.score.value)
    if not math.isnan(best.score.low):
        line += f" (95 % interval {score_range(metric, best.score)})"
    if len(best.seeds) < PROVISIONAL_SEEDS and len(rows) > 1:
        line += "; too few seeds to compare designs"
    elif tied:
        line += f"; not distinguishable from {_and(tied)}"
    elif len(rows) > 1:
        line += ", ahead of every other row"
    lines = [f"{line}."]
    lines += [
        f"{label(row, rows)} is hacked: gap {signed(row.gap.value)} ({signed_range(row.gap)}). "
        f"The agent earns {number(row.designed_return)} of designed return per episode while "
        f"it solves {percent(row.success.value)} of the episodes."
        for row in rows
        if row.hacked and row.gap is not None
    ]
    lines += [
        f"Without any design ({label(row, rows)}) the agent {_reaches(row)}."
        for row in rows
        if row.design == BASELINE and row is not best
    ]
    return [*lines, *_references(best)]


def _references(row: Row) -> list[str]:
    """Say between what the scores lie, where success rates do not say it themselves."""
    told, metric = row.references, row.metric
    if metric.share or told.random is None:
        return []
    line = f"Random play scores {score(metric, float(told.random['score']))}"
    if told.best is not None:
        line += f"; the best that there is, {score(metric, told.best)}"
    return [f"{line}."]


def reached(row: Row) -> str:
    """Say what a row scores.

    Shares come before their name, other numbers after it.
    """
    name, value = row.metric.title.lower(), score(row.metric, row.score.value)
    return f"{value} {name}" if row.metric.share else f"{name} {value}"


def _reaches(row: Row) -> str:
    reached = score(row.metric, row.score.value)
    if row.metric is SUCCESS:
        return f"solves {reached}"
    name = row.metric.title.lower()
    return f"reaches {'an' if name[0] in 'aeiou' else 'a'} {name} of {reached}"


def _and(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def provenance(row: Row) -> list[tuple[str, str]]:
    """List what is known about how the row's numbers came to be."""
    runs = ", ".join(
        f"{seed}: {run_id}" for seed, run_id in zip(row.seeds, row.run_ids, strict=True)
    )
    points = len(row.curves["success"].steps)
    own = [
        ("suite", row.suite),
        ("env", row.env_id),
        ("agent", row.agent),
        ("scored by", f"{row.metric.title.lower()}: {row.metric.hint}"),
        ("training budget", f"{row.total_steps:,} env steps per seed"),
        ("evaluation", f"{row.episodes} episodes, at each of {points} points"),
        ("runs (seed: id)", runs),
    ]
    manifest = {key: value for key, value in row.manifest.items() if key != "command"}
    return own + [(f"seed {row.seeds[0]}: {key}", value) for key, value in _flat(manifest)]


def _flat(mapping: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in sorted(mapping.items()):
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        elif isinstance(value, float):
            yield f"{prefix}{key}", f"{value:.6g}"
        else:
            yield f"{prefix}{key}", str(value)
