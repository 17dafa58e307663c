"""Running a suite, and turning a results folder into a leaderboard."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from rich.console import Console

from operant.benchmarks.executors import Executor, ProcessExecutor, Result
from operant.benchmarks.files import canonical_json
from operant.benchmarks.leaderboard import Leaderboard, build_leaderboard
from operant.benchmarks.progress import Display
from operant.benchmarks.records import RunRecord
from operant.benchmarks.report import write_report
from operant.benchmarks.specs import RunSpec, Suite
from operant.benchmarks.store import RunDirectory, Scan, scan


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """A leaderboard on disk.

    Attributes:
        leaderboard: The scores.
        html: Path of the page.
        markdown: Path of the table.
        problems: One line for every run that was found but does not count.
    """

    leaderboard: Leaderboard
    html: Path
    markdown: Path
    problems: list[str]


def run_suite(
    suite: Suite, root: Path, *, executor: Executor | None = None, console: Console | None = None
) -> list[Result]:
    """Execute the runs of a suite that are not finished yet.

    Args:
        suite: What to run.
        root: Results folder of the suite; finished runs in it are kept, interrupted ones continued.
        executor: Where to run; None for a process per core.
        console: Where progress goes; None for standard error.

    Returns:
        How each of the remaining runs ended.
    """
    root.mkdir(parents=True, exist_ok=True)
    scan(root)  # quarantine first: a damaged run is then run again
    specs = suite.runs()
    todo = [spec for spec in specs if not RunDirectory(root, spec).done]
    if not todo:
        return []
    display = Display(todo, len(specs) - len(todo), console or Console(stderr=True))
    with display:
        pool = executor or ProcessExecutor()
        return pool.execute(todo, root, display.report, display.ended)


def status(suite: Suite, root: Path) -> tuple[list[RunSpec], list[RunSpec], Scan]:
    """Return (finished runs, runs to do, everything found in the folder)."""
    found = scan(root, suite.id, move=False)  # a look changes nothing
    finished = {record.run_id for record in found.records}
    specs = suite.runs()
    done = [spec for spec in specs if spec.run_id in finished]
    return done, [spec for spec in specs if spec.run_id not in finished], found


def report(root: Path, *, title: str = "", runs: list[RunSpec] | None = None) -> Report:
    """Score a results folder and write ``leaderboard.html`` and ``leaderboard.md`` into it.

    Args:
        root: Results folder.
        title: Title of the page.
        runs: Count these runs only. None for every run found; where an env, agent and design was
            run with several settings, those of the run that finished last.

    Raises:
        FileNotFoundError: If the folder does not exist or holds no run.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"no results folder {root}; run a suite into it first")
    found = scan(root)
    if runs is None:
        records, unfinished = _latest(found.records), found.unfinished
    else:
        ids, folders = {spec.run_id for spec in runs}, {spec.folder for spec in runs}
        records = [record for record in found.records if record.run_id in ids]
        unfinished = {name: why for name, why in found.unfinished.items() if name in folders}
    problems = dataclasses.replace(found, unfinished=unfinished).problems
    others = len(found.records) + len(found.unfinished) - len(records) - len(unfinished)
    if others:
        problems.append(
            f"{others} other run{'s' if others > 1 else ''} in this folder not shown here; "
            "`operant report` on the folder shows the newest of each design"
        )
    if not records and not problems:
        raise FileNotFoundError(f"no runs in {root}; run a suite into it first")
    board = build_leaderboard(records)
    html, markdown = write_report(board, root, title=title or root.name, problems=problems)
    return Report(leaderboard=board, html=html, markdown=markdown, problems=problems)


def _latest(records: list[RunRecord]) -> list[RunRecord]:
    """Keep those runs of each env, agent and design that share the settings of its newest run."""

    def settings(record: RunRecord) -> str:
        return canonical_json({**record.manifest.get("config", {}), "seed": None})

    newest = {}
    for record in sorted(records, key=lambda record: str(record.manifest.get("finished"))):
        newest[record.env_id, record.agent, record.design] = settings(record)
    kept = set(newest.values())
    return [record for record in records if settings(record) in kept]
