"""How fast does the native PPO learn, beside SB3, sbx and a PPO compiled with its env, in one run?

Run ``python -m operant.benchmarks.perf.training --install-peers DIR``. Every round each learner
collects and learns for a slice of CPU time (all threads of its process) on one CPU; ratios are
taken inside a round, and their median over the rounds is what counts. Then DoorKey-8x8 is learned
from scratch with ten seeds, in wall time; and it is weighed how much of the native PPO's time every
gridworld takes.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from operant.benchmarks.perf import learners
from operant.benchmarks.perf.bars import Bar, at_least, at_most
from operant.benchmarks.perf.interleave import Rates, interleave, one_cpu
from operant.benchmarks.perf.peer_worker import PeerContender
from operant.benchmarks.perf.peers import install, running
from operant.benchmarks.perf.report import (
    add_peers,
    bar_table,
    heading,
    machine,
    parser,
    rate_table,
    run,
)
from operant.benchmarks.perf.solving import ATTEMPTS, GOAL, env_shares, solve, solve_stock

PINS = {
    "sbx-rl": ("sbx-rl==0.28.0", "jax==0.10.2"),
    "navix": ("navix==0.7.4", "jax==0.10.2"),
}
SCRIPT = Path(learners.__file__)
_ROWS = [PeerContender(*row) for row in learners.ROWS]
_OURS = ("operant", "minigrid")
WAYS = {
    "distinct": "env and reward, largest share of all worlds",
    "dense": "the same with deduplicate=False",
}
"""How the network may be evaluated, and the bar of each."""
THEIRS = "SB3 on MiniGrid"


def measure(
    *,
    rounds: int,
    seconds: float,
    pythons: Mapping[str, Path],
    seeds: Sequence[int],
    stock_seeds: Sequence[int] = (),
    script: Path = SCRIPT,
) -> dict[str, Any]:
    """Run the whole comparison.

    Args:
        rounds: Measured rounds, >= 1.
        seconds: CPU-seconds of the learners together, compilation excluded, > 0. A slice is at
            least one iteration, which may take longer.
        pythons: Peer -> the interpreter that has it.
        seeds: Of the attempts to learn DoorKey-8x8 from scratch.
        stock_seeds: Of SB3's attempts on MiniGrid, which take minutes each.
        script: The program by which learners are timed.

    Raises:
        PeerError: If a learner dies while it is measured.
        ValueError: If an argument is outside its range.
    """
    with one_cpu(), running(pythons, script, _ROWS) as (contenders, missing):
        rates = interleave(contenders, rounds=rounds, seconds=seconds)
    table = {c.key: rates.summary(c, contenders[0]) for c in contenders}
    _say(*rate_table(table))
    attempts = [_told("ours", solve(seed)) for seed in seeds]
    shares = {way: env_shares(deduplicate=way == "distinct") for way in WAYS if seeds}
    theirs = [_told(THEIRS, solve_stock(seed)) for seed in stock_seeds]
    judged = bars(rates, attempts, shares, theirs)
    return {
        "task": {"env": learners.ENV, **learners.HYPER},
        "machine": machine(),
        "loads": rates.loads,
        "frames_per_cpu_s": table,
        "not_measured": missing,
        "attempts": attempts,
        "stock_attempts": theirs,
        "env_shares": shares,
        "bars": [bar.summary() for bar in judged],
        "verdicts": {bar.key: bar.verdict for bar in judged},
    }


def _told(who: str, attempt: dict[str, Any]) -> dict[str, Any]:
    """Say at once how an attempt went: the rest takes long."""
    _say(_attempt_line(who, attempt))
    return attempt


def _attempt_line(who: str, attempt: Mapping[str, Any]) -> str:
    return (
        "{who}, seed {seed}: {frames:,} frames, {wall_s:.1f} s wall and {cpu_s:.1f} s CPU of "
        "training, success {success:.1%}".format(who=who, **attempt)
    )


def _say(*lines: str) -> None:
    print(*lines, sep="\n", file=sys.stderr, flush=True)


def bars(
    rates: Rates,
    attempts: Sequence[Mapping[str, Any]],
    shares: Mapping[str, Mapping[str, float]],
    stock_attempts: Sequence[Mapping[str, Any]] = (),
) -> list[Bar]:
    """Hold a measurement against the bars.

    Args:
        rates: Frames per CPU-second of all learners.
        attempts: Results of :func:`operant.benchmarks.perf.solving.solve`.
        shares: How the network is evaluated -> world -> share of env and reward in the time.
        stock_attempts: Results of :func:`operant.benchmarks.perf.solving.solve_stock`.
    """
    large = "the same, all with minibatches of 32768:"
    rows = [
        ("distinct", "sb3", "x SB3 over our adapter", 3.5),
        ("distinct", "sbx", "x sbx over our adapter", 4),
        ("distinct", "navix", "x PPO and NAVIX in one XLA program", 5),
        ("distinct", "stock", "x SB3 on MiniGrid, 16 envs", 100),
        ("distinct_32768", "sb3_32768", f"{large} x SB3", 3.5),
        ("distinct_32768", "sbx_32768", f"{large} x sbx", 4),
        ("distinct_32768", "navix_32768", f"{large} x NAVIX", 5),
        ("distinct_32768", "stock", "ours with 32768, x SB3 on MiniGrid, 16 envs", 100),
        ("dense", "sb3", "deduplicate=False, x SB3 over our adapter", 1.15),
    ]
    walls = sorted(a["wall_s"] if a["success"] >= GOAL else math.inf for a in attempts)
    best = walls[: max(1, len(walls) * 9 // 10)]
    slow = [attempt["wall_s"] for attempt in stock_attempts]  # at least, where it gave up
    faster = [float(np.median(slow) / np.median(walls))] if slow and walls else []
    return [
        *(
            at_least(f"{mine}_x_{theirs}", text, goal, rates.ratios(mine, theirs))
            for mine, theirs, text, goal in rows
        ),
        at_most("solve", "DoorKey-8x8 to 99 %, slowest of the best 9 in 10, s", 15, best[-1:]),
        at_least("solve_x_stock", "the same beside SB3 on MiniGrid, medians", 50, faster),
        *(
            at_most(f"env_share_{way}", text, 0.1, [max(shares[way].values())])
            for way, text in WAYS.items()
            if way in shares
        ),
    ]


def describe(result: dict[str, Any]) -> str:
    """Return the result of :func:`measure` as text."""
    task = f"{learners.ENV}: PPO from the first frame on, 4 epochs, 64-64 tanh twice; one CPU"
    lines = [
        *heading(task, result["machine"], result["loads"]),
        *rate_table(result["frames_per_cpu_s"]),
        *(f"{key:<50} not measured: {why}" for key, why in result["not_measured"].items()),
        "",
    ]
    if result["attempts"]:
        settings = ", ".join(f"{name} {value}" for name, value in ATTEMPTS.items())
        told = [("ours", attempt) for attempt in result["attempts"]]
        told += [(THEIRS, attempt) for attempt in result["stock_attempts"]]
        lines += [
            f"{learners.ENV} from scratch to {GOAL:.0%} of 1024 fresh levels: {settings}",
            *(_attempt_line(who, attempt) for who, attempt in told),
            "",
            f"{'share of env and design count in the native PPO':<50}{'distinct':>14}{'dense':>14}",
            *(
                f"{name:<50}{share:>14.1%}{result['env_shares']['dense'][name]:>14.1%}"
                for name, share in result["env_shares"]["distinct"].items()
            ),
            "",
        ]
    return "\n".join([*lines, *bar_table(result["bars"])])


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; return 0, or 3 if a peer died on the way."""
    options = parser(
        "training",
        "Measure how fast the native PPO learns beside its peers.",
        rounds=9,
        seconds=120.0,
    )
    add_peers(options, (*_OURS, *PINS))
    options.add_argument(
        "--seeds", type=int, default=10, help="attempts at DoorKey-8x8 from scratch (10)"
    )
    options.add_argument(
        "--stock-seeds", type=int, default=0, help=f"attempts of {THEIRS} (0), 5 to 20 minutes each"
    )

    def entered(told: argparse.Namespace) -> dict[str, Any]:
        pythons = dict.fromkeys(_OURS, Path(sys.executable))
        if told.install_peers:
            pythons |= install(told.install_peers, PINS, beside_ours=("sbx-rl",))
        return {
            "pythons": {**pythons, **dict(told.peer)},
            "seeds": range(told.seeds),
            "stock_seeds": range(told.stock_seeds),
        }

    return run(options, argv, measure, describe, entered)


if __name__ == "__main__":
    sys.exit(main())
