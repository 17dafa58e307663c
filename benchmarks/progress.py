"""Progress of many runs: live bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import (
    Progress as Bars,
)

from operant.benchmarks.executors import Result
from operant.benchmarks.run import Progress
from operant.benchmarks.specs import RunSpec

PLAIN_SECONDS = 5.0
"""Wall seconds between lines where the output is not a terminal."""


class Display:
    """Shows how far a list of runs is; a context manager."""

    def __init__(self, specs: list[RunSpec], done: int, console: Console) -> None:
        """Prepare.

        Args:
            specs: The runs still to be executed.
            done: Number of runs that were finished before.
            console: Where to write.
        """
        self._console, self._total, self._done = console, len(specs) + done, done
        self._steps = {spec.folder: 0 for spec in specs}
        self._budget = {spec.folder: spec.total_steps for spec in specs}
        self._before: dict[str, int] = {}  # steps of continued runs that were made earlier
        self._titles = {spec.folder: f"{spec.name} s{spec.seed}" for spec in specs}
        self._start = self._last_line = time.monotonic()
        self._tasks: dict[str, TaskID] = {}
        self._bars = Bars(
            TextColumn("{task.description:>18}", markup=False),
            BarColumn(bar_width=28),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            console=console,
            disable=not console.is_terminal,
        )
        budget = max(1, sum(self._budget.values()))
        self._all = self._bars.add_task("all runs", total=budget, note=self._count())

    def __enter__(self) -> Self:
        """Start drawing."""
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop drawing."""
        self._bars.stop()
        self._print_line()

    def report(self, progress: Progress) -> None:
        """Take note of a run's progress."""
        folder = progress.folder
        self._steps[folder] = min(progress.step, progress.total_steps)
        self._before.setdefault(folder, self._steps[folder])
        note = f"success {progress.success:4.0%}  designed return {progress.designed_return:.2f}"
        if folder not in self._tasks:
            title, budget = self._titles[folder], progress.total_steps
            self._tasks[folder] = self._bars.add_task(title, total=budget, note="")
        self._bars.update(self._tasks[folder], completed=self._steps[folder], note=note)
        self._bars.update(self._all, completed=sum(self._steps.values()), note=self._count())
        if time.monotonic() - self._last_line >= PLAIN_SECONDS:
            self._print_line()

    def ended(self, result: Result) -> None:
        """Take note of the end of a run."""
        title = self._titles[result.folder]
        if result.outcome == "done":
            self._done += 1
            self._steps[result.folder] = self._budget[result.folder]
        elif result.outcome == "failed":
            self._print(f"{title}: failed: {result.error}", style="red")
        if result.folder in self._tasks:
            self._bars.remove_task(self._tasks.pop(result.folder))
        self._bars.update(self._all, completed=sum(self._steps.values()), note=self._count())

    def _count(self) -> str:
        return f"{self._done}/{self._total} runs"

    def _print_line(self) -> None:
        """Say how far it is, where there are no bars."""
        if self._console.is_terminal:
            return
        now = self._last_line = time.monotonic()
        made, budget = sum(self._steps.values()), max(1, sum(self._budget.values()))
        elapsed, here = now - self._start, made - sum(self._before.values())
        left = f", about {elapsed * (budget - made) / here:.0f}s left" if here else ""
        self._print(f"[{elapsed:4.0f}s] {self._count()}, {made / budget:4.0%} of steps{left}")

    def _print(self, text: str, style: str = "") -> None:
        # Error messages hold brackets, which are not markup, and are one line however long.
        self._console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
