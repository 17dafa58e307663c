"""Where runs are executed: in this process, or in a pool of processes. Both can be stopped."""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, Protocol

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
    outcome: Outcome | str
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
        """Execute runs until all have ended or a stop was asked for; returns how each ended."""


def _execute(
    spec: RunSpec, root: Path, stop: Callable[[], bool], report: Callable[[Progress], None]
) -> Result:
    directory = RunDirectory(root, spec)
    if stop():
        return Result(folder=spec.folder, outcome="interrupted")
    try:
        outcome = Run(directory, should_stop=stop, report=report).execute()
    except Exception as error:  # one run's failure must not take the others down
        message = f"{type(error).__name__}: {error}"
        directory.fail(message)
        return Result(folder=spec.folder, outcome="failed", error=message)
    return Result(folder=spec.folder, outcome=outcome)


@contextlib.contextmanager
def stop_on_signal(event: Any) -> Iterator[None]:
    """Set ``event`` at SIGINT or SIGTERM; a second signal ends the process at once."""

    def handle(number: int, frame: Any) -> None:  # noqa: ARG001
        if event.is_set():
            os._exit(128 + number)
        event.set()

    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread can install handlers; the caller stops us by the event
        return
    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
        event, results = threading.Event(), []
        with stop_on_signal(event):
            for spec in specs:
                results.append(_execute(spec, root, event.is_set, report))
                ended(results[-1])
        return results


class ProcessExecutor:
    """A pool of fresh processes, each with one torch thread: the way to use many cores."""

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
        context = multiprocessing.get_context("spawn")  # forking a process with threads can hang
        stop, news = context.Event(), context.Queue()
        workers = max(1, min(self.workers, len(specs)))
        with (
            stop_on_signal(stop),
            _single_threaded(),
            _relayed(news, report),
            ProcessPoolExecutor(workers, context, _start_worker, (stop, news, os.getpid())) as pool,
        ):
            futures = [pool.submit(_work, spec, root) for spec in specs]
            for future, spec in zip(futures, specs, strict=True):
                future.add_done_callback(lambda f, s=spec: ended(_result(f, s)))
            return [_result(future, spec) for future, spec in zip(futures, specs, strict=True)]


def _result(future: Future[Result], spec: RunSpec) -> Result:
    try:
        return future.result()
    except BrokenProcessPool:
        error = "a worker process died (out of memory?); run again to continue from the checkpoint"
        return Result(folder=spec.folder, outcome="failed", error=error)


@contextlib.contextmanager
def _single_threaded() -> Iterator[None]:
    """Give child processes one BLAS and OpenMP thread each; more than cores cost 4 to 40 times."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


@contextlib.contextmanager
def _relayed(news: Any, report: Callable[[Progress], None]) -> Iterator[None]:
    """Pass progress from the workers on, in a thread, until the block ends."""
    finished = threading.Event()

    def relay() -> None:
        while not finished.is_set():
            with contextlib.suppress(queue.Empty):
                report(news.get(timeout=0.2))

    thread = threading.Thread(target=relay, daemon=True)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()


_stop: Callable[[], bool]
_news: Any


def _start_worker(stop: Any, news: Any, parent: int) -> None:
    """Prepare a worker: the parent decides when to stop, except that it may die first."""
    global _stop, _news
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    _news = news
    _stop = lambda: stop.is_set() or os.getppid() != parent  # noqa: E731


def _work(spec: RunSpec, root: Path) -> Result:
    return _execute(spec, root, _stop, _news.put)
