"""A measurement as text, and what the programs that take one have in common."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Collection, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from operant.benchmarks.perf.bars import Bar
from operant.benchmarks.perf.interleave import Contender, Rates, interleave, one_cpu
from operant.errors import OperantError

_PACKAGES = ("operant", "gymnasium", "numba", "numpy", "torch")


def machine() -> dict[str, Any]:
    """Return what a figure should be quoted with."""
    return {
        "cpu": platform.processor() or platform.machine(),
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in _PACKAGES},
    }


def heading(task: str, machine: dict[str, Any], loads: Sequence[float]) -> list[str]:
    """Return the lines that say what was measured where."""
    names = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    return [
        task,
        f"{machine['cpus']} CPUs ({machine['cpu']}); load {min(loads):.1f} to {max(loads):.1f} "
        f"over {len(loads)} rounds, of which 1 is ours",
        f"Python {machine['python']}, {names}",
        "",
    ]


def rate_table(rows: dict[str, Any]) -> list[str]:
    """Return the lines of the contenders' rates, each a summary of ``Rates.summary``."""
    lines = [f"{'per CPU-second':<50}{'median':>14}{'min':>14}{'max':>14}{'first is x':>12}"]
    for row in rows.values():
        ratio = "" if row["first_is_x"] is None else f"{row['first_is_x']:,.2f}"
        rates = f"{row['median']:>14,.0f}{row['min']:>14,.0f}{row['max']:>14,.0f}"
        lines.append(f"{row['label']:<50}{rates}{ratio:>12}  {row['differs']}".rstrip())
    return lines


def bar_table(rows: list[dict[str, Any]]) -> list[str]:
    """Return the lines of the bars, each a summary of ``Bar.summary``."""
    lines = [f"{'bar':<58}{'goal':>10}{'measured':>12}{'half of all in':>22}"]
    for row in rows:
        goal = (
            "" if row["goal"] is None else f"{'>=' if row['at_least'] else '<='} {row['goal']:,g}"
        )
        measured = "-" if row["measured"] is None else f"{row['measured']:,.4g}"
        between = "" if row["half"] is None else "{:,.3g} to {:,.3g}".format(*row["half"])
        verdict = row["verdict"].replace("missed", "MISSED")
        lines.append(f"{row['text']:<58}{goal:>10}{measured:>12}{between:>22}  {verdict}")
    return lines


def compare(
    contenders: Callable[[], Sequence[Contender]],
    bars: Callable[[Rates], Sequence[Bar]],
    *,
    rounds: int,
    seconds: float,
) -> dict[str, Any]:
    """Time contenders on one CPU and hold their rates against bars.

    Args:
        contenders: Builds whom to time; the others are compared with the first.
        bars: Bars by rates.
        rounds: Measured rounds, >= 1.
        seconds: CPU-seconds in all, > 0.

    Returns:
        What :func:`comparison` tells.

    Raises:
        ValueError: If an argument is outside its range.
    """
    with one_cpu():
        entered = contenders()
        rates = interleave(entered, rounds=rounds, seconds=seconds)
    return {
        "machine": machine(),
        "loads": rates.loads,
        "units_per_cpu_s": {c.key: rates.summary(c, entered[0]) for c in entered},
        "bars": [bar.summary() for bar in bars(rates)],
    }


def comparison(task: str, result: dict[str, Any]) -> str:
    """Return a result of :func:`compare` as text."""
    return "\n".join(
        [
            *heading(task, result["machine"], result["loads"]),
            *rate_table(result["units_per_cpu_s"]),
            "",
            *bar_table(result["bars"]),
        ]
    )


def parser(
    module: str, description: str, *, rounds: int, seconds: float
) -> argparse.ArgumentParser:
    """Return the options that every measurement has.

    Args:
        module: Name of the program in this package.
        description: What it measures.
        rounds: Default number of rounds.
        seconds: Default duration.
    """
    made = argparse.ArgumentParser(
        prog=f"python -m operant.benchmarks.perf.{module}", description=description
    )
    made.add_argument("--rounds", type=int, default=rounds, help=f"measured rounds ({rounds})")
    made.add_argument(
        "--seconds",
        type=float,
        default=seconds,
        help=f"seconds in all, without compiling ({seconds:g})",
    )
    made.add_argument("--json", type=Path, metavar="FILE", help="also write all of it there")
    return made


def add_peers(options: argparse.ArgumentParser, peers: Collection[str]) -> None:
    """Add the options that say which interpreters have the peers.

    Args:
        options: From :func:`parser`.
        peers: Their names.
    """

    def peer(text: str) -> tuple[str, Path]:
        """Read ``NAME=PYTHON``."""
        name, _, python = text.partition("=")
        if name not in peers:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not NAME=PYTHON with a name of {', '.join(peers)}"
            )
        if not Path(python).is_file():
            raise argparse.ArgumentTypeError(f"{name}: there is no interpreter {python!r}")
        return name, Path(python).absolute()  # not resolved: a venv's link is what makes it one

    options.add_argument(
        "--peer",
        type=peer,
        action="append",
        default=[],
        metavar="NAME=PYTHON",
        help=f"an interpreter that has a peer ({', '.join(peers)}); may be repeated",
    )
    options.add_argument(
        "--install-peers",
        type=Path,
        metavar="DIR",
        help="install the peers there, each into an environment of its own (3 GB in all)",
    )


def run(
    options: argparse.ArgumentParser,
    argv: Sequence[str] | None,
    measure: Callable[..., dict[str, Any]],
    describe: Callable[[dict[str, Any]], str],
    more: Callable[[argparse.Namespace], dict[str, Any]] | None = None,
) -> int:
    """Be such a program: measure, print, write; return 0, or 3 where it cannot be measured.

    Args:
        options: From :func:`parser`.
        argv: Command line; None for the process' own.
        measure: Takes the measurement from ``rounds``, ``seconds`` and more; a ValueError is a
            wrong argument.
        describe: Returns it as text.
        more: What else the command line says that ``measure`` is given; None for nothing.
    """
    told = options.parse_args(argv)
    try:
        result = measure(rounds=told.rounds, seconds=told.seconds, **(more(told) if more else {}))
    except ValueError as error:
        options.error(str(error))
    except OperantError as error:  # an extra is missing, a peer died, ...
        print(error, file=sys.stderr)
        return 3
    print(describe(result))
    if told.json:
        told.json.write_text(json.dumps(result, indent=2))
    return 0
