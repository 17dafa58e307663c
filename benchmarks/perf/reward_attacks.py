"""Attacks on the closed reward language: how many are handled as they must be, and how fast.

Every item of the corpus says what must become of it: refused before any of it runs, a failure with
a record when it is run, or accepted with a value. Whatever happens, the inputs and the process
must be afterwards as they were before.
"""

from __future__ import annotations

import argparse
import builtins
import dataclasses
import math
import os
import sys
import threading
import time
import unicodedata  # noqa: F401  Python's parser imports it for the first "\\N{...}"
import warnings
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from operant.benchmarks.perf.attacks.corpus import CORPUS
from operant.benchmarks.perf.attacks.items import (
    ACTION,
    FEATURES,
    INFO,
    NEXT_OBS,
    OBS,
    OBS_SIZE,
    Item,
)
from operant.reward_design.llm import (
    RewardProgram,
    RewardProgramError,
    UnsafeRewardCodeError,
    compile_reward,
)
from operant.reward_design.llm.language.execution import Backend

BAR = 250.0
"""Milliseconds that one item may take."""
LONGEST_TEXT = 4000
"""Characters that an error may have: it is shown to people and sent to language models."""
ROWS = 3
_REACHES_OUT = ("open", "import", "exec", "os.", "subprocess.", "socket.", "ctypes.", "shutil.")
_PARSER_ITSELF = (("<unknown>",),)
"""A syntax error makes Python look for a file of the text's name, to quote the line."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Handled:
    """What became of an item.

    Attributes:
        item: The item.
        milliseconds: Wall-clock time of all of it, compiling and three runs.
        faults: What was not as it must be; empty if it was handled.
    """

    item: Item
    milliseconds: float
    faults: tuple[str, ...]


def handle(item: Item, *, backend: Backend = "python") -> Handled:
    """Try an item, and look whether it was handled as it must be.

    Args:
        item: The item.
        backend: What evaluates its batch.
    """
    before, given = host_state(), _inputs()
    start = time.perf_counter()
    faults = _outcome(item, given, backend)
    milliseconds = 1e3 * (time.perf_counter() - start)
    if repr(given) != repr(_inputs()):
        faults.append("an input was changed")
    after = host_state()
    faults += [f"{key} was changed" for key in before if before[key] != after[key]]
    return Handled(item=item, milliseconds=milliseconds, faults=tuple(faults))


def warm_up(*, backend: Backend = "python") -> None:
    """Handle an item of each sort, so that what is imported late is there before one looks."""
    for item in {item.handling: item for item in CORPUS}.values():
        handle(item, backend=backend)


def host_state() -> dict[str, Any]:
    """Return what a text could have changed in this process, by name."""
    return {
        "builtins": {name: id(value) for name, value in vars(builtins).items()},
        "math": {name: id(value) for name, value in vars(math).items()},
        "modules": frozenset(sys.modules),
        "path": tuple(sys.path),
        "environment": dict(os.environ),
        "directory": os.getcwd(),
        "recursion limit": sys.getrecursionlimit(),
        "threads": threading.active_count(),
        "warning filters": tuple(map(repr, warnings.filters)),
        "integer digits": sys.get_int_max_str_digits(),
        "tracing": (sys.gettrace(), sys.getprofile()),
    }


def _inputs() -> tuple[dict[str, Any], ...]:
    """Return the transition of the corpus as lists, as arrays, and as a batch."""
    info = dict(INFO)
    plain = {"obs": [*OBS], "action": ACTION, "next_obs": [*NEXT_OBS], "info": info}
    arrays = {**plain, "obs": np.array(OBS), "next_obs": np.array(NEXT_OBS), "info": dict(INFO)}
    rows = {
        "obs": np.array([OBS] * ROWS),
        "action": np.full(ROWS, ACTION),
        "next_obs": np.array([NEXT_OBS] * ROWS),
        "info": {name: np.full(ROWS, value) for name, value in INFO.items()},
    }
    return plain, arrays, rows


def _outcome(item: Item, given: Sequence[dict[str, Any]], backend: Backend) -> list[str]:
    """Return what is wrong with how an item was handled."""
    try:
        program = compile_reward(item.source, obs_size=OBS_SIZE, features=FEATURES, backend=backend)
    except UnsafeRewardCodeError as error:
        if item.handling != "refused":
            return [f"refused: {error}"]
        lines = item.source.count("\n") + 2
        return _record_faults(item, error, 1 <= error.line <= lines and error.column >= 1)
    except Exception as error:
        return [f"ended in {type(error).__name__}: {error}"]
    if item.handling == "refused":
        return ["accepted"]
    one, many = program.__call__, program.batch
    return [
        fault
        for run, arguments in zip((one, one, many), given, strict=True)
        for fault in _run_faults(item, program, run, arguments)
    ]


def _run_faults(
    item: Item, program: RewardProgram, run: Callable[..., Any], given: dict[str, Any]
) -> list[str]:
    batch = run == program.batch
    try:
        paid = run(**given)
    except UnsafeRewardCodeError as error:
        return [f"refused when run: {error}"]
    except RewardProgramError as error:
        if item.handling != "fails":
            return [f"failed: {error}"]
        placed = error.line >= 2 and error.column >= 1
        placed = placed or error.code in ("cap", "not_finite")
        return _record_faults(item, error, placed and error.row == (0 if batch else None))
    except Exception as error:
        return [f"ended in {type(error).__name__}: {error}"]
    if item.handling == "fails":
        return [f"gave {paid}"]
    well_formed = paid.shape == (ROWS,) if batch else type(paid) is float
    if not well_formed or not np.allclose(paid, item.expected, rtol=1e-12, atol=1e-12):
        return [f"gave {paid!r} instead of {item.expected}"]
    return []


def _record_faults(item: Item, error: RewardProgramError, placed: bool) -> list[str]:
    faults = []
    if error.code not in str(item.expected).split("|"):
        faults.append(f"has code {error.code!r} instead of {item.expected!r}: {error}")
    if not placed:
        faults.append(f"says the wrong place: line {error.line}, column {error.column}")
    if not error.message or len(str(error)) > LONGEST_TEXT:
        faults.append(f"has a text of {len(str(error))} characters")
    return faults


class _Watch:
    """Notes events by which Python reports that a process reaches for something outside."""

    def __init__(self) -> None:
        self.seen: list[str] | None = None  # None while nobody looks
        sys.addaudithook(self._note)  # stays for as long as the process does

    def _note(self, event: str, arguments: tuple[Any, ...]) -> None:
        reaches_out = event.startswith(_REACHES_OUT) and arguments[:1] not in _PARSER_ITSELF
        if self.seen is not None and reaches_out:
            self.seen.append(f"{event}{arguments[:1]}")

    def handle(self, item: Item) -> Handled:
        """Handle an item; what it reaches for is a fault."""
        self.seen = []
        handled = handle(item)
        seen, self.seen = self.seen, None
        if not seen:
            return handled
        return dataclasses.replace(handled, faults=(*handled.faults, f"reached for {seen}"))


def table(found: Sequence[Handled]) -> list[str]:
    """Return one line per category, and one that sums up."""
    rows = defaultdict(list)
    for each in found:
        rows[each.item.category].append(each)
    lines = [f"{'category':<28}{'handled':>12}{'slowest ms':>12}   in"]
    for category, group in [*rows.items(), ("all", [*found])]:
        slowest = max(group, key=lambda each: each.milliseconds)
        handled = f"{sum(not each.faults for each in group)}/{len(group)}"
        lines.append(
            f"{category:<28}{handled:>12}{slowest.milliseconds:>12.1f}   {slowest.item.name}"
        )
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; return 1 if an item was not handled or took too long."""
    parser = argparse.ArgumentParser(
        prog="python -m operant.benchmarks.perf.reward_attacks", description=__doc__
    )
    parser.add_argument(
        "--also",
        nargs="+",
        choices=("numba", "torch"),
        default=(),
        help="other back ends by which to run what runs (numba takes minutes)",
    )
    options = parser.parse_args(arguments)
    warm_up()
    watch = _Watch()
    found = [watch.handle(item) for item in CORPUS]
    print("\n".join(table(found)))
    slow = [each for each in found if each.milliseconds > BAR]
    print(f"\nbar: {BAR:g} ms each; missed by {len(slow)}")
    faulty = [each for each in found if each.faults]
    for backend in options.also:
        warm_up(backend=backend)
        others = [handle(item, backend=backend) for item in CORPUS if item.handling != "refused"]
        faulty += [each for each in others if each.faults]
        well = sum(not each.faults for each in others)
        print(f"by {backend}: handled {well}/{len(others)} of those that run")
    for each in faulty:
        print(f"NOT HANDLED {each.item.category}: {each.item.name}: {'; '.join(each.faults)}")
    return 1 if faulty or slow else 0


if __name__ == "__main__":
    sys.exit(main())
