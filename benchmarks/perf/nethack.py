"""How fast are NetHack's worlds beside the plain env of NLE, with equal observations?

Run ``python -m operant.benchmarks.perf.nethack``. Contenders take turns, and ratios are taken
inside a round; see :mod:`operant.benchmarks.perf.interleave`. Single envs play the same games with
the same random actions, step for step, resets included. The CPU time of worker processes is
counted. Linux only, since it is read from ``/proc``.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AsyncVectorEnv, VectorEnv

import operant
from operant.benchmarks.perf.bars import Bar, at_least
from operant.benchmarks.perf.interleave import Chunk, Contender, Rates, Slice, interleave, timed
from operant.benchmarks.perf.report import bar_table, heading, machine, parser, rate_table, run
from operant.extras import require

OURS, THEIRS = "NLEScore-v0", "NetHackScore-v0"
SMALL = ("glyphs", "blstats", "message")
ALL = (
    *("glyphs", "chars", "colors", "specials", "blstats", "message", "inv_glyphs", "inv_strs"),
    *("inv_letters", "inv_oclasses", "screen_descriptions", "tty_chars", "tty_colors"),
    "tty_cursor",
)
"""What NLE's env shows unless told otherwise."""
KEY_SETS = {"blstats": ("blstats",), "small": SMALL, "all": ALL}
_STEPS = 100


def ours(keys: Sequence[str]) -> gym.Env[Any, Any]:
    """Build our env."""
    return gym.make(OURS, observation=keys)


def theirs(keys: Sequence[str]) -> gym.Env[Any, Any]:
    """Build NLE's env."""
    return gym.make(THEIRS, observation_keys=keys, render_mode=None, fix_moon_phase=True)


def begin(env: gym.Env[Any, Any], episode: int) -> None:
    """Start an env's episode of a number, the same game in NLE's env as in ours."""
    seeder: Any = env.unwrapped
    if hasattr(seeder, "world"):
        env.reset(seed=episode)
        return
    core, disp = np.random.default_rng(episode).integers(2**62, size=2).tolist()  # as ours draws
    seeder.seed(core, disp, reseed=False)
    env.reset()


def plays(env: gym.Env[Any, Any], look: bool = False) -> Chunk:
    """Play one env.

    Args:
        env: The env.
        look: True to look at the features of every step.
    """
    actions = np.random.default_rng(0).integers(23, size=2**14).tolist()
    begin(env, 0)
    at, episode = 0, 1

    def chunk() -> int:
        nonlocal at, episode
        for _ in range(_STEPS):
            *_, terminated, truncated, info = env.step(actions[at % len(actions)])
            if look:
                info["features"]["known_cells"]
            at += 1
            if terminated or truncated:
                begin(env, episode)
                episode += 1
        return _STEPS

    return chunk


def resets(env: gym.Env[Any, Any], prepare: Callable[[], object] = lambda: None) -> Slice:
    """Time resets alone, after a few steps and what else is done before each."""
    env.reset(seed=0)

    def work(seconds: float) -> tuple[int, float]:
        done, spent = 0, 0.0
        while spent < seconds:
            for action in range(5):
                env.step(action)
            prepare()
            start = time.process_time()
            env.reset()
            spent += time.process_time() - start
            done += 1
            if done * 10 >= _STEPS:  # what is not timed must not take forever
                break
        return done, spent

    return work


def reads(env: gym.Env[Any, Any]) -> Chunk:
    """Compute all features of one screen again and again."""
    from operant.envs.nethack.turn import STUDY

    world: Any = env.unwrapped.world  # type: ignore[attr-defined]
    env.reset(seed=0)

    def chunk() -> int:
        for _ in range(_STEPS):
            world.seats[0].play(STUDY)
        return _STEPS

    return chunk


class Batch:
    """A vector env whose processes' CPU time is counted beside the wall time.

    Attributes:
        cpu: Steps per CPU-second of each slice.
    """

    def __init__(self, envs: VectorEnv[Any, Any, Any], pids: Callable[[], list[int]]) -> None:
        """Take over an env.

        Args:
            envs: The env, which is reset.
            pids: Returns its processes.
        """
        self.envs, self._pids, self.cpu = envs, pids, list[float]()
        number = envs.num_envs
        self._actions = np.random.default_rng(0).integers(23, size=(2**10, number))
        envs.reset(seed=0)

    def work(self, seconds: float) -> tuple[int, float]:
        """Step for so long, in wall time."""
        cpu, start, steps = self._cpu(), time.perf_counter(), 0
        while True:
            for _ in range(10):
                self.envs.step(self._actions[steps % len(self._actions)])
                steps += 1
            spent = time.perf_counter() - start
            if spent >= seconds:
                done = steps * self.envs.num_envs
                self.cpu.append(done / (self._cpu() - cpu))
                return done, spent

    def _cpu(self) -> float:
        return time.process_time() + sum(map(_cpu_of, self._pids()))


def _cpu_of(pid: int) -> float:
    numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(numbers[11]) + int(numbers[12])) / os.sysconf("SC_CLK_TCK")


def batches(rows: int, workers: int) -> dict[str, Batch]:
    """Build both batches; theirs first, since it forks this process."""
    async_envs = AsyncVectorEnv([lambda: theirs(SMALL)] * rows)
    own = gym.make_vec(OURS, num_envs=rows, workers=workers, observation=SMALL)
    world: Any = own.unwrapped.world
    return {
        "batch": Batch(own, lambda: world.pids),
        "async": Batch(async_envs, lambda: [process.pid for process in async_envs.processes]),
    }


def singles() -> list[Contender]:
    """Build everything that is timed in this process."""
    made = []
    for name, keys in KEY_SETS.items():
        label = f"{len(keys)} keys" if len(keys) > 3 else ", ".join(keys)
        rows = [
            (f"ours_{name}", f"{OURS}: {label}", ours(keys)),
            (f"nle_{name}", f"{THEIRS}: {label}", theirs(keys)),
            (f"bare_{name}", f"{THEIRS} without wrappers: {label}", theirs(keys).unwrapped),
        ]
        made += [Contender(key, text, "env steps", timed(plays(env))) for key, text, env in rows]
        looked, text = timed(plays(ours(keys), look=True)), f"{OURS}: {label}, features looked at"
        made.append(Contender(f"told_{name}", text, "env steps", looked))
    spared = ours(SMALL)
    world: Any = spared.unwrapped.world  # type: ignore[attr-defined]

    def prepare() -> None:
        while world.idle():
            pass

    made += [
        Contender("reset", f"{OURS}: resets", "resets", resets(ours(SMALL))),
        Contender("spare", "  with a spare started before", "resets", resets(spared, prepare)),
        Contender("nle_reset", f"{THEIRS}: resets", "resets", resets(theirs(SMALL))),
        Contender("features", f"{OURS}: features alone", "env steps", timed(reads(ours(SMALL)))),
    ]
    return made


def bars(single: Rates, wall: Rates, cpu: Rates) -> list[Bar]:
    """Hold the rates against the bars."""
    made = []
    for name, keys in KEY_SETS.items():
        text = f"one env, {len(keys)} key{'s' * (len(keys) > 1)}, x NLE's"
        for theirs_, said, goal in (("nle", "", 1.7), ("bare", " without wrappers", None)):
            ratios = single.ratios(f"ours_{name}", f"{theirs_}_{name}")
            made.append(at_least(f"{name}_x_{theirs_}", text + said, goal, ratios))
        looked = single.ratios(f"told_{name}", f"nle_{name}")
        made.append(at_least(f"{name}_told", text + ", looking at features", None, looked))
    share = single.figures(lambda mine, read: 100.0 * mine / read, "ours_small", "features")
    return [
        *made,
        at_least("batch_wall", "batch, x AsyncVectorEnv, wall", 1.6, wall.ratios("batch", "async")),
        at_least("batch_cpu", "batch, x AsyncVectorEnv, CPU", None, cpu.ratios("batch", "async")),
        at_least("reset_x_nle", "reset, x NLE's", None, single.ratios("reset", "nle_reset")),
        at_least("spare_x_reset", "with a spare, x without", None, single.ratios("spare", "reset")),
        at_least("features", "features: % of a step with 3 keys", None, share),
    ]


def measure(*, rounds: int, seconds: float, rows: int, workers: int) -> dict[str, Any]:
    """Time all contenders.

    Args:
        rounds: Measured rounds, >= 1.
        seconds: Seconds in all, > 0.
        rows: Rows of the batches, >= 1.
        workers: Processes of our batch, in [1, rows].

    Raises:
        MissingExtraError: If NLE is not installed.
        ValueError: If an argument is outside its range.
    """
    require("nle", extra="nethack", minimum="1.3", below="1.4")
    if not 1 <= workers <= rows:
        raise ValueError(f"workers must lie in [1, rows = {rows}], got {workers}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Gymnasium's checker warns about NLE's env
        many = batches(rows, workers)
        labels = {
            "batch": f"{OURS} x {rows} in {workers} processes",
            "async": f"AsyncVectorEnv of {THEIRS} x {rows}",
        }
        timed_many = [Contender(k, labels[k], "env steps", b.work) for k, b in many.items()]
        try:
            wall = interleave(timed_many, rounds=rounds, seconds=seconds / 2)
        finally:
            for batch in many.values():
                batch.envs.close()
        timed_ones = singles()
        single = interleave(timed_ones, rounds=rounds, seconds=seconds / 2)
    cpu = Rates({key: batch.cpu[1:] for key, batch in many.items()})
    return {
        "task": {"nle": version("nle"), "rows": rows, "workers": workers},
        "machine": machine(),
        "loads": [*wall.loads, *single.loads],
        "single": {c.key: single.summary(c, timed_ones[0]) for c in timed_ones},
        "wall": {c.key: wall.summary(c, timed_many[0]) for c in timed_many},
        "cpu": {c.key: cpu.summary(c, timed_many[0]) for c in timed_many},
        "bars": [bar.summary() for bar in bars(single, wall, cpu)],
    }


def describe(result: Mapping[str, Any]) -> str:
    """Return a measurement as text."""
    task = f"NetHack, random actions, NLE {result['task']['nle']}, operant {operant.__version__}"
    wall = rate_table(result["wall"])
    wall[0] = wall[0].replace("per CPU-second", "per second of wall time", 1)
    return "\n".join(
        [
            *heading(task, result["machine"], result["loads"]),
            *rate_table(result["single"]),
            *wall,
            *rate_table(result["cpu"]),
            *bar_table(result["bars"]),
        ]
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    options = parser(
        "nethack", "Measure NetHack's worlds beside NLE's own env.", rounds=9, seconds=90.0
    )
    options.add_argument("--rows", type=int, default=32, help="rows of the batches (32)")
    options.add_argument("--workers", type=int, default=2, help="processes of our batch (2)")

    def sizes(told: argparse.Namespace) -> dict[str, Any]:
        return {"rows": told.rows, "workers": told.workers}

    return run(options, argv, measure, describe, sizes)


if __name__ == "__main__":
    sys.exit(main())
