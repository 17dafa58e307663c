"""How fast is SparseKey, beside MiniGrid's DoorKey of the same size, in one interleaved run?

Run ``python -m operant.benchmarks.perf.gridworld``. Every round measures every contender for a
slice of process CPU time, and ratios are taken inside a round: on a shared machine rates drift by
tens of per cent within minutes, which hits ours and the peer alike. All contenders take pre-drawn
random actions and start new episodes at once.
"""

from __future__ import annotations

import argparse
import dataclasses
import gc
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

import gymnasium as gym
import numpy as np

import operant  # noqa: F401 (registers the ids)
from operant.envs.gridworld.engine import SAME_STEP
from operant.errors import MissingExtraError

BAR = 5e6
"""What the first contender must reach, in env steps per CPU-second."""
OURS, PEER = "SparseKey-8x8-v0", "MiniGrid-DoorKey-8x8-v0"
BATCH = 1024
_POOL = 256  # distinct batches of random actions, drawn before anything is timed
_PACKAGES = ("operant", "gymnasium", "minigrid", "numba", "numpy")
_FIRST_STEP = f"""
import time, operant, gymnasium, numpy
start = time.process_time()
env = gymnasium.make_vec({OURS!r}, num_envs=1)
env.reset(seed=0)
env.step(numpy.zeros(1, int))
print(time.process_time() - start)
"""

Chunk = Callable[[], int]
"""Does a little work and returns how many units (env steps, levels) that was."""


@dataclasses.dataclass(frozen=True, slots=True)
class Contender:
    """Something that is timed.

    Attributes:
        key: Short name in the machine-readable output.
        label: Line in the table.
        chunk: The work.
    """

    key: str
    label: str
    chunk: Chunk


@dataclasses.dataclass(frozen=True, slots=True)
class Rates:
    """Units per CPU-second of one contender.

    Attributes:
        rounds: One rate per round.
        ratios: The rate divided by the peer's in the same round.
    """

    rounds: list[float]
    ratios: list[float]

    @property
    def median(self) -> float:
        """Median over the rounds."""
        return statistics.median(self.rounds)

    def summary(self) -> dict[str, Any]:
        """Return median, extremes and the raw rounds."""
        return {
            "median": self.median,
            "min": min(self.rounds),
            "max": max(self.rounds),
            "ratio_to_peer": statistics.median(self.ratios),
            "rounds": self.rounds,
        }


def batch_steps(num_envs: int) -> Chunk:
    """Step our batch through Gymnasium's vector API: observations, features, flags and infos."""
    env = gym.make_vec(OURS, num_envs=num_envs, autoreset_mode="SameStep")
    env.reset(seed=0)
    actions = itertools.cycle(_random_actions((_POOL, num_envs)))
    calls = max(1, BATCH // num_envs)  # so that reading the clock costs nothing

    def chunk() -> int:
        for _ in range(calls):
            env.step(next(actions))
        return calls * num_envs

    return chunk


def kernel_steps() -> Chunk:
    """Step our batch without the vector API: the compiled loop alone, into its own buffers."""
    simulator = _batch()
    actions = itertools.cycle(_random_actions((_POOL, BATCH)))

    def chunk() -> int:
        simulator.step(next(actions), SAME_STEP)
        return BATCH

    return chunk


def scalar_steps(env_id: str) -> Chunk:
    """Step a scalar env from ``gym.make``, with a reset where an episode ends."""
    env = gym.make(env_id)
    env.reset(seed=0)
    actions = itertools.cycle(_random_actions((_POOL * BATCH,)).tolist())

    def chunk() -> int:
        for _ in range(50):
            *_, terminated, truncated, _info = env.step(next(actions))
            if terminated or truncated:
                env.reset()
        return 50

    return chunk


def batch_levels() -> Chunk:
    """Draw new levels in our whole batch, with distance fields and first observations."""
    simulator, everywhere = _batch(), np.ones(BATCH, np.bool_)

    def chunk() -> int:
        simulator.reset(everywhere)
        return BATCH

    return chunk


def scalar_levels(env_id: str) -> Chunk:
    """Reset a scalar env from ``gym.make`` again and again."""
    env = gym.make(env_id)
    env.reset(seed=0)

    def chunk() -> int:
        for _ in range(20):
            env.reset()
        return 20

    return chunk


def first_steps() -> dict[str, float]:
    """Return a new process's CPU-seconds until its first step, without and with kept kernels."""
    command = [sys.executable, "-c", _FIRST_STEP]
    with tempfile.TemporaryDirectory() as cache:
        env = {**os.environ, "XDG_CACHE_HOME": cache}
        runs = [
            subprocess.run(command, env=env, check=True, capture_output=True, text=True)
            for _ in range(2)
        ]
    return dict(zip(("compiling", "kept"), (float(run.stdout) for run in runs), strict=True))


def interleave(contenders: Sequence[Contender], *, rounds: int, seconds: float) -> dict[str, Rates]:
    """Time all contenders in turns, after one unmeasured round.

    Args:
        contenders: What to time; the last one is the peer of the ratios.
        rounds: Measured rounds, >= 1.
        seconds: CPU-seconds of all rounds and contenders together, > 0.

    Returns:
        Key -> rates, in the order given.

    Raises:
        ValueError: If an argument is outside its range.
    """
    if rounds < 1:
        raise ValueError(f"rounds must be >= 1, got {rounds}")
    if not seconds > 0:
        raise ValueError(f"seconds must be > 0, got {seconds}")
    share = seconds / ((rounds + 1) * len(contenders))
    table = [[_rate(c.chunk, share) for c in contenders] for _ in range(rounds + 1)][1:]
    return {
        contender.key: Rates([row[i] for row in table], [row[i] / row[-1] for row in table])
        for i, contender in enumerate(contenders)
    }


def measure(*, rounds: int, seconds: float) -> dict[str, Any]:
    """Run the whole comparison.

    Args:
        rounds: Measured rounds, >= 1.
        seconds: CPU-seconds of the measurement, compilation excluded, > 0.

    Raises:
        MissingExtraError: If MiniGrid is not installed.
        ValueError: If an argument is outside its range.
    """
    try:
        import minigrid  # noqa: F401 (registers its ids)
    except ModuleNotFoundError as error:
        raise MissingExtraError("minigrid", "dev") from error
    load_before = os.getloadavg()
    steps = [
        Contender("vector_1024", f"ours, make_vec N={BATCH}", batch_steps(BATCH)),
        Contender("kernel_1024", f"ours, bare kernel N={BATCH}", kernel_steps()),
        Contender("vector_16", "ours, make_vec N=16", batch_steps(16)),
        Contender("scalar", "ours, gym.make", scalar_steps(OURS)),
        Contender("minigrid", "MiniGrid, gym.make", scalar_steps(PEER)),
    ]
    levels = [
        Contender("kernel_1024", f"ours, level in the kernel N={BATCH}", batch_levels()),
        Contender("scalar", "ours, env.reset()", scalar_levels(OURS)),
        Contender("minigrid", "MiniGrid, env.reset()", scalar_levels(PEER)),
    ]
    gc.collect()  # what compiling left behind would else be collected in someone's first round
    step_rates = interleave(steps, rounds=rounds, seconds=0.8 * seconds)
    level_rates = interleave(levels, rounds=rounds, seconds=0.2 * seconds)
    return {
        "task": {"ours": OURS, "peer": PEER, "actions": "random", "autoreset": "same step"},
        "machine": _machine(load_before),
        "first_step_cpu_s": first_steps(),
        "bar": {"steps_per_cpu_s": BAR, "met": step_rates["vector_1024"].median >= BAR},
        "steps_per_cpu_s": _summaries(steps, step_rates),
        "levels_per_cpu_s": _summaries(levels, level_rates),
    }


def describe(result: dict[str, Any]) -> str:
    """Return the result of :func:`measure` as text."""
    machine, rows = result["machine"], result["steps_per_cpu_s"]
    names = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    load = "{:.2f} before, {:.2f} after".format(*machine["load_1min"])
    lines = [
        f"{OURS} beside {PEER}: random actions, episodes restart at once",
        f"{machine['cpus']} CPUs ({machine['cpu']}), load {load}",
        f"Python {machine['python']}, {names}",
        "",
        *_table("env steps per CPU-second", rows),
        "",
        *_table("levels per CPU-second", result["levels_per_cpu_s"]),
        "",
        "CPU-seconds until a process's first step: {compiling:.1f} compiling, {kept:.1f} with "
        "kernels kept on disk".format(**result["first_step_cpu_s"]),
        f"bar: {BAR / 1e6:g} M steps per CPU-second through make_vec: "
        + ("met" if result["bar"]["met"] else "MISSED")
        + f" ({rows['vector_1024']['median'] / 1e6:.2f} M)",
    ]
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; return 0, or 3 if MiniGrid is not installed."""
    parser = argparse.ArgumentParser(
        prog="python -m operant.benchmarks.perf.gridworld",
        description="Measure SparseKey's throughput beside MiniGrid's DoorKey.",
    )
    parser.add_argument("--rounds", type=int, default=9, help="measured rounds (9)")
    parser.add_argument("--seconds", type=float, default=20.0, help="CPU-seconds in all (20)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args(argv)
    try:
        result = measure(rounds=arguments.rounds, seconds=arguments.seconds)
    except ValueError as error:
        parser.error(str(error))
    except MissingExtraError as error:
        print(error, file=sys.stderr)
        return 3
    print(json.dumps(result, indent=2) if arguments.json else describe(result))
    return 0


def _batch() -> Any:
    """Return the simulator of a running batch."""
    env: Any = gym.make_vec(OURS, num_envs=BATCH).unwrapped
    env.reset(seed=0)
    return env.simulator


def _random_actions(shape: tuple[int, ...]) -> Any:
    return np.random.default_rng(0).integers(0, 7, shape)


def _rate(chunk: Chunk, seconds: float) -> float:
    """Return units per CPU-second of at least one chunk."""
    start, units = time.process_time(), 0
    while True:
        units += chunk()
        spent = time.process_time() - start
        if spent >= seconds:
            return units / spent


def _summaries(contenders: list[Contender], rates: dict[str, Rates]) -> dict[str, Any]:
    return {c.key: {"label": c.label, **rates[c.key].summary()} for c in contenders}


def _table(unit: str, rows: dict[str, Any]) -> list[str]:
    head = f"{unit:<32}{'median':>14}{'min':>14}{'max':>14}{'x MiniGrid':>12}"
    return [
        head,
        *(
            f"{row['label']:<32}{row['median']:>14,.0f}{row['min']:>14,.0f}{row['max']:>14,.0f}"
            f"{row['ratio_to_peer']:>12,.1f}"
            for row in rows.values()
        ),
    ]


def _machine(load_before: tuple[float, float, float]) -> dict[str, Any]:
    return {
        "cpu": platform.processor() or platform.machine(),
        "cpus": os.cpu_count(),
        "load_1min": [load_before[0], os.getloadavg()[0]],
        "python": platform.python_version(),
        "versions": {name: version(name) for name in _PACKAGES},
    }


if __name__ == "__main__":
    sys.exit(main())
