"""A measurement as text, and what the programs that take one have in common."""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

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


def parser(
    module: str, description: str, *, rounds: int, seconds: float, peers: Sequence[str]
) -> argparse.ArgumentParser:
    """Return the options that every measurement beside peers has.

    Args:
        module: Name of the program in this package.
        description: What it measures.
        rounds: Default number of rounds.
        seconds: Default duration.
        peers: Names of the peers.
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

    made.add_argument(
        "--peer",
        type=peer,
        action="append",
        default=[],
        metavar="NAME=PYTHON",
        help=f"an interpreter that has a peer ({', '.join(peers)}); may be repeated",
    )
    made.add_argument(
        "--install-peers",
        type=Path,
        metavar="DIR",
        help="install the peers there, each into an environment of its own (3 GB in all)",
    )
    return made
