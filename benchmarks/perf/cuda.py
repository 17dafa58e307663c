"""How fast are our gridworlds on a GPU, by number of envs and by memory layout?

Run ``python -m operant.benchmarks.perf.cuda`` where there is a CUDA device. All take random actions
and start new episodes at once; every slice of wall time ends when the GPU is done. Ratios are taken
inside a round.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import gymnasium as gym
import torch

from operant.benchmarks.perf.interleave import Chunk, Contender, interleave, timed
from operant.benchmarks.perf.report import parser, run
from operant.errors import OperantError

ENV = "DoorKey-8x8-v0"
SIZES = (4_096, 16_384, 65_536, 262_144, 1_048_576)
GOAL = 500e6
"""Env steps per second that a GPU of the H200's class must reach at the largest size."""
_TAPE = 64  # batches of random actions drawn before anything is timed
_LAUNCHES = 100  # between two looks at the clock


def measure(*, sizes: Sequence[int], rounds: int, seconds: float) -> dict[str, Any]:
    """Time the levels in both layouts, and the vector env, at every size.

    Args:
        sizes: Numbers of envs, each >= 1.
        rounds: Measured rounds, >= 1.
        seconds: Wall seconds of all sizes, > 0.

    Raises:
        OperantError: If there is no CUDA device, or the cuda extra is not installed.
        ValueError: If an argument is outside its range.
    """
    if not torch.cuda.is_available():
        raise OperantError(f"no CUDA device: torch {torch.__version__} sees none")
    rows = []
    for num in sizes:
        contenders = [
            Contender(key, label, "env steps", timed(chunk, time.perf_counter))
            for key, label, chunk in _chunks(num)
        ]
        rates = interleave(contenders, rounds=rounds, seconds=seconds / len(sizes))
        medians = {key: statistics.median(found) for key, found in rates.rounds.items()}
        rows.append({"N": num, "median": medians, "rounds": rates.rounds})
    return {
        "task": {"env": ENV, "actions": "random", "autoreset": "same step", "features": True},
        "machine": _machine(),
        "env_steps_per_s": rows,
    }


def describe(result: dict[str, Any]) -> str:
    """Return the result of :func:`measure` as text."""
    machine, rows = result["machine"], result["env_steps_per_s"]
    names = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    labels = list(rows[0]["median"])
    largest = rows[-1]
    best = largest["median"]["columns"]
    return "\n".join(
        [
            f"{ENV}: random actions, features, episodes restart at once; millions of env steps/s",
            f"{machine['gpu']} ({machine['memory_gib']} GiB), driver {machine['driver']}, "
            f"{machine['cpus']} CPUs ({machine['cpu']}), load {machine['load_1min']:.2f}",
            f"Python {machine['python']}, {names}",
            "",
            f"{'N':>12}" + "".join(f"{label:>14}" for label in labels),
            *(
                f"{row['N']:>12,}"
                + "".join(f"{row['median'][label] / 1e6:>14,.1f}" for label in labels)
                for row in rows
            ),
            "",
            f"goal at N={SIZES[-1]:,}: {GOAL / 1e6:,.0f} M/s; measured at N={largest['N']:,}: "
            f"{best / 1e6:,.1f} M/s",
        ]
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; return 0, or 3 where there is no CUDA device or extra."""
    options = parser("cuda", "Measure the gridworlds' throughput on a GPU.", rounds=9, seconds=50.0)
    options.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of envs")
    return run(options, argv, measure, describe, lambda told: {"sizes": told.sizes})


def _chunks(num: int) -> list[tuple[str, str, Chunk]]:
    """Return (key, label, work): the levels alone in two layouts, and through ``gym.make_vec``."""
    from operant.envs.gridworld.cuda.batch import BY_COLUMN, CudaBatch

    env: Any = gym.make_vec(ENV, num_envs=num, device="cuda", autoreset_mode="SameStep").unwrapped
    env.reset(seed=0)
    state = env.get_state()
    tape = torch.randint(env.size.num_actions, (_TAPE, num), device=env.device).unbind()

    def levels(by_column: frozenset[str]) -> Chunk:
        batch = CudaBatch(env.batch.variant._replace(by_column=by_column), num, env.device)
        batch.set_state(state)
        return _stepping(batch.step, tape, num)

    return [
        ("columns", "levels, rows as the fastest axis", levels(BY_COLUMN)),
        ("rows", "levels, row after row", levels(frozenset())),
        ("make_vec", "gym.make_vec", _stepping(env.step, tape, num)),
    ]


def _stepping(step: Any, tape: Sequence[torch.Tensor], num: int) -> Chunk:
    def chunk() -> int:
        for launch in range(_LAUNCHES):
            step(tape[launch % _TAPE])
        torch.cuda.synchronize()
        return _LAUNCHES * num

    return chunk


def _machine() -> dict[str, Any]:
    from cuda.bindings import driver

    cuda = driver.cuDriverGetVersion()[1]
    gpu = torch.cuda.get_device_properties(torch.cuda.current_device())
    return {
        "gpu": gpu.name,
        "memory_gib": round(gpu.total_memory / 2**30),
        "driver": f"CUDA {cuda // 1000}.{cuda % 1000 // 10}",
        "cpu": platform.processor() or platform.machine(),
        "cpus": os.cpu_count(),
        "load_1min": os.getloadavg()[0],
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("operant", "torch", "numba-cuda", "numba")},
    }


if __name__ == "__main__":
    sys.exit(main())
