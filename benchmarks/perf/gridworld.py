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
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from operant.benchmarks.perf.bars import bars
from operant.benchmarks.perf.contenders import ENV, bytes_per_env, ours, size_pairs
from operant.benchmarks.perf.interleave import interleave, one_cpu
from operant.benchmarks.perf.peers import PEERS, SCRIPT, install, running
from operant.benchmarks.perf.report import (
    add_peers,
    bar_table,
    heading,
    machine,
    parser,
    rate_table,
    run,
)
from operant.benchmarks.perf.scaling import THREADS, scaling
from operant.benchmarks.perf.start_up import start_up


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
        "machine": machine(),
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
    task = f"{ENV}: random actions, episodes restart at once; one CPU"
    return "\n".join(
        [
            *heading(task, result["machine"], result["loads"]),
            *rate_table(result["units_per_cpu_s"]),
            *(f"{key:<50} not measured: {why}" for key, why in result["not_measured"].items()),
            "",
            *_thread_table(result["threads"]),
            "",
            *bar_table(result["bars"]),
        ]
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; return 0, or 3 if a peer died on the way."""
    options = parser(
        "gridworld",
        "Measure the gridworlds' throughput beside their peers'.",
        rounds=15,
        seconds=180.0,
    )
    add_peers(options, PEERS)

    def interpreters(told: argparse.Namespace) -> dict[str, Any]:
        installed = install(told.install_peers) if told.install_peers else {}
        own = {"minigrid": Path(sys.executable)}
        return {"pythons": {**own, **installed, **dict(told.peer)}}

    return run(options, argv, measure, describe, interpreters)


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


if __name__ == "__main__":
    sys.exit(main())
