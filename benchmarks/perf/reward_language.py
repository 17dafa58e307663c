"""What does a reward cost that is a program of the closed language?

Run ``python -m operant.benchmarks.perf.reward_language``: one call from Python, batches compiled by
numba, and compiled into the step of a gridworld. Contenders take turns, and costs are taken inside
a round; see :mod:`operant.benchmarks.perf.interleave`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

import operant
from operant.benchmarks.perf.bars import Bar, at_least, at_most
from operant.benchmarks.perf.contenders import BATCH, kernel_steps, simulator
from operant.benchmarks.perf.interleave import Chunk, Contender, Rates, timed
from operant.benchmarks.perf.report import compare, comparison, parser, run
from operant.reward_design.llm.language.execution import Backend
from operant.reward_design.llm.language.program import RewardProgram, compile_reward

ENV = "SparseKey-8x8-v0"
SOURCE = """
def reward(obs, action, next_obs, info):
    closer = info["prev_steps_to_subgoal"] - info["steps_to_subgoal"]
    bonus = 0.0
    if info["has_key"] > info["prev_has_key"]:
        bonus = bonus + 0.5
    if info["door_open"] > info["prev_door_open"]:
        bonus = bonus + 0.5
    near = 1.0 / (1.0 + info["steps_to_subgoal"])
    progress = min(1.0, max(-1.0, 0.1 * closer))
    effort = 0.01 if action < 2 else 0.02
    effort = effort * (1.0 + 0.5 * info["has_key"])
    return bonus + progress + 0.05 * near * near - effort - 0.001
"""
"""A program of 20 operations (arithmetic, comparisons, calls), conditions not counted."""
_CALLS, _ROWS = 1000, 2**14


def program(backend: Backend = "python") -> RewardProgram:
    """Compile the program for the env."""
    features = operant.card(ENV).features
    return compile_reward(SOURCE, obs_size=0, features=features, backend=backend)


def contenders() -> list[Contender]:
    """Build everything that is timed."""
    fused = program().for_kernel()
    rows = [
        ("call", "program(...)", "evaluations", calls(program())),
        ("numba", f"program.batch, numba, N={_ROWS}", "evaluations", batches(program("numba"))),
        ("python", f"program.batch, Python, N={_ROWS}", "evaluations", batches(program())),
        ("kernel", f"kernel N={BATCH}", "env steps", kernel_steps(simulator(ENV))),
        (
            "fused",
            "  program compiled in",
            "env steps",
            kernel_steps(simulator(ENV, program=fused)),
        ),
        (
            "swapped",
            "  program by its address",
            "env steps",
            kernel_steps(simulator(ENV, program=fused, swappable=True)),
        ),
    ]
    return [Contender(key, label, unit, timed(work)) for key, label, unit, work in rows]


def calls(reward: RewardProgram) -> Chunk:
    """Call a program on one transition after the other."""
    rng = np.random.default_rng(0)
    steps = [{key: float(rng.integers(0, 2)) for key in reward.keys} for _ in range(_CALLS)]

    def chunk() -> int:
        for info in steps:
            reward(None, 2, None, info)
        return _CALLS

    return chunk


def batches(reward: RewardProgram) -> Chunk:
    """Evaluate a program on many transitions at once."""
    rng = np.random.default_rng(0)
    info = {key: rng.integers(0, 2, _ROWS).astype(float) for key in reward.keys}
    actions = rng.integers(0, 7, _ROWS).astype(float)

    def chunk() -> int:
        reward.batch(None, actions, None, info)
        return _ROWS

    return chunk


def bars(rates: Rates) -> list[Bar]:
    """Hold the costs against the bars."""

    def share(with_it: float, without: float) -> float:
        return 100.0 * (1.0 - with_it / without)

    def microseconds(rate: float) -> float:
        return 1e6 / rate

    def millions(rate: float) -> float:
        return rate / 1e6

    return [
        at_most(
            "call", "one call from Python: microseconds", 0.6, rates.figures(microseconds, "call")
        ),
        at_least(
            "numba", "numba batch: million evaluations/s", 20.0, rates.figures(millions, "numba")
        ),
        at_most(
            "fused",
            "compiled in: % of the engine's throughput",
            20.0,
            rates.figures(share, "fused", "kernel"),
        ),
        at_most(
            "swapped",
            "by address: % of the engine's throughput",
            None,
            rates.figures(share, "swapped", "kernel"),
        ),
    ]


def measure(*, rounds: int, seconds: float) -> dict[str, Any]:
    """Time all contenders.

    Args:
        rounds: Measured rounds, >= 1.
        seconds: CPU-seconds in all, > 0.

    Raises:
        ValueError: If an argument is outside its range.
    """
    task = {"env": ENV, "source": SOURCE}
    return {"task": task, **compare(contenders, bars, rounds=rounds, seconds=seconds)}


def describe(result: dict[str, Any]) -> str:
    """Return the result of :func:`measure` as text."""
    return comparison(f"A reward program of 20 operations, for {ENV}", result)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    told = "Measure what reward programs cost."
    options = parser("reward_language", told, rounds=15, seconds=20.0)
    return run(options, argv, measure, describe)


if __name__ == "__main__":
    sys.exit(main())
