"""Where runs are executed: in this process, or in a pool of processes. Both can be stopped."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

from operant.benchmarks.pool import SIGNALS, News, Pool, StopFlag
from operant.benchmarks.run import Outcome, Progress, Run
from operant.benchmarks.specs import RunSpec
from operant.benchmarks.store import RunDirectory


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """How a run ended.

    Attributes:
        folder: The run.
        outcome: ``"done"``, ``"interrupted"`` (saved), ``"busy"`` (another process has it) or
            ``"failed"``.
        error: What went wrong, for ``"failed"``.
    """

    folder: str
    outcome: Outcome | Literal["failed"]
    error: str = ""


class Executor(Protocol):
    """Executes runs; state lives in the run directories, so executors are interchangeable."""

    def execute(
        self,
        specs: Sequence[RunSpec],
        root: Path,
        report: Callable[[Progress], None],
        ended: Callable[[Result], None],
    ) -> list[Result]:
        """Execute runs until all have ended or a stop was asked for.

        Args:
            specs: The runs.
            root: Results folder.
            report: Called here with the progress of each run.
            ended: Called here once for each run.

        Returns:
            How each run ended, in the order of ``specs``.
        """


@contextlib.contextmanager
def stop_on_signal(flag: StopFlag) -> Iterator[None]:
    """Set ``flag`` at SIGINT or SIGTERM; a second signal ends the process at once."""

    def handle(number: int, frame: Any) -> None:  # noqa: ARG001
        if flag.is_set():
            os._exit(128 + number)
        flag.set()

    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread can install handlers
        return
    before = {number: signal.signal(number, handle) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _execute(
    root: Path, spec: RunSpec, stop: Callable[[], bool], report: Callable[[Progress], None]
) -> Result:
    if stop():
        return Result(folder=spec.folder, outcome="interrupted")
    try:
        outcome = Run(RunDirectory(root, spec), should_stop=stop, report=report).execute()
    except Exception as error:  # one run's failure must not take the others down
        message = f"{type(error).__name__}: {error}"
        return Result(folder=spec.folder, outcome="failed", error=message)
    return Result(folder=spec.folder, outcome=outcome)


class SerialExecutor:
    """One run after the other in this process."""

    def execute(
        self,
        specs: Sequence[RunSpec],
        root: Path,
        report: Callable[[Progress], None],
        ended: Callable[[Result], None],
    ) -> list[Result]:
        """Execute the runs; see :class:`Executor`."""
        flag, results = StopFlag(), []
        with stop_on_signal(flag):
            for spec in specs:
                results.append(_execute(root, spec, flag.is_set, report))
                ended(results[-1])
        return results


class ProcessExecutor:
    """A pool of fresh processes, each with one torch thread: the way to use many cores.

    A worker that dies takes only its own run down. Workers whose parent dies save and end.
    """

    def __init__(self, workers: int | None = None) -> None:
        """Choose the size of the pool.

        Args:
            workers: Number of processes >= 1; None for one per core.

        Raises:
            ValueError: If ``workers`` is below 1.
        """
        if workers is not None and workers < 1:
            raise ValueError(f"workers must be >= 1, got {workers}")
        self.workers = workers or os.cpu_count() or 1

    def execute(
        self,
        specs: Sequence[RunSpec],
        root: Path,
        report: Callable[[Progress], None],
        ended: Callable[[Result], None],
    ) -> list[Result]:
        """Execute the runs; see :class:`Executor`."""
        flag, todo, results = StopFlag(), deque(enumerate(specs)), dict[int, Result]()

        def end(index: int, result: Result) -> None:
            results[index] = result
            ended(result)

        work = functools.partial(_execute, root)
        with stop_on_signal(flag), single_threaded(), Pool(self.workers, work) as pool:
            while len(results) < len(specs):
                if flag.is_set():
                    pool.stop()
                    while todo:
                        index, spec = todo.popleft()
                        end(index, Result(folder=spec.folder, outcome="interrupted"))
                while todo and pool.has_room:
                    pool.start(*todo.popleft())
                for news in pool.news():
                    if news.final:
                        end(news.key, news.message or _death(specs[news.key], news))
                    else:
                        report(news.message)
        return [results[index] for index in range(len(specs))]


def _death(spec: RunSpec, news: News) -> Result:
    error = (
        f"its process died (exit code {news.exit_code}; -9 often means: out of memory); run again "
        "to continue from the checkpoint"
    )
    return Result(folder=spec.folder, outcome="failed", error=error)


@contextlib.contextmanager
def single_threaded() -> Iterator[None]:
    """Give child processes one BLAS and OpenMP thread each; more than cores cost 4 to 40 times."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
