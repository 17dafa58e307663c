"""A pool of processes that survives the death of a worker, and dies with its parent."""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import signal
from collections.abc import Callable, Iterator
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from typing import Any, TypeAlias

SIGNALS = (signal.SIGINT, signal.SIGTERM)
POLL_SECONDS = 0.2
"""How long :meth:`Pool.news` waits, and so how soon a signal is passed on."""

Work: TypeAlias = Callable[[Any, Callable[[], bool], Callable[[Any], None]], Any]
"""(job, whether to stop, where to send messages) -> result; picklable, as job and result are."""


class StopFlag:
    """A request to stop. It takes no lock, so a signal handler may set it at any moment."""

    def __init__(self) -> None:
        """Start without a request."""
        self._set = False

    def set(self) -> None:
        """Ask to stop."""
        self._set = True

    def is_set(self) -> bool:
        """Return whether a stop was asked for."""
        return self._set


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class News:
    """What a worker said.

    Attributes:
        key: Which job it is about.
        message: What the work sent or, if ``final``, returned; None if the worker died.
        final: Whether the job has ended.
        exit_code: The worker's, if it died; negative for a signal.
    """

    key: int
    message: Any = None
    final: bool = False
    exit_code: int | None = None


class Pool:
    """Up to so many workers, each behind a pipe of its own; a context manager.

    A pipe needs no lock that a killed process could take to its grave, and tells each side when the
    other is gone. When the pool ends or its process dies, work is asked to stop.
    """

    def __init__(self, size: int, work: Work) -> None:
        """Prepare; workers are started when they are needed.

        Args:
            size: Number of workers >= 1.
            work: What they do.
        """
        self._size, self._work = size, work
        self._workers: list[_Worker] = []

    def __enter__(self) -> Pool:
        """Return the pool."""
        return self

    def __exit__(self, *error: object) -> None:
        """Wait for the workers to stop and end."""
        for worker in self._workers:
            worker.pipe.close()
        for worker in self._workers:
            worker.process.join()

    def fill(self) -> None:
        """Start all workers, so that they have loaded what they need when there is work."""
        while len(self._workers) < self._size:
            self._workers.append(_Worker(self._work))

    @property
    def has_room(self) -> bool:
        """Whether a job could start now."""
        return sum(worker.key is not None for worker in self._workers) < self._size

    def start(self, key: int, job: Any) -> None:
        """Give a job to an idle worker or to a new one; call if :attr:`has_room`."""
        idle = (worker for worker in self._workers if worker.key is None and not worker.leaving)
        worker = next(idle, None)
        if worker is None:
            worker = _Worker(self._work)
            self._workers.append(worker)
        worker.key = key
        worker.send(job)

    def kill(self, key: int) -> None:
        """Kill the worker that works on a job, if one does; :meth:`news` tells of its death."""
        for worker in self._workers:
            if worker.key == key:
                worker.process.kill()

    def stop(self) -> None:
        """Ask all work under way to stop; asking again changes nothing."""
        for worker in self._workers:
            worker.ask_to_stop()

    def news(self) -> Iterator[News]:
        """Wait a moment; yields at most one message of each worker."""
        ready = wait([worker.pipe for worker in self._workers], timeout=POLL_SECONDS)
        for worker in [worker for worker in self._workers if worker.pipe in ready]:
            key = worker.key
            try:
                final, leaving, message = worker.pipe.recv()
            except (EOFError, OSError):
                self._workers.remove(worker)
                worker.process.join()
                if key is not None:
                    yield News(key=key, final=True, exit_code=worker.process.exitcode)
                continue
            worker.leaving |= leaving
            if final:
                worker.key = None
            if key is not None:
                yield News(key=key, message=message, final=final)


class _Worker:
    """A process that works on one job at a time until its pipe is closed."""

    def __init__(self, work: Work) -> None:
        context = multiprocessing.get_context("spawn")  # forking a process with threads can hang
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, work))
        resource_tracker.ensure_running()  # or start() starts it, and lets the signals through
        # Born with the signals held back, the child cannot be struck before it has handlers.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            self.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
        self.key: int | None = None
        self.leaving = False  # about to end, so not to be given another job

    def ask_to_stop(self) -> None:
        if not self.leaving:
            self.leaving = True
            self.send(None)

    def send(self, message: Any) -> None:
        with contextlib.suppress(OSError):  # it is dead, which the next news will tell
            self.pipe.send(message)


def _serve(pipe: Any, work: Work) -> None:
    """Work on jobs; anything else on the pipe while working means: stop."""
    terminated = StopFlag()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent passes it on
    signal.signal(signal.SIGTERM, lambda *_: terminated.set())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

    def should_stop() -> bool:
        return terminated.is_set() or bool(pipe.poll())  # also true if the parent is dead

    def tell(message: Any, *, final: bool = False, leaving: bool = False) -> None:
        with contextlib.suppress(OSError):  # the parent is dead; should_stop says so
            pipe.send((final, leaving, message))

    leaving = False
    while not leaving and (job := _received(pipe)) is not None:
        result = work(job, should_stop, tell)
        leaving = terminated.is_set()
        tell(result, final=True, leaving=leaving)


def _received(pipe: Any) -> Any:
    """Return the next job, or None if there will be none."""
    try:
        return pipe.recv()
    except (EOFError, OSError):
        return None
