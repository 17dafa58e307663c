"""The worker's own side: it locks itself, says how well, and evaluates a program that it is sent.

Only the standard library and its neighbours, and no package of ours: it is started by
:mod:`operant.reward_design.llm.worker.process` in an interpreter that finds nothing else. Whatever
a program does to this interpreter, the host reads framed numbers.
"""

from __future__ import annotations

import array
import importlib
import math
import os
import sys
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, NoReturn

from operant.reward_design.llm.worker.levels import LEVELS
from operant.reward_design.llm.worker.lock import allow_cpu, lock
from operant.reward_design.llm.worker.wire import (
    FAILED,
    FAILED_BODY,
    HEADER,
    MOST_TEXT,
    PAID,
    PROGRAM,
    PROGRAM_BODY,
    READY,
    READY_BODY,
)

_FILE = "<reward>"
_LOADED_LATE = {"numpy": ("numpy.fft", "numpy.linalg", "numpy.random")}  # else on first use


class NoNumberError(Exception):
    """The program returned what is no number."""


_CODES = {  # the first that fits
    ZeroDivisionError: "division",
    OverflowError: "overflow",
    IndexError: "index",
    KeyError: "key",
    MemoryError: "memory",
    RecursionError: "recursion",
    ImportError: "import",
    OSError: "refused",
    SyntaxError: "syntax",
    SystemExit: "exit",
    NoNumberError: "result",
    BaseException: "exception",
}


def main(arguments: Sequence[str]) -> NoReturn:
    """Serve until the host closes its pipe.

    Args:
        arguments: Bytes of memory, CPU seconds per frame, a folder with packages or ``""``, and
            the modules to be imported before the lock.
    """
    memory, seconds, packages, *modules = arguments
    requests, replies = _take_pipes()
    _import(modules, packages)
    level, abi, missing = lock(int(memory))
    _forget_the_host()
    text = missing.encode()[: MOST_TEXT // 2]
    _write(replies, _frame(READY, 0, READY_BODY.pack(LEVELS.index(level), abi) + text))
    _serve(requests, replies, int(seconds))


def _take_pipes() -> tuple[int, int]:
    """Move the pipes away from the standard streams, and leave those closed."""
    pipes = os.dup(0), os.dup(1)
    for descriptor in (0, 1, 2):
        os.close(descriptor)
    for stream in ("stdin", "stdout", "stderr"):
        setattr(sys, stream, None)
        setattr(sys, f"__{stream}__", None)
    return pipes


def _import(modules: Sequence[str], packages: str) -> None:
    """Import what programs may use: nothing can be imported after the lock."""
    if packages:
        sys.path.append(packages)
    for name in modules:
        for part in (name, *_LOADED_LATE.get(name, ())):
            importlib.import_module(part)


def _forget_the_host() -> None:
    """Drop what the interpreter still knows of the host: paths, arguments, variables."""
    sys.path.clear()
    sys.path_importer_cache.clear()
    sys.argv.clear()
    sys.orig_argv.clear()
    os.environ.clear()


def _serve(requests: int, replies: int, seconds: int) -> NoReturn:
    program = _Program()
    while True:
        kind, serial, size = HEADER.unpack(_read(requests, HEADER.size))
        body = _read(requests, size)
        allow_cpu(seconds)
        try:
            paid = program.load(body) if kind == PROGRAM else program.pay(body)
            reply = _frame(PAID, serial, paid)
        except BaseException as error:  # also SystemExit; a program must not end the conversation
            reply = _frame(FAILED, serial, _record(error, program.row))
        _write(replies, reply)


class _Program:
    """The program, and how rows of numbers become its arguments."""

    row = -1  # the one that is being evaluated
    reward: Callable[..., Any]

    def load(self, body: bytes) -> bytes:
        """Run a source, which defines ``reward``."""
        size, self.obs, self.action, self.whole, seed = PROGRAM_BODY.unpack_from(body)
        names, source = (part.decode() for part in _split(body[PROGRAM_BODY.size :], size))
        self.keys = names.split()
        self.vector: Callable[[list[float]], Any] = tuple
        if "random" in sys.modules:
            sys.modules["random"].seed(seed)
        if "numpy" in sys.modules:
            sys.modules["numpy"].random.seed(seed % 2**32)
            self.vector = _read_only
        namespace: dict[str, Any] = {"__name__": "reward", "math": math}
        # The one place in this library where a text is run as it is: in here, after the lock.
        exec(compile(source, _FILE, "exec"), namespace)
        if not callable(namespace.get("reward")):
            raise SyntaxError("there is no function reward(obs, action, next_obs, info)")
        self.reward = namespace["reward"]
        return b""

    def pay(self, body: bytes) -> bytes:
        """Return the rewards of rows of numbers, as float64."""
        values: list[Any] = memoryview(body).cast("d").tolist()
        acted = self.obs + max(self.action, 1)  # where the action ends
        after = acted + self.obs  # where the features begin
        width = after + len(self.keys)
        paid = array.array("d")
        for self.row in range(len(values) // width):
            row = values[self.row * width : (self.row + 1) * width]
            action = self.vector(row[self.obs : acted]) if self.action else row[self.obs]
            reward = self.reward(
                self.vector(row[: self.obs]),
                int(action) if self.whole else action,
                self.vector(row[acted:after]),
                dict(zip(self.keys, row[after:], strict=True)),
            )
            try:
                paid.append(reward)
            except TypeError:
                kind = type(reward).__name__
                raise NoNumberError(f"reward returned {kind}, not a number") from None
        return paid.tobytes()


def _split(data: bytes, size: int) -> tuple[bytes, bytes]:
    return data[:size], data[size:]


def _read_only(numbers: list[float]) -> Any:
    values = sys.modules["numpy"].array(numbers)
    values.flags.writeable = False
    return values


def _record(error: BaseException, row: int) -> bytes:
    """Return what went wrong: code, place in the source and message."""
    code = next(word for kind, word in _CODES.items() if isinstance(error, kind))
    try:
        message = f"{type(error).__name__}: {error}"[: MOST_TEXT // 8]
    except BaseException:  # the program's own class of error
        message = type(error).__name__[:100]
    line, column = _place(error.__traceback__)
    if isinstance(error, SyntaxError) and error.filename == _FILE:
        line, column, message = error.lineno or 0, error.offset or 0, f"{error.msg}"
    head = FAILED_BODY.pack(row, line, column, len(code))
    return head + code.encode() + message.encode(errors="replace")


def _place(trace: TracebackType | None) -> tuple[int, int]:
    """Return line and column, from 1, of the deepest call that is the program's; zeros if none."""
    place = 0, 0
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename == _FILE:
            line, _, column, _ = list(code.co_positions())[trace.tb_lasti // 2]
            place = line or 0, 0 if column is None else column + 1
        trace = trace.tb_next
    return place


def _frame(kind: int, serial: int, body: bytes) -> bytes:
    return HEADER.pack(kind, serial, len(body)) + body


def _read(descriptor: int, size: int) -> bytes:
    """Return so many bytes; ends the process when the host has closed the pipe."""
    parts = bytearray()
    while len(parts) < size:
        part = os.read(descriptor, size - len(parts))
        if not part:
            os._exit(0)
        parts += part
    return bytes(parts)


def _write(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
