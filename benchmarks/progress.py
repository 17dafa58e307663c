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
        self._titles = {spec.folder: f"{spec.name} s{spec.seed}" for spec in specs}
        self._start = self._last_line = time.monotonic()
        self._tasks: dict[str, TaskID] = {}
        self._bars = Bars(
            TextColumn("{task.description:>18}"),
            BarColumn(bar_width=28),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
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

    def report(self, progress: Progress) -> None:
        """Take note of a run's progress."""
        folder = progress.folder
        self._steps[folder] = min(progress.step, progress.total_steps)
        note = f"success {progress.success:4.0%}  designed return {progress.designed_return:.2f}"
        if folder not in self._tasks:
            title, budget = self._titles[folder], progress.total_steps
            self._tasks[folder] = self._bars.add_task(title, total=budget, note="")
        self._bars.update(self._tasks[folder], completed=self._steps[folder], note=note)
        self._bars.update(self._all, completed=sum(self._steps.values()), note=self._count())
        now = time.monotonic()
        if not self._console.is_terminal and now - self._last_line >= PLAIN_SECONDS:
            self._last_line = now
            self._console.print(self._line(now), highlight=False)

    def ended(self, result: Result) -> None:
        """Take note of the end of a run."""
        title = self._titles[result.folder]
        if result.outcome == "done":
            self._done += 1
            self._steps[result.folder] = self._budget[result.folder]
        elif result.outcome == "failed":
            self._console.print(f"{title}: failed: {result.error}", style="red", highlight=False)
        if result.folder in self._tasks:
            self._bars.remove_task(self._tasks.pop(result.folder))
        self._bars.update(self._all, completed=sum(self._steps.values()), note=self._count())

    def _count(self) -> str:
        return f"{self._done}/{self._total} runs"

    def _line(self, now: float) -> str:
        share = sum(self._steps.values()) / max(1, sum(self._budget.values()))
        elapsed = now - self._start
        left = f"{elapsed * (1 - share) / share:.0f}s" if share else "?"
        return f"[{elapsed:4.0f}s] {self._count()}, {share:4.0%} of steps, about {left} left"
