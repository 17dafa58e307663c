"""What several commands print and parse."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from operant.benchmarks.bench import Report
    from operant.benchmarks.executors import Result

console = Console(soft_wrap=False, highlight=False)


NAME = 40
"""Letters up to which the first column of a table is never folded."""


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table."""
    made = Table(title=title, title_justify="left", title_style="bold", pad_edge=False, box=None)
    cells = [[printable(cell) for cell in row] for row in rows]
    names = [len(row[0]) for row in cells if row]
    # what a row is called stays in one piece: it is what one copies
    widths = [min(max(names, default=0), NAME), *[0] * (len(columns) - 1)]
    for name, width in zip(columns, widths, strict=True):
        made.add_column(name, overflow="fold", min_width=width)
    for row in cells:
        made.add_row(*map(escape, row))
    console.print(made)


def json_object(option: str, text: str) -> dict[str, Any]:
    """Parse the value of an option that takes a JSON object.

    Raises:
        ValueError: If it is not one; names the option.
    """
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{option} must be a JSON object, got {text!r}: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(f"{option} must be a JSON object like '{{\"scale\": 2}}', got {text!r}")
    return value


def printable(text: str, *, kept: str = "\n\t") -> str:
    """Return text of anybody's as a terminal may be shown it, as long as it was.

    Args:
        text: The text.
        kept: Characters that stay though they only move the cursor.

    >>> printable("one" + chr(27) + "[2Jtwo")
    'one?[2Jtwo'
    """
    return "".join(c if c.isprintable() or c in kept else "?" for c in text)


def check_output(option: str, path: Path, suffixes: Sequence[str]) -> None:
    """Make sure, before any work is done, that a file can be written.

    Raises:
        ValueError: If it cannot; names the option.
    """
    if path.suffix not in suffixes:
        raise ValueError(f"{option} must end in {' or '.join(suffixes)}, got {path}")
    if path.is_dir() or not path.parent.is_dir():
        what = "is a folder" if path.is_dir() else f"needs the folder {path.parent}, make it first"
        raise ValueError(f"{option}: {path} {what}")


def exit_code(results: Sequence[Result]) -> int:
    """Return the exit code that says how runs ended, and print what to do where they did not."""
    from operant.cli import FAILED, INTERRUPTED, OK

    outcomes = {result.outcome for result in results}
    if "failed" in outcomes:
        for result in results:
            if result.outcome == "failed":
                console.print(
                    f"[red]failed[/] {result.folder}: {escape(result.error)}", soft_wrap=True
                )
        return FAILED
    if "interrupted" in outcomes:
        console.print("Stopped and saved. The same command continues where it was.")
        return INTERRUPTED
    if "busy" in outcomes:
        console.print("Some runs are being worked on by another process; run again later.")
        return INTERRUPTED
    return OK


def summary(made: Report) -> None:
    """Print the leaderboard, one table per env, and where the page is."""
    from operant.benchmarks.report import text

    for env_id, group in made.leaderboard.by_env().items():
        several, metric = len({row.agent for row in group}) > 1, group[0].metric
        rows = []
        for row in group:
            gap = "?" if row.gap is None else text.signed(row.gap.value)
            rows.append(
                (
                    f"{row.design} ({row.agent})" if several else row.design,
                    text.score(metric, row.score.value),
                    text.score_range(metric, row.score),
                    row.ties,
                    gap,
                    "HACKED" if row.hacked else "",
                    text.steps_to_solve(row),
                    str(len(row.seeds)),
                )
            )
        columns = (
            "design",
            metric.title.lower(),
            "95 % CI",
            "tie",
            "hacking gap",
            "",
            "steps to 80 %",
        )
        table(env_id, (*columns, "seeds"), rows)
    for problem in made.problems:
        console.print(f"[yellow]not counted[/] {escape(problem)}", soft_wrap=True)
    console.print(f"\nLeaderboard: {shown(made.html)}\nas a table:  {shown(made.markdown)}")


def program() -> str:
    """Return how the user can call this program again: its name, or its path if not on PATH."""
    here = Path(sys.argv[0])
    found = shutil.which("operant")
    return "operant" if found and Path(found).resolve() == here.resolve() else shown(here)


def shown(path: Path) -> str:
    """Return a path as the user would type it from here."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
