"""Threads beside serial stepping: wall time, alone and next to a busy process."""

from __future__ import annotations

import contextlib
import itertools
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from operant.benchmarks.perf.contenders import vector_steps
from operant.benchmarks.perf.interleave import Contender, interleave, timed

SIZES = (16, 64, 256, 1024, 4096, 16384)
THREADS = 2


def scaling(*, rounds: int, seconds: float) -> list[dict[str, Any]]:
    """Time ``make_vec`` with and without threads at every size.

    Args:
        rounds: Measured rounds, >= 1.
        seconds: Wall seconds in all, > 0.

    Returns:
        One row per machine state (``busy``: a competing process runs) and N: env steps per second
        of wall time, medians ``serial`` and with ``threads``, and the latter's ``ratios`` within
        each round.
    """
    contenders = [
        Contender(f"{name}_{num}", "", "env steps", timed(chunk, time.perf_counter))
        for num in SIZES
        for name, chunk in (
            ("serial", vector_steps(num, features=False)),
            ("threads", vector_steps(num, features=False, threads=THREADS)),
        )
    ]
    rows = []
    for busy, num in itertools.product((False, True), SIZES):
        pair = [c for c in contenders if c.key in (f"serial_{num}", f"threads_{num}")]
        with competitor() if busy else contextlib.nullcontext():
            rates = interleave(pair, rounds=rounds, seconds=seconds / (2 * len(SIZES)))
        serial, threads = (statistics.median(rates.rounds[each.key]) for each in pair)
        ratios = rates.ratios(pair[1].key, pair[0].key)
        row = {"busy": busy, "N": num, "serial": serial, "threads": threads, "ratios": ratios}
        rows.append(row)
    return rows


@contextlib.contextmanager
def competitor() -> Iterator[None]:
    """Keep one CPU busy meanwhile."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()
