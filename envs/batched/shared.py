"""What a parent and its worker processes share: memory for arrays, and a line for words."""

from __future__ import annotations

import dataclasses
import importlib
import mmap
import os
import pickle
import socket
import struct
import traceback
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.batched.world import Outcome

BEGIN, BUILD, STEP_ALL, STEP, RESET, CALL = (bytes([code]) for code in range(6))
"""What a parent asks for: to import a module, a world, steps and resets of its rows, a method."""
DONE, FAILED = b"\x10", b"\x11"
"""What a worker answers: with a result or None, or with a :class:`Failure`."""

FLAGS = ("reward", "true_reward", "terminated", "truncated", "success")
_LINE = 64  # bytes of a cache line
_HEAD = struct.Struct("<cQ")


@dataclasses.dataclass(frozen=True, slots=True)
class Slot:
    """One array of N rows.

    Attributes:
        name: Its name.
        dtype: Its dtype, as NumPy writes it.
        shape: Shape of one row.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]


def layout_of(arrays: Mapping[str, npt.NDArray[Any]]) -> tuple[Slot, ...]:
    """Describe arrays whose first axis are the rows."""
    return tuple(Slot(name, part.dtype.str, part.shape[1:]) for name, part in arrays.items())


def board(
    memory: int, layout: Sequence[Slot], num: int, after: int = 0
) -> tuple[dict[str, npt.NDArray[Any]], int]:
    """Map shared memory as arrays; it grows where it is too small.

    Args:
        memory: File descriptor of the memory.
        layout: The arrays.
        num: Rows of each.
        after: Bytes that are in use before them.

    Returns:
        (name -> (num, ...), bytes that are in use now).
    """
    page = mmap.ALLOCATIONGRANULARITY
    start = -(-after // page) * page
    offsets, size = [], 0
    for slot in layout:
        offsets.append(size)
        bytes_ = num * np.dtype(slot.dtype).itemsize * int(np.prod(slot.shape, dtype=np.int64))
        size += -(-bytes_ // _LINE) * _LINE
    size = max(size, 1)
    if os.fstat(memory).st_size < start + size:
        os.ftruncate(memory, start + size)
    buffer = mmap.mmap(memory, size, offset=start)
    arrays = {
        slot.name: np.ndarray((num, *slot.shape), slot.dtype, buffer, offset)
        for slot, offset in zip(layout, offsets, strict=True)
    }
    return arrays, start + size


def outcome(arrays: Mapping[str, npt.NDArray[Any]], *, paid: bool) -> Outcome:
    """Return arrays, named as :func:`flat` names them, as an outcome.

    Args:
        arrays: The arrays.
        paid: Whether reward and true reward are one array.
    """
    groups: dict[str, dict[str, npt.NDArray[Any]]] = {"obs": {}, "features": {}, "extras": {}}
    for name, part in arrays.items():
        group, _, key = name.partition("/")
        if group in groups:
            groups[group][key] = part
    flags: dict[str, Any] = {name: arrays[name] for name in FLAGS}
    if paid:
        flags["reward"] = flags["true_reward"]
    obs: Any = groups["obs"]
    return Outcome(
        obs=obs.get("", obs),
        features=groups["features"],
        extras=groups["extras"],
        **flags,
    )


def flat(out: Outcome) -> dict[str, npt.NDArray[Any]]:
    """Return every array of an outcome by name, flags and observations first."""
    obs = out.obs if isinstance(out.obs, dict) else {"": out.obs}
    return {
        **{name: getattr(out, name) for name in FLAGS},
        **{f"obs/{key}": part for key, part in obs.items()},
        **{f"features/{key}": part for key, part in out.features.items()},
        **{f"extras/{key}": part for key, part in out.extras.items()},
    }


class Line:
    """One end of a connection that carries messages: a code and, now and then, an object."""

    def __init__(self, end: socket.socket) -> None:
        """Take over an end of a stream."""
        self.end = end

    def send(self, code: bytes, content: object = None) -> None:
        """Send a message.

        Raises:
            OSError: If the other side is gone, or does not read in time.
        """
        body = b"" if content is None else pickle.dumps(content, pickle.HIGHEST_PROTOCOL)
        self.end.sendall(_HEAD.pack(code, len(body)) + body)

    def receive(self) -> tuple[bytes, Any]:
        """Wait for a message.

        Raises:
            EOFError: If the other side is gone.
            OSError: If it is, or falls silent in the middle.
        """
        code, size = _HEAD.unpack(self._exactly(_HEAD.size))
        return code, pickle.loads(self._exactly(size)) if size else None

    def _exactly(self, size: int) -> bytes:
        received = self.end.recv(size, socket.MSG_WAITALL)
        while len(received) < size:
            more = self.end.recv(size - len(received))
            if not more:
                raise EOFError
            received += more
        return received


@dataclasses.dataclass(frozen=True, slots=True)
class Failure:
    """An exception on its way to another process.

    Attributes:
        module: Module of its class.
        name: Qualified name of its class.
        message: What it says.
        state: Its attributes, as far as they can be pickled.
        trace: Where it was raised.
    """

    module: str
    name: str
    message: str
    state: dict[str, Any]
    trace: str

    @classmethod
    def of(cls, error: Exception) -> Failure:
        """Describe an exception."""
        kept = {}
        for key, value in vars(error).items():
            try:
                pickle.dumps(value)
            except Exception:  # whatever its __reduce__ raises
                continue
            kept[key] = value
        kind, message = type(error), error.args[0] if len(error.args) == 1 else str(error)
        trace = "".join(traceback.format_exception(error))
        return cls(kind.__module__, kind.__qualname__, str(message), kept, trace)

    def rebuilt(self) -> Exception:
        """Return an exception of the same class with the same message."""
        try:
            kind: Any = importlib.import_module(self.module)
            for part in self.name.split("."):
                kind = getattr(kind, part)
            error: Exception = kind.__new__(kind, self.message)
            error.args = (self.message,)  # its __init__ may want other arguments
            vars(error).update(self.state)
        except (ImportError, AttributeError, TypeError):
            error = RuntimeError(f"{self.name}: {self.message}")
        error.add_note(f"It was raised in a worker process:\n{self.trace}")
        return error
