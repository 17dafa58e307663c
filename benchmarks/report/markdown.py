"""The leaderboard as Markdown, for a repository or a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from operant.benchmarks.leaderboard import Leaderboard, Row
from operant.benchmarks.report import text

COLUMNS = (
    "#",
    "Design",
    "Seeds",
    "{score}, IQM (95 % CI)",
    "Tie",
    "P(beats none)",
    "Hacking gap (95 % CI)",
    "AUC",
    "Steps to 80 %",
    "Designed return",
    "True return",
    "Wall",
    "CPU",
)


def render_markdown(leaderboard: Leaderboard, *, title: str, problems: Sequence[str] = ()) -> str:
    """Return the report.

    Args:
        leaderboard: What to show.
        title: Heading.
        problems: One line per run that was found but not counted.
    """
    parts = [f"# {_escape(title)}", ""]
    for env_id, rows in leaderboard.by_env().items():
        parts += [f"## {_escape(env_id)}", ""]
        parts += [f"- {_escape(line)}" for line in text.findings(rows)]
        heads = [name.format(score=rows[0].metric.title) for name in COLUMNS]
        parts += ["", _line(heads), _line(["---"] * len(COLUMNS))]
        parts += [_line([_escape(cell) for cell in _cells(row, rows)]) for row in rows]
        parts += [""]
    parts += ["## How to read this", ""]
    parts += [f"- **{heading}.** {body}" for heading, body in text.GUIDE]
    if problems:
        parts += ["", "## Problems", "", "These runs were found but are not counted.", ""]
        parts += [f"- {_escape(problem)}" for problem in problems]
    return "\n".join(parts) + "\n"


def _cells(row: Row, rows: Sequence[Row]) -> list[str]:
    gap = text.MISSING
    if row.gap is not None:
        flag = "HACKED " if row.hacked else ""
        gap = f"{flag}{text.signed(row.gap.value)} ({text.signed_range(row.gap)})"
    return [
        str(row.rank or text.MISSING),
        text.label(row, rows),
        f"{len(row.seeds)} ({row.status})",
        f"{text.score(row.metric, row.score.value)} ({text.score_range(row.metric, row.score)})",
        row.ties,
        text.percent(row.improvement.value) if row.improvement else text.MISSING,
        gap,
        text.area(row),
        f"{text.steps_to_solve(row)} ({text.censored(row)})",
        text.number(row.designed_return),
        text.number(row.true_return),
        text.seconds(row.wall_s),
        text.seconds(row.cpu_s),
    ]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escape(cell: str) -> str:
    """Keep labels from ending a cell, a line, or turning into markup."""
    flat = " ".join(cell.split())
    for mark in "\\|<>*_`[]":
        flat = flat.replace(mark, f"\\{mark}")
    return flat
