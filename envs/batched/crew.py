"""Worker processes as their parent sees them: started, asked, watched, replaced, sent home."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from typing import Any

from operant.envs.batched.shared import BEGIN, BUILD, FAILED, Line
from operant.envs.batched.worker import Description, Order
from operant.errors import OperantError

START_S = 300.0
"""So long a worker may take until its world is built: imports on a busy machine are slow."""
PARTING_S = 5.0
"""So long a worker may take to close its world."""
_PROGRAM = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[3]); "
    "from operant.envs.batched.worker import main; main(int(sys.argv[1]), int(sys.argv[2]))"
)


class WorkersDiedError(OperantError):
    """Worker processes died too often, or before their world was built."""


class Died:
    """Stands for the answer of a worker that died before it gave one."""


class Worker:
    """A process that has some of the rows."""

    def __init__(self, order: Order, module: tuple[str, str | None], memory: int) -> None:
        """Start it; it answers when its module is imported, and when its world is built.

        Args:
            order: What it builds.
            module: Name and file of the module that it must be able to import.
            memory: File descriptor of the shared memory.
        """
        self.rows, self.cause = order.rows, ""
        self.owes = 0  # answers that nobody has read
        end, theirs = socket.socketpair()
        self.line, self.descriptor = Line(end), end.fileno()
        self._scratch = tempfile.mkdtemp(prefix="operant-")  # NLE keeps folders while games run
        single = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # it is one of many
        command = [sys.executable, "-c", _PROGRAM, str(theirs.fileno()), str(memory)]
        with theirs, _signals_held_back():
            self.process = subprocess.Popen(
                [*command, json.dumps(sys.path)],
                pass_fds=(theirs.fileno(), memory),
                stdin=subprocess.DEVNULL,
                env={**single, **os.environ, "TMPDIR": self._scratch},
                start_new_session=True,
            )
        self.ask(BEGIN, module)
        self.ask(BUILD, order)

    def ask(self, code: bytes, content: object = None) -> None:
        """Send an order; if it is dead, that shows when the answer is read."""
        self.owes += 1
        with contextlib.suppress(OSError):
            self.line.send(code, content)

    def answer(self) -> tuple[bytes, Any] | None:
        """Return an answer, None if the worker is gone."""
        try:
            answered = self.line.receive()
        except (OSError, EOFError):
            return None
        except BaseException:  # interrupted, perhaps in the middle of an answer
            self.hang_up()
            raise
        self.owes -= 1
        return answered

    def hang_up(self) -> None:
        """Tell it to close its world and end."""
        with contextlib.suppress(OSError):
            self.line.end.shutdown(socket.SHUT_RDWR)  # also if a fork of ours holds a copy
        self.line.end.close()

    def end(self, patience_s: float, cause: str = "") -> None:
        """Wait for its end, and bring it about when patience is at an end."""
        self.hang_up()
        try:
            self.process.wait(patience_s)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.cause = cause or _ending(self.process.returncode)
        shutil.rmtree(self._scratch, ignore_errors=True)


class Crew:
    """Workers, each of which has some of the rows."""

    def __init__(
        self, orders: Sequence[Order], module: tuple[str, str | None], timeout_s: float
    ) -> None:
        """Start them all.

        Args:
            orders: One per worker.
            module: Name and file of the module of their world.
            timeout_s: So long an order may take.

        Raises:
            WorkersDiedError: If one dies at that.
            Exception: What the world's constructor raised, of the same class.
        """
        self.memory = _memory()
        self._orders, self._module, self._timeout_s = orders, module, timeout_s
        self._owner, self._poll = os.getpid(), select.poll()
        self.workers: list[Worker] = []
        self._of: dict[int, int] = {}  # descriptor -> index
        try:
            for index, order in enumerate(orders):
                self.workers.append(Worker(order, module, self.memory))
                self._watch(index)
            built = self._built(range(len(orders)))
        except BaseException:
            self.dismiss()
            raise
        self.description: Description = built[0]

    def _built(self, who: Sequence[int]) -> list[Any]:
        """Wait until workers have built their worlds, and return their descriptions."""
        answers = self._gather(who, START_S)
        for index, answer in zip(who, answers, strict=True):
            if answer is Died:
                raise WorkersDiedError(
                    f"a worker process died while it built {self._orders[index].kind.__name__}: "
                    f"{self.workers[index].cause}"
                )
        return answers

    def _watch(self, index: int) -> None:
        worker = self.workers[index]
        worker.line.end.settimeout(self._timeout_s)
        self._of[worker.descriptor] = index
        self._poll.register(worker.descriptor, select.POLLIN)

    def ask(
        self, who: Sequence[int], code: bytes, contents: Sequence[object] | None = None
    ) -> list[Any]:
        """Ask some workers the same, and wait for all answers.

        Args:
            who: Which workers.
            code: What is asked.
            contents: One object per worker to go with it, or None.

        Returns:
            One answer per worker; :class:`Died` of one that died, and is to be replaced.

        Raises:
            Exception: What one of their worlds raised, of the same class.
        """
        late = [index for index, worker in enumerate(self.workers) if worker.owes]
        if late:  # an earlier call was interrupted
            self._gather(late, self._timeout_s, quiet=True)
        for at, index in enumerate(who):
            if not self.workers[index].cause:
                self.workers[index].ask(code, contents and contents[at])
        return self._gather(who, self._timeout_s)

    def _gather(self, who: Sequence[int], limit_s: float, *, quiet: bool = False) -> list[Any]:
        """Wait until workers owe nothing; return the last answer of each, or raise an error."""
        answers: dict[int, Any] = {index: Died for index in who if self.workers[index].cause}
        errors: list[Exception] = []
        waiting, deadline = set(who) - set(answers), time.monotonic() + limit_s
        while waiting:
            events = self._poll.poll(max(0.0, deadline - time.monotonic()) * 1000.0)
            for index in [] if events else sorted(waiting):
                answers[index] = self._bury(index, f"it did not answer within {limit_s:g} s")
            for descriptor, _ in events:
                index = self._of[descriptor]
                answered = self.workers[index].answer()
                if answered is None:
                    answers[index] = self._bury(index)
                elif answered[0] == FAILED:
                    errors.append(answered[1].rebuilt())
                else:
                    answers[index] = answered[1]
            waiting -= {i for i in waiting if not self.workers[i].owes}
        if errors and not quiet:
            raise errors[0]
        return [answers.get(index) for index in who]

    def _bury(self, index: int, cause: str = "") -> type[Died]:
        """End a worker that is dead or silent."""
        worker = self.workers[index]
        self._poll.unregister(worker.descriptor)
        del self._of[worker.descriptor]
        worker.owes = 0
        worker.end(0.0 if cause else PARTING_S, cause)
        return Died

    def replace(self, index: int) -> None:
        """Start a new worker in the place of a dead one.

        Raises:
            WorkersDiedError: If the new one dies while it builds its world.
        """
        self.workers[index] = Worker(self._orders[index], self._module, self.memory)
        self._watch(index)
        self._built([index])

    def dismiss(self) -> None:
        """Send all workers home; a process that was forked from ours leaves them alone."""
        if os.getpid() != self._owner or self.memory < 0:
            return
        for worker in self.workers:
            worker.hang_up()
        deadline = time.monotonic() + PARTING_S
        for worker in self.workers:
            worker.end(max(0.0, deadline - time.monotonic()))
        os.close(self.memory)
        self.memory = -1


def _memory() -> int:
    """Return shared memory without a name, which is gone when the last process is."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("operant")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _ending(code: int) -> str:
    """Say how a process ended."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {-code} ({signal.Signals(-code).name})"
    except ValueError:
        return f"signal {-code}"


@contextlib.contextmanager
def _signals_held_back() -> Iterator[None]:
    """Block signals, so that a process that is started meanwhile has them blocked for good.

    Terminals and schedulers send them to a parent and to its children, but it is for the parent to
    answer: it may want to finish what it does.
    """
    held_back = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, held_back)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
