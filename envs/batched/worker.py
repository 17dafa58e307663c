"""The program of a worker process: a world with some of the rows, which does what its parent asks.

It ends when its parent closes the line, or is gone; a game that hangs then is ended by an alarm.
"""

from __future__ import annotations

import contextlib
import dataclasses
import faulthandler
import importlib
import importlib.util
import os
import select
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.batched.shared import (
    BEGIN,
    BUILD,
    CALL,
    DONE,
    FAILED,
    FLAGS,
    RESET,
    STEP,
    STEP_ALL,
    Failure,
    Line,
    Slot,
    board,
    flat,
    layout_of,
    outcome,
)
from operant.envs.batched.world import BatchWorld, Outcome
from operant.errors import OperantError
from operant.types import Int

_PATIENCE_MS = 1
"""So long it waits for the next order before it works ahead: short gaps are left to the parent."""
IN_WORKER = "OPERANT_WORKER"
"""Environment variable that only workers have."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What a worker builds.

    Attributes:
        kind: The world.
        arguments: Its arguments beside ``num``.
        rows: The worker's rows.
        num: Rows of all workers.
        limit_s: So long a single order may take.
    """

    kind: type[BatchWorld]
    arguments: dict[str, Any]
    rows: slice
    num: int
    limit_s: float


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Description:
    """What a worker's world is like.

    Attributes:
        layout: Arrays of what it shows.
        orders: Arrays beside them: elapsed steps, which rows an order is about, their actions.
        paid: Whether reward and true reward are one array.
        attributes: Its spaces, feature table and time limit.
    """

    layout: tuple[Slot, ...]
    orders: tuple[Slot, ...]
    paid: bool
    attributes: dict[str, Any]

    def boards(self, memory: int, num: int) -> tuple[dict[str, Any], dict[str, Any]]:
        """Map what is shown and what is ordered, each name -> (num, ...)."""
        shown, used = board(memory, self.layout, num)
        return shown, board(memory, self.orders, num, used)[0]


def main(line: int, memory: int) -> None:
    """Serve a parent.

    Args:
        line: File descriptor of this side's end of the connection.
        memory: File descriptor of the shared memory.
    """
    for descriptor in (line, memory):
        os.set_inheritable(descriptor, False)
    faulthandler.enable()
    os.environ[IN_WORKER] = "1"
    with socket.socket(fileno=line) as end, contextlib.suppress(OSError, EOFError):
        _serve(Line(end), memory)
    shutil.rmtree(os.environ["TMPDIR"], ignore_errors=True)  # its parent may be gone


def _serve(line: Line, memory: int) -> None:
    worker: _Worker | None = None
    try:
        while True:
            if worker:
                worker.work_ahead(line.end)
            try:
                code, content = line.receive()
            except (OSError, EOFError):
                raise
            except Exception as error:  # it cannot be read
                line.send(FAILED, Failure.of(error))
                if worker is None:
                    return
                continue
            try:
                answer: object = None
                if code == BEGIN:
                    provide(*content)
                elif code == BUILD:
                    worker = _Worker(content, memory)
                    answer = worker.description
                else:
                    assert worker is not None  # a parent begins with BUILD
                    answer = worker.obey(code, content)
                reply = DONE, answer
            except Exception as error:  # whatever the world raises is the parent's to handle
                reply = FAILED, Failure.of(error)
            try:
                line.send(*reply)
            except (TypeError, AttributeError, ValueError) as error:  # it cannot be pickled
                line.send(FAILED, Failure.of(error))
            if reply[0] == FAILED and worker is None:
                return
    finally:
        if worker:
            worker.world.close()


def provide(module: str, file: str | None) -> None:
    """Make a module importable under its name, from its file if need be.

    Raises:
        OperantError: If it starts processes itself while it is imported.
    """
    if module != "__main__":
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(module)
            return
    if file is None:
        raise OperantError(
            f"workers cannot import the world's module {module!r}, which has no file; put the "
            "world into a file"
        )
    name = "__operant_main__" if module == "__main__" else module  # a guard holds what it guards
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    sys.modules[module] = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[name])


class _Worker:
    """A world with some rows of the shared arrays."""

    def __init__(self, order: Order, memory: int) -> None:
        self._order, self._memory = order, memory
        self._first_rows = np.arange(order.rows.stop - order.rows.start)
        self._placed: dict[str, npt.NDArray[Any]] = {}
        self._fault: Exception | None = None
        self.world = self._built()
        world = self.world
        layout = layout_of(flat(world.out))
        space = world.action_space
        self.description = Description(
            layout=layout,
            orders=(
                Slot("elapsed", "<i8", ()),
                Slot("chosen", "|b1", ()),
                Slot("actions", np.dtype(space.dtype).str, space.shape or ()),
            ),
            paid=world.out.reward is world.out.true_reward,
            attributes={
                "observation_space": world.observation_space,
                "action_space": space,
                "table": world.table,
                "max_steps": world.max_steps,
            },
        )
        shown, orders = self.description.boards(memory, order.num)
        self._orders = {name: part[order.rows] for name, part in orders.items()}
        views = {name: part[order.rows] for name, part in shown.items()}
        self._shown = outcome({**views, **self._placed}, paid=self.description.paid)
        self._idle = True
        self._publish(slice(None))

    def _built(self) -> BatchWorld:
        """Build the world so that it writes into shared memory itself, where it lets us."""
        order, num = self._order, len(self._first_rows)
        Outcome.place = self._place
        try:
            world = order.kind(num=num, **order.arguments)
        finally:
            Outcome.place = None
        if layout_of(flat(world.out))[: len(self._placed)] != layout_of(self._placed):
            world.close()  # it shows something else than it first asked memory for
            self._placed = {}
            world = order.kind(num=num, **order.arguments)
        return world

    def _place(self, made: Outcome) -> Outcome:
        """Return an outcome whose observations and flags lie in shared memory.

        Features and extras are small, and worlds may have put arrays of their own there.
        """
        num = len(made.terminated)
        if self._placed or num != len(self._first_rows):
            return made
        named = {k: v for k, v in flat(made).items() if k in FLAGS or k[:4] == "obs/"}
        arrays, _ = board(self._memory, layout_of(named), self._order.num)
        self._placed = {name: part[self._order.rows] for name, part in arrays.items()}
        for name, part in named.items():
            self._placed[name][...] = part
        there = outcome(self._placed, paid=made.reward is made.true_reward)
        there.features, there.extras = made.features, made.extras
        return there

    def work_ahead(self, end: socket.socket) -> None:
        """Let the world do what it can until an order comes."""
        orders = select.poll()
        orders.register(end, select.POLLIN)
        if not self._idle or orders.poll(_PATIENCE_MS):
            return
        try:
            while self._idle and not orders.poll(0):
                with self._limited():
                    self._idle = self.world.idle()
        except Exception as error:  # the answer to the next order
            self._idle, self._fault = False, error

    def obey(self, code: bytes, content: Any) -> object:
        """Do what is asked and return the answer."""
        self._idle = True
        if self._fault:
            fault, self._fault = self._fault, None
            raise fault
        with self._limited():
            if code == CALL:
                return self._call(*content)
            rows = self._first_rows
            if code != STEP_ALL:
                rows = np.flatnonzero(self._orders["chosen"])
            if code == RESET:
                self.world.reset(rows)
            elif code in (STEP, STEP_ALL):
                self.world.step(rows, self._orders["actions"][rows])
            self._publish(rows if code != STEP_ALL else slice(None))
        return None

    def _call(self, name: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        asked = getattr(self.world, name)
        answer = asked(*arguments, **named) if callable(asked) else asked
        if name == "get_state":  # the parent sees these
            return {k: v for k, v in answer.items() if k != "elapsed" and k[:4] != "out/"}
        if name == "set_state":
            self._publish(slice(None))
        return answer

    def _publish(self, rows: Int | slice) -> None:
        """Show what the world did not write into shared memory itself."""
        out, shown = self.world.out, self._shown
        for name in FLAGS:
            _show(getattr(out, name), getattr(shown, name), rows)
        if isinstance(shown.obs, dict):
            _show_all(out.obs, shown.obs, rows)
        else:
            _show(out.obs, shown.obs, rows)
        _show_all(out.features, shown.features, rows)
        _show_all(out.extras, shown.extras, rows)
        self._orders["elapsed"][rows] = self.world.elapsed[rows]

    @contextlib.contextmanager
    def _limited(self) -> Iterator[None]:
        """End this process if something takes too long: its parent may not be there to do it."""
        signal.setitimer(signal.ITIMER_REAL, self._order.limit_s)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)


def _show_all(own: Any, shown: dict[str, npt.NDArray[Any]], rows: Int | slice) -> None:
    for key, part in shown.items():
        _show(own[key], part, rows)


def _show(own: Any, shown: npt.NDArray[Any], rows: Int | slice) -> None:
    """Copy rows, unless the world wrote them there itself."""
    if own is not shown:
        shown[rows] = own[rows]
