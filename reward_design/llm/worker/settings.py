"""What a worker may use, and how well it must be locked."""

from __future__ import annotations

import dataclasses
import math
import sys

from operant.reward_design.llm.worker.levels import LEVELS, Level

LONGEST_SOURCE = 65536
"""Bytes in the longest source."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class WorkerSettings:
    """Limits of a worker.

    Attributes:
        require: The weakest level that is accepted, ``"rlimits"`` or better; the strongest that the
            host allows is used.
        modules: Modules of the standard library, or ``"numpy"``, that the program may import beside
            ``math``. With NumPy, vectors are read-only arrays, else tuples.
        timeout_s: Longest wait for an answer to up to 1024 rows, or for the statements of the text
            itself to run; seconds of wall time, in (0, 3600].
        memory_mib: Address space of the process, MiB, in [64, 65536].
        cap: Largest reward in magnitude, positive and finite.
    """

    require: Level = "landlock+seccomp"
    modules: tuple[str, ...] = ()
    timeout_s: float = 0.25
    memory_mib: int = 512
    cap: float = 1e6

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: If one is outside its range.
        """
        if self.require not in LEVELS[1:]:
            raise ValueError(f"require must be one of {LEVELS[1:]}, got {self.require!r}")
        for name in self.modules:
            if name not in sys.stdlib_module_names | {"numpy"}:
                raise ValueError(
                    f"modules must be of the standard library, or 'numpy', got {name!r}"
                )
        if not 0.0 < self.timeout_s <= 3600.0:
            raise ValueError(f"timeout_s must lie in (0, 3600], got {self.timeout_s}")
        if not 64 <= self.memory_mib <= 65536:
            raise ValueError(f"memory_mib must lie in [64, 65536], got {self.memory_mib}")
        if not 0.0 < self.cap < math.inf:
            raise ValueError(f"cap must be positive and finite, got {self.cap}")


def encoded(source: str) -> bytes:
    """Return a source as a worker reads it; nothing parses it on this side.

    Raises:
        TypeError: If it is no text.
        ValueError: If it is too long, or text that cannot be written down.
    """
    if not isinstance(source, str):
        raise TypeError(f"source must be text, got {type(source).__name__}")
    try:
        text = source.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"source must be text that UTF-8 can hold: {error.reason}") from None
    if len(text) > LONGEST_SOURCE:
        raise ValueError(f"source must have at most {LONGEST_SOURCE} bytes, got {len(text)}")
    return text
