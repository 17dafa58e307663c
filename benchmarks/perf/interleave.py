"""Time contenders in turns, and take ratios only inside a round.

On a shared machine rates drift by tens of per cent within minutes; in a round of short slices that
hits all contenders alike, and the median over many rounds ignores those in which it did not.
"""

from __future__ import annotations

import contextlib
import dataclasses
import operator
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

Chunk = Callable[[], int]
"""Does a little work and returns how many units (env steps, levels) that was."""

Slice = Callable[[float], tuple[int, float]]
"""Works for at least so many seconds; returns the units done and the seconds spent."""


@dataclasses.dataclass(frozen=True, slots=True)
class Contender:
    """Something that is timed.

    Attributes:
        key: Short name in the machine-readable output.
        label: Line in the table.
        unit: What is counted, e.g. ``"env steps"``.
        work: The work.
        differs: In what its task differs from that of the others, "" if in nothing.
    """

    key: str
    label: str
    unit: str
    work: Slice
    differs: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Rates:
    """Units per second of every contender.

    Attributes:
        rounds: Key -> one rate per round.
        loads: The machine's load average at the end of each round.
    """

    rounds: dict[str, list[float]]
    loads: list[float] = dataclasses.field(default_factory=list)

    def figures(self, figure: Callable[..., float], *keys: str) -> list[float]:
        """Compute something from the rates of each round.

        Args:
            figure: From one round's rates to a number.
            keys: Whose rates.

        Returns:
            One number per round; none at all if a contender was not measured.
        """
        if not all(key in self.rounds for key in keys):
            return []
        return [figure(*rates) for rates in zip(*(self.rounds[k] for k in keys), strict=True)]

    def ratios(self, key: str, other: str) -> list[float]:
        """Return one contender's rate divided by another's, per round; empty without both."""
        return self.figures(operator.truediv, key, other)

    def summary(self, contender: Contender, first: Contender) -> dict[str, Any]:
        """Return what was timed, with median, extremes, raw rounds and the first one's ratio."""
        rates = self.rounds[contender.key]
        alike = contender.unit == first.unit
        ratios = self.ratios(first.key, contender.key) if alike else []
        return {
            "label": contender.label,
            "unit": contender.unit,
            "differs": contender.differs,
            "median": statistics.median(rates),
            "min": min(rates),
            "max": max(rates),
            "first_is_x": statistics.median(ratios) if ratios else None,
            "rounds": rates,
        }


def timed(chunk: Chunk, clock: Callable[[], float] = time.process_time) -> Slice:
    """Turn work of this process into slices.

    Args:
        chunk: The work.
        clock: Seconds: CPU time of the process and all its threads, or wall time.
    """

    def work(seconds: float) -> tuple[int, float]:
        start, units = clock(), 0
        while True:
            units += chunk()
            spent = clock() - start
            if spent >= seconds:
                return units, spent

    return work


def interleave(contenders: Sequence[Contender], *, rounds: int, seconds: float) -> Rates:
    """Time all contenders in turns, after one unmeasured round.

    Args:
        contenders: What to time.
        rounds: Measured rounds, >= 1.
        seconds: Seconds of all rounds and contenders together, > 0.

    Raises:
        ValueError: If an argument is outside its range.
    """
    if rounds < 1:
        raise ValueError(f"rounds must be >= 1, got {rounds}")
    if not seconds > 0:
        raise ValueError(f"seconds must be > 0, got {seconds}")
    share = seconds / ((rounds + 1) * len(contenders))
    table: dict[str, list[float]] = {contender.key: [] for contender in contenders}
    loads = []
    for _ in range(rounds + 1):
        for contender in contenders:
            units, spent = contender.work(share)
            table[contender.key].append(units / spent)
        loads.append(os.getloadavg()[0])
    return Rates({key: rates[1:] for key, rates in table.items()}, loads[1:])


@contextlib.contextmanager
def one_cpu() -> Iterator[None]:
    """Keep this thread, and processes started meanwhile, on one CPU, where the system can.

    XLA then has one thread; and a CPU-second is one of the same core for everybody.
    """
    if not hasattr(os, "sched_setaffinity"):  # macOS: CPU time still counts every thread
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
