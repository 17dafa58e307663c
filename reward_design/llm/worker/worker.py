"""A reward in full Python, evaluated elsewhere: what the host holds of it."""

from __future__ import annotations

import functools
import math
import os
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from operant.errors import OperantError
from operant.reward_design.llm.language.errors import Source
from operant.reward_design.llm.worker.failures import failure, failure_of
from operant.reward_design.llm.worker.layout import RowLayout
from operant.reward_design.llm.worker.levels import LEVELS, Level
from operant.reward_design.llm.worker.process import WorkerError, WorkerProcess
from operant.reward_design.llm.worker.settings import WorkerSettings, encoded
from operant.reward_design.llm.worker.wire import (
    FAILED,
    MOST_TEXT,
    PAID,
    PROGRAM,
    PROGRAM_BODY,
    READY,
    READY_BODY,
    ROWS,
)
from operant.types import Features, Float

ROWS_PER_FRAME = 1024
"""Most rows of a batch that are sent at once; each such part has the whole time limit."""
BYTES_PER_FRAME = 8 << 20
"""Most bytes that are sent at once, unless a single row has more."""
START_S = 20.0
"""Longest wait for a process to start and to lock itself, seconds."""
DEFAULTS = WorkerSettings()
"""What a program is allowed unless somebody says otherwise."""


class WorkerUnavailableError(OperantError):
    """This host does not allow the lock that was asked for; nothing of the program was run."""

    def __init__(self, level: Level, require: Level, missing: str) -> None:
        """Build the message.

        Args:
            level: What this host allows.
            require: What was asked for.
            missing: What it lacks, in words.
        """
        weaker = "" if level == "none" else f"if you trust the text, ask for require={level!r}; "
        super().__init__(
            f"full Python was to run at level {require!r}, but this host reaches {level!r} "
            f"({missing}). Run on Linux >= 5.13 with Landlock and seccomp, which some containers "
            f"forbid; {weaker}or write the reward in the closed language, which needs no lock"
        )
        self.level, self.require, self.missing = level, require, missing


class RewardWorker:
    """A program ``def reward(obs, action, next_obs, info)`` in full Python, in a locked process.

    The host neither parses nor runs the text: it sends rows of numbers and reads one number for
    each. A program that fails on a row can be asked again. One that hangs, dies or writes garbage
    is killed; :meth:`restart` starts it afresh. Not for several threads at once.

    Attributes:
        source: The text.
        settings: Its limits.
        level: The level reached, as the process found out itself before it was given the text.
        abi: Version of Landlock in use, 0 without.
    """

    level: Level = "none"
    abi: int = 0

    def __init__(
        self,
        source: str,
        *,
        layout: RowLayout,
        settings: WorkerSettings = DEFAULTS,
        seed: int = 0,
    ) -> None:
        """Start a process that locks itself, and then give it the text.

        Args:
            source: The text, at most 64 KiB of UTF-8.
            layout: What the program is given.
            settings: Its limits.
            seed: Of the program's hashes, of ``random`` and ``numpy.random``; in [0, 2**64).

        Raises:
            RewardProgramError: If the text fails before it has defined ``reward``.
            ValueError: If an argument is outside its range.
            WorkerUnavailableError: If this host does not reach the level.
        """
        if not 0 <= seed < 2**64:
            raise ValueError(f"seed must lie in [0, 2**64), got {seed}")
        names = "\n".join(layout.features).encode()
        sizes = len(names), layout.obs_size, layout.action_size, layout.whole_actions
        self._program = PROGRAM_BODY.pack(*sizes, seed) + names + encoded(source)
        self.source, self.settings = source, settings
        self._layout, self._seed = layout, seed
        self._text = Source(source.replace("\r\n", "\n").replace("\r", "\n"))  # as Python counts
        self._part = min(ROWS_PER_FRAME, max(1, BYTES_PER_FRAME // (8 * layout.width)))
        self._process: WorkerProcess | None = None
        self._serial, self._epitaph = 0, ""
        self.restart()

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle as text: a copy has a process of its own, and none of its memory."""
        rebuild = functools.partial(
            type(self), layout=self._layout, settings=self.settings, seed=self._seed
        )
        return rebuild, (self.source,)

    def __repr__(self) -> str:
        """Return the level, and whether it can be asked."""
        return f"{type(self).__name__}(level={self.level!r}{'' if self.alive else ', dead'})"

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the process."""
        self.close()

    @property
    def alive(self) -> bool:
        """Whether it can be asked: it was neither closed nor killed."""
        return self._process is not None and self._process.alive

    @property
    def pid(self) -> int:
        """Process id of the worker, also of one that is gone."""
        return 0 if self._process is None else self._process.pid

    def restart(self) -> None:
        """Start afresh, with nothing left of what the program remembered.

        Raises:
            RewardProgramError: If the text fails before it has defined ``reward``.
            WorkerUnavailableError: If this host does not reach the level.
        """
        self.close()
        if os.name != "posix":
            lacks = f"{sys.platform} has no limits for processes"
            raise WorkerUnavailableError("none", self.settings.require, lacks)
        self._process = WorkerProcess(_arguments(self.settings), seed=self._seed % 2**32)
        self._serial, self._epitaph = 0, ""
        try:
            self._accept(self._process)
            self._ask(PROGRAM, self._program, range(0))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the process and wait for that; may be called again."""
        if self._process is not None:
            self._process.close()

    def batch(self, obs: Any, action: npt.ArrayLike, next_obs: Any, info: Features) -> Float:
        """Return the rewards of N transitions, (N,) float64.

        Args:
            obs: (N, obs_size) observations before the actions; anything if ``obs_size`` is 0.
            action: (N,) or (N, action_size) actions.
            next_obs: (N, obs_size) observations after them.
            info: The features, (N,) each.

        Raises:
            RewardProgramError: If the program fails in a row, or the worker hangs or dies.
            ValueError: If an argument has the wrong form.
        """
        rows = self._layout.rows(obs, action, next_obs, info)
        paid = np.empty(len(rows))
        for start in range(0, len(rows), self._part):
            part = rows[start : start + self._part]
            numbers = range(start, start + len(part))
            paid[start : start + len(part)] = self._ask(ROWS, part.tobytes(), numbers)
        wrong = np.flatnonzero(~(np.abs(paid) <= self.settings.cap))  # also NaN
        if len(wrong):
            row, value = int(wrong[0]), float(paid[wrong[0]])
            code = "cap" if math.isfinite(value) else "not_finite"
            raise failure(
                code, f"the reward is {value}, beyond the cap of {self.settings.cap:g}", row=row
            )
        return paid

    def _accept(self, process: WorkerProcess) -> None:
        """Hear how far the process is locked, and leave it if that is not enough."""
        try:
            kind, body = process.receive(0, MOST_TEXT, time.monotonic() + START_S)
        except WorkerError as error:
            raise WorkerUnavailableError("none", self.settings.require, f"start: {error}") from None
        level, self.abi = READY_BODY.unpack_from(body)
        self.level = LEVELS[level]
        if kind != READY or level < LEVELS.index(self.settings.require):
            missing = body[READY_BODY.size :].decode(errors="replace")
            raise WorkerUnavailableError(self.level, self.settings.require, missing)

    def _ask(self, kind: int, body: bytes, rows: range) -> Float:
        """Send a frame and return the rewards of its rows."""
        process = self._process
        if process is None or not process.alive:
            raise failure("died", f"the worker is gone: {self._epitaph or 'it was closed'}")
        self._serial = (self._serial + 1) % 2**32
        deadline = time.monotonic() + self.settings.timeout_s
        most = max(8 * len(rows), MOST_TEXT)
        try:
            process.send(kind, self._serial, body, deadline)
            answer, reply = process.receive(self._serial, most, deadline)
            if answer == PAID and len(reply) == 8 * len(rows):
                return np.frombuffer(reply)
            failed = failure_of(reply, self._text, rows) if answer == FAILED else None
            if failed is None:
                raise process.failure("protocol", "the worker's answer has the wrong form")
        except WorkerError as error:
            self._epitaph = str(error)
            raise failure(error.code, str(error)) from None
        except BaseException:  # nobody knows how much of the conversation took place
            process.close()
            self._epitaph = "its host was interrupted while it waited"
            raise
        raise failed


def _arguments(settings: WorkerSettings) -> tuple[str, ...]:
    """Return what the process is started with."""
    packages = str(Path(np.__file__).resolve().parents[1]) if "numpy" in settings.modules else ""
    # CPU time is the second line of defence: it also ends a program whose host is gone.
    seconds = math.ceil(settings.timeout_s) + 5
    return str(settings.memory_mib << 20), str(seconds), packages, *settings.modules
