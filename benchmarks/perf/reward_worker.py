"""What a locked process costs: ``python -m operant.benchmarks.perf.reward_worker``.

Start-up is wall time: the process computes while the host waits. A transition is timed within a
batch, beside the same text evaluated by the closed language in Python.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np

from operant.reward_design.llm import compile_reward
from operant.reward_design.llm.worker import RewardWorker, RowLayout, WorkerSettings

SIZE, FEATURES = 8, ("distance", "prev_distance", "has_key")
SOURCE = """
def reward(obs, action, next_obs, info):
    paid = info["prev_distance"] - info["distance"] - 0.01 * abs(action)
    if info["has_key"]:
        paid += math.sqrt(next_obs[0] * next_obs[0] + next_obs[1] * next_obs[1])
    return paid
"""
BATCHES = (1, 8, 64, 1024, 16384)
ROWS = 65536  # transitions of one measurement, at most 2000 messages


def main(argv: Sequence[str] | None = None) -> None:
    """Print start-up in milliseconds and microseconds per transition by batch size."""
    parser = argparse.ArgumentParser(prog="python -m operant.benchmarks.perf.reward_worker")
    parser.add_argument("--repeats", type=int, default=5, help="measurements, of which the median")
    parser.add_argument("--require", default="landlock+seccomp", help="the weakest level accepted")
    options = parser.parse_args(argv)
    print(f"{'start-up':<26}{'median ms':>12}{'max ms':>10}")
    for modules in ((), ("numpy",)):
        settings = WorkerSettings(require=options.require, modules=modules, timeout_s=60.0)
        times = [_start_up(settings) * 1e3 for _ in range(options.repeats)]
        name = "with NumPy" if modules else "standard library"
        print(f"{name:<26}{statistics.median(times):>12.1f}{max(times):>10.1f}")
    settings = WorkerSettings(require=options.require, timeout_s=60.0)
    closed = compile_reward(SOURCE, obs_size=SIZE, features=("distance", "has_key"))
    with RewardWorker(SOURCE, layout=_layout(), settings=settings) as worker:
        print(f"\n{'microseconds per transition':<28}{worker.level:>18}{'closed language':>18}")
        for batch in BATCHES:
            paid = [
                _per_transition(f, batch, options.repeats) for f in (worker.batch, closed.batch)
            ]
            print(f"{f'batches of {batch:,}':<28}{paid[0]:>18.2f}{paid[1]:>18.2f}")


def _layout() -> RowLayout:
    return RowLayout(obs_size=SIZE, features=FEATURES)


def _start_up(settings: WorkerSettings) -> float:
    """Return seconds until a new worker has a program."""
    begin = time.perf_counter()
    RewardWorker(SOURCE, layout=_layout(), settings=settings).close()
    return time.perf_counter() - begin


def _per_transition(evaluate: Callable[..., object], batch: int, repeats: int) -> float:
    """Return the median over some measurements, microseconds."""
    rng = np.random.default_rng(0)
    obs, next_obs = rng.random((2, batch, SIZE))
    info = {name: rng.random(batch) for name in (*FEATURES, "prev_has_key")}
    action, calls, times = rng.random(batch), min(max(1, ROWS // batch), 2000), []
    for _ in range(repeats):
        begin = time.perf_counter()
        for _ in range(calls):
            evaluate(obs, action, next_obs, info)
        times.append((time.perf_counter() - begin) / (calls * batch))
    return statistics.median(times) * 1e6


if __name__ == "__main__":
    main()
