"""The host's side of a worker: a process, two pipes, and a clock that nobody can stop."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Sequence
from pathlib import Path

from operant.reward_design.llm.worker.wire import HEADER

_PACKAGE = "operant.reward_design.llm.worker"
# The worker imports its own few files and nothing else of the package: a module that looks like
# this folder is all that the import system asks for.
_BOOT = f"""
import sys, types
folder = types.ModuleType({_PACKAGE!r})
folder.__path__ = [sys.argv[1]]
sys.modules[folder.__name__] = folder
from {_PACKAGE}.child import main
main(sys.argv[2:])
"""


class WorkerError(Exception):
    """The worker did not answer as it should; it has been ended.

    Attributes:
        code: ``"timeout"``, ``"cpu"``, ``"died"`` or ``"protocol"``.
    """

    def __init__(self, code: str, message: str) -> None:
        """Store both.

        Args:
            code: Kind of failure.
            message: What happened, a sentence without a full stop.
        """
        super().__init__(message)
        self.code = code


class WorkerProcess:
    """A running worker that answers frames.

    An error ends it: after garbage there is no way to know where the next answer begins.
    """

    def __init__(self, arguments: Sequence[str], *, seed: int) -> None:
        """Start an interpreter that knows neither the host's variables nor its files.

        Args:
            arguments: See :func:`operant.reward_design.llm.worker.child.main`.
            seed: Makes the order of its sets repeatable, in [0, 2**32).
        """
        here = str(Path(__file__).resolve().parent)
        threads = {f"{name}_NUM_THREADS": "1" for name in ("OPENBLAS", "OMP", "MKL")}
        requests, self._to = os.pipe()
        self._from, replies = os.pipe()
        try:
            self._process = subprocess.Popen(
                # -s -P and an environment of our own are -I, but for the seed of hashes
                [sys.executable, "-s", "-P", "-S", "-c", _BOOT, here, *arguments],
                stdin=requests,
                stdout=replies,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={"PYTHONHASHSEED": str(seed), **threads},
                start_new_session=True,  # an interrupt of the terminal is the host's alone
            )
        except BaseException:
            _close(self._to, self._from)
            raise
        finally:
            _close(requests, replies)
        self._finalizer = weakref.finalize(self, _end, self._process, self._to, self._from)
        os.set_blocking(self._to, False)
        os.set_blocking(self._from, False)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._finalizer.alive

    def close(self) -> None:
        """End it and wait for that; may be called again."""
        self._finalizer()

    def send(self, kind: int, serial: int, body: bytes, deadline: float) -> None:
        """Write a frame.

        Args:
            kind: What it is.
            serial: Its number.
            body: Its content.
            deadline: When to give up, on the clock of ``time.monotonic``.

        Raises:
            WorkerError: If the worker does not take it.
        """
        rest = memoryview(HEADER.pack(kind, serial, len(body)) + body)
        while rest:
            try:
                rest = rest[os.write(self._to, rest) :]
            except BlockingIOError:
                self._wait(self._to, select.POLLOUT, deadline)
            except BrokenPipeError:
                raise self._death() from None

    def receive(self, serial: int, most: int, deadline: float) -> tuple[int, bytes]:
        """Read the frame of a number, and return its kind and body.

        Args:
            serial: Number of the frame it answers.
            most: Bytes in the longest body that makes sense.
            deadline: When to give up, on the clock of ``time.monotonic``.

        Raises:
            WorkerError: If there is none in time, or something else.
        """
        kind, number, size = HEADER.unpack(self._read(HEADER.size, deadline))
        if number != serial or size > most:
            raise self.failure("protocol", "the worker wrote to its pipe what is no answer")
        return kind, self._read(size, deadline)

    def failure(self, code: str, message: str) -> WorkerError:
        """End the worker and return the error that says so."""
        self.close()
        return WorkerError(code, message)

    def _read(self, size: int, deadline: float) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            try:
                part = os.read(self._from, size - len(parts))
            except BlockingIOError:
                self._wait(self._from, select.POLLIN, deadline)
                continue
            if not part:
                raise self._death()
            parts += part
        return bytes(parts)

    def _wait(self, descriptor: int, event: int, deadline: float) -> None:
        """Wait until a pipe is ready, or raise at the deadline."""
        poll = select.poll()
        poll.register(descriptor, event)
        left = deadline - time.monotonic()
        if left <= 0.0 or not poll.poll(max(1.0, left * 1000.0)):
            raise self.failure("timeout", "the worker did not answer in time and was killed")

    def _death(self) -> WorkerError:
        """Return why a worker is gone whose pipe is closed."""
        try:
            code = self._process.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            return self.failure("died", "the worker closed its pipe and was killed")
        if code == -signal.SIGXCPU:
            return self.failure("cpu", "the worker used up its CPU time")
        if code >= 0:
            return self.failure("died", f"the worker ended itself with exit code {code}")
        known = -code in signal.valid_signals() and -code < signal.SIGRTMIN  # others have no name
        name = signal.Signals(-code).name if known else -code
        return self.failure("died", f"the worker was ended by signal {name}")


def _end(process: subprocess.Popen[bytes], *pipes: int) -> None:
    """Kill a worker, collect it, and close its pipes."""
    process.kill()  # nothing happens in a fork of the host: there it is nobody's child
    process.wait()
    _close(*pipes)


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
