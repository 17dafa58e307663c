"""``operant bench run SUITE`` and ``operant bench status SUITE``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from rich.markup import escape
from tyro.conf import Positional, arg

if TYPE_CHECKING:
    from operant.benchmarks.specs import Suite


def bench(
    action: Positional[Literal["run", "status"]],
    suite: Annotated[Positional[str], arg(metavar="SUITE")],
    results: Path | None = None,
    workers: int | None = None,
    testing: bool = False,
) -> int:
    """Run a benchmark suite, or show how far it is.

    Args:
        action: ``run`` executes what is not finished; ``status`` only looks.
        suite: Id of the suite, see ``operant suites``.
        results: Results folder; by default results/SUITE.
        workers: Number of processes; by default one per core.
        testing: Run a version that takes seconds and whose scores mean nothing.

    Raises:
        MissingExtraError: If the suite's envs need an extra that is not installed.
    """
    from operant import benchmarks
    from operant.cli.doctor import missing
    from operant.errors import MissingExtraError

    chosen, extra = benchmarks.suite(suite), benchmarks.registry()[suite].extra
    if action == "run" and (absent := missing(extra)):  # once, not for every run
        raise MissingExtraError(absent[0], extra)
    chosen = chosen.testing() if testing else chosen
    folder = results or Path("results") / chosen.id
    return run_and_report(chosen, folder, workers) if action == "run" else show(chosen, folder)


def run_and_report(suite: Suite, folder: Path, workers: int | None) -> int:
    """Run what is missing and write the leaderboard of the suite."""
    from operant.benchmarks.bench import report, run_suite
    from operant.benchmarks.executors import ProcessExecutor
    from operant.cli.output import exit_code, summary

    code = exit_code(run_suite(suite, folder, executor=ProcessExecutor(workers)))
    if code == 0:
        summary(report(folder, title=suite.title, runs=suite.runs()))
    return code


def show(suite: Suite, folder: Path) -> int:
    """Print which runs of a suite are finished, and what else the folder holds."""
    from operant.benchmarks.bench import status
    from operant.cli.output import console, table

    done, todo, found = status(suite, folder)
    finished = {spec.folder for spec in done}
    rows = [
        (spec.env_id, spec.name, spec.agent, str(spec.seed), _state(spec.folder, finished, found))
        for spec in (*done, *todo)
    ]
    table(f"{suite.id} in {folder}", ("env", "design", "agent", "seed", "state"), rows)
    for name, reason in found.quarantined.items():
        console.print(f"[yellow]quarantined[/] {name}: {escape(reason)}", soft_wrap=True)
    console.print(f"{len(done)} of {len(done) + len(todo)} runs finished")
    return 0


def _state(folder: str, finished: set[str], found: object) -> str:
    unfinished: dict[str, str] = getattr(found, "unfinished", {})
    return "done" if folder in finished else unfinished.get(folder, "not started")
