"""How fast are our gridworlds, beside EnvPool, XLand-MiniGrid, NAVIX and MiniGrid, in one run?

Run ``python -m operant.benchmarks.perf.gridworld --install-peers DIR``. Every round measures every
contender for a slice of CPU time (all threads of its process), on one CPU; ratios are taken inside
a round, and their median over the rounds is what counts. All take random actions and start new
episodes at once; in what else a peer's task differs is printed with it. Only threads are measured
in wall time.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import statistics
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from operant.benchmarks.perf.bars import bars
from operant.benchmarks.perf.contenders import ENV, bytes_per_env, ours, size_pairs
from operant.benchmarks.perf.interleave import interleave, one_cpu
from operant.benchmarks.perf.peers import PEERS, SCRIPT, PeerError, install, running
from operant.benchmarks.perf.scaling import THREADS, scaling
from operant.benchmarks.perf.start_up import start_up

_PACKAGES = ("operant", "gymnasium", "numba", "numpy")


def measure(
    *, rounds: int, seconds: float, pythons: Mapping[str, Path], script: Path = SCRIPT
) -> dict[str, Any]:
    """Run the whole comparison.

    Args:
        rounds: Measured rounds, >= 1.
        seconds: Seconds of the measurement, compilation excluded, > 0: 2/3 of it CPU time of the
            contenders, 1/3 wall time of threads.
        pythons: Peer -> the interpreter that has it.
        script: The program by which peers are timed.

    Raises:
        PeerError: If a peer dies while it is measured.
        ValueError: If an argument is outside its range.
    """
    with one_cpu(), running(pythons, script) as (peers, missing):
        contenders = [*ours(), *peers]
        gc.collect()  # what compiling left behind would else be collected in someone's first round
        rates = interleave(contenders, rounds=rounds, seconds=seconds * 2 / 3)
    threads = scaling(rounds=rounds, seconds=seconds / 3)
    started, held = start_up(), bytes_per_env()
    judged = bars(rates, threads, started, held, size_pairs())
    return {
        "task": {"env": ENV, "actions": "random", "autoreset": "same step"},
        "machine": _machine(),
        "loads": rates.loads,
        "units_per_cpu_s": {c.key: rates.summary(c, contenders[0]) for c in contenders},
        "not_measured": missing,
        "threads": threads,
        "start_up_cpu_s": started,
        "bytes_per_env": held,
        "bars": [bar.summary() for bar in judged],
        "verdicts": {bar.key: bar.verdict for bar in judged},
    }


def describe(result: dict[str, Any]) -> str:
    """Return the result of :func:`measure` as text."""
    machine, loads = result["machine"], result["loads"]
    names = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    return "\n".join(
        [
            f"{ENV}: random actions, episodes restart at once; one CPU",
            f"{machine['cpus']} CPUs ({machine['cpu']}); load {min(loads):.1f} to {max(loads):.1f} "
            f"over {len(loads)} rounds, of which 1 is ours",
            f"Python {machine['python']}, {names}",
            "",
            *_rate_table(result["units_per_cpu_s"]),
            *(f"{key:<50} not measured: {why}" for key, why in result["not_measured"].items()),
            "",
            *_thread_table(result["threads"]),
            "",
            *_bar_table(result["bars"]),
        ]
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; return 0, or 3 if a peer died on the way."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    pythons = {"minigrid": Path(sys.executable)}
    if arguments.install_peers:
        pythons |= install(arguments.install_peers)
    pythons |= dict(arguments.peer)
    try:
        result = measure(rounds=arguments.rounds, seconds=arguments.seconds, pythons=pythons)
    except ValueError as error:
        parser.error(str(error))
    except PeerError as error:
        print(error, file=sys.stderr)
        return 3
    print(describe(result))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m operant.benchmarks.perf.gridworld",
        description="Measure the gridworlds' throughput beside their peers'.",
    )
    parser.add_argument("--rounds", type=int, default=15, help="measured rounds (15)")
    parser.add_argument(
        "--seconds", type=float, default=180.0, help="seconds in all, without compiling (180)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all of it there")
    parser.add_argument(
        "--peer",
        type=_peer,
        action="append",
        default=[],
        metavar="NAME=PYTHON",
        help=f"an interpreter that has a peer ({', '.join(PEERS)}); may be repeated",
    )
    parser.add_argument(
        "--install-peers",
        type=Path,
        metavar="DIR",
        help="install the peers there, each into an environment of its own (3 GB in all)",
    )
    return parser


def _peer(text: str) -> tuple[str, Path]:
    """Read ``NAME=PYTHON``."""
    name, _, python = text.partition("=")
    if name not in PEERS:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not NAME=PYTHON with a name of {', '.join(PEERS)}"
        )
    if not Path(python).is_file():
        raise argparse.ArgumentTypeError(f"{name}: there is no interpreter {python!r}")
    return name, Path(python).absolute()  # not resolved: a venv's link is what makes it a venv


def _rate_table(rows: dict[str, Any]) -> list[str]:
    lines = [f"{'per CPU-second':<50}{'median':>14}{'min':>14}{'max':>14}{'first is x':>12}"]
    for row in rows.values():
        ratio = "" if row["first_is_x"] is None else f"{row['first_is_x']:,.2f}"
        rates = f"{row['median']:>14,.0f}{row['min']:>14,.0f}{row['max']:>14,.0f}"
        lines.append(f"{row['label']:<50}{rates}{ratio:>12}  {row['differs']}".rstrip())
    return lines


def _thread_table(rows: list[dict[str, Any]]) -> list[str]:
    return [
        f"{'env steps per second of wall time, make_vec':<50}{'serial':>14}"
        f"{f'threads={THREADS}':>14}{'ratio':>14}",
        *(
            f"{'N=' + str(row['N']) + (', beside a busy process' if row['busy'] else ''):<50}"
            f"{row['serial']:>14,.0f}{row['threads']:>14,.0f}"
            f"{statistics.median(row['ratios']):>14.2f}"
            for row in rows
        ),
    ]


def _bar_table(rows: list[dict[str, Any]]) -> list[str]:
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


def _machine() -> dict[str, Any]:
    return {
        "cpu": platform.processor() or platform.machine(),
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in _PACKAGES},
    }


if __name__ == "__main__":
    sys.exit(main())
