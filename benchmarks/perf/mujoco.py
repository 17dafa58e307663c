"""How fast are our MuJoCo worlds, beside Gymnasium's SyncVectorEnv and EnvPool, in one run?

Run ``python -m operant.benchmarks.perf.mujoco --install-peers DIR``. All step 64 robots with
random actions, give v5's observations and reward, and start ended episodes anew; ours computes its
features as well. First everybody has one thread on one CPU, and CPU time counts; then ours and
EnvPool have two threads (SyncVectorEnv has no use for a second), and wall time counts. Ratios are
taken inside a round, and their median over the rounds is what counts.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from operant.benchmarks.perf import mujoco_worker
from operant.benchmarks.perf.bars import Bar, at_least
from operant.benchmarks.perf.interleave import Chunk, Contender, Rates, interleave, one_cpu, timed
from operant.benchmarks.perf.mujoco_worker import BATCH
from operant.benchmarks.perf.peer_worker import PeerContender
from operant.benchmarks.perf.peers import PINS, install, running
from operant.benchmarks.perf.report import (
    add_peers,
    bar_table,
    heading,
    machine,
    parser,
    rate_table,
    run,
)
from operant.errors import OperantError

ROBOTS = ("HalfCheetah", "Ant", "Hopper")
PHASES = {"cpu": 1, "wall": 2}
"""What is measured in seconds -> threads."""
GOALS = {"sync": 1.7, "envpool": 1.0}
"""Bars of half cheetah and ant with two threads."""
SCRIPT = Path(mujoco_worker.__file__)
UNIT = "env steps"


def measure(
    *,
    rounds: int,
    seconds: float,
    pythons: Mapping[str, Path],
    robots: Sequence[str] = ROBOTS,
    num: int = BATCH,
    script: Path = SCRIPT,
) -> dict[str, Any]:
    """Run the whole comparison.

    Args:
        rounds: Measured rounds, >= 1.
        seconds: Seconds of both phases and all contenders together, > 0.
        pythons: ``"envpool"`` -> the interpreter that has it, or nothing.
        robots: Gymnasium's names of the robots.
        num: Robots of ours and of SyncVectorEnv; EnvPool always has 64.
        script: The program by which EnvPool is timed.

    Raises:
        OperantError: If ours do not give what Gymnasium's envs give, to the bit.
        PeerError: If EnvPool dies while it is measured.
        ValueError: If an argument is outside its range.
    """
    for robot in robots:
        require_equal(robot)
    share = seconds / len(PHASES)
    with one_cpu():
        cpu, missing = _phase("cpu", robots, num, pythons, script, rounds, share)
    wall, more_missing = _phase("wall", robots, num, pythons, script, rounds, share)
    judged = [
        bar
        for phase, (rates, _) in (("cpu", cpu), ("wall", wall))
        for bar in bars(phase, rates, robots)
    ]
    return {
        "task": {"num_envs": num, "actions": "random", "autoreset": "next step"},
        "machine": machine() | {"mujoco": version("mujoco")},
        "loads": [*cpu[0].loads, *wall[0].loads],
        "steps_per_cpu_s": cpu[1],
        "steps_per_wall_s": wall[1],
        "not_measured": missing | more_missing,
        "bars": [bar.summary() for bar in judged],
        "verdicts": {bar.key: bar.verdict for bar in judged},
    }


def _phase(
    phase: str,
    robots: Sequence[str],
    num: int,
    pythons: Mapping[str, Path],
    script: Path,
    rounds: int,
    seconds: float,
) -> tuple[tuple[Rates, dict[str, Any]], dict[str, str]]:
    """Measure with one kind of seconds; return the rates, their summaries and what is missing."""
    threads = PHASES[phase]
    clock = time.process_time if phase == "cpu" else time.perf_counter
    peers = [
        PeerContender(f"{robot}-v5-{threads}", "envpool", f"EnvPool {robot}", UNIT, _elsewhere)
        for robot in robots
    ]
    with running(pythons, script, peers) as (found, missing):
        theirs = {contender.key: contender for contender in found}
        table = Rates({})
        summaries: dict[str, Any] = {}
        for robot in robots:  # one after the other: in a round all have the same task
            contenders = [
                Contender(
                    f"ours_{robot}", f"ours {robot}", UNIT, timed(ours(robot, num, threads), clock)
                ),
                Contender(
                    f"sync_{robot}", f"SyncVectorEnv {robot}", UNIT, timed(sync(robot, num), clock)
                ),
            ]
            if pool := theirs.get(f"{robot}-v5-{threads}"):
                contenders.append(Contender(f"envpool_{robot}", pool.label, UNIT, pool.work))
            rates = interleave(contenders, rounds=rounds, seconds=seconds / len(robots))
            table.rounds.update(rates.rounds)
            table.loads.extend(rates.loads)
            summaries |= {c.key: rates.summary(c, contenders[0]) for c in contenders}
    return (table, summaries), missing


def _elsewhere() -> Chunk:
    raise NotImplementedError("EnvPool is built by mujoco_worker")


def make_ours(robot: str, num: int, threads: int = 1) -> Any:
    """Return our batched env with v5's reward."""
    return gym.make_vec(f"Delayed{robot}-v0", num_envs=num, reward="step", threads=threads)


def make_sync(robot: str, num: int) -> Any:
    """Return Gymnasium's batched env."""
    from operant.envs.mujoco.robots.robot import no_advice

    with no_advice():
        return gym.vector.SyncVectorEnv([lambda: gym.make(f"{robot}-v5") for _ in range(num)])


def ours(robot: str, num: int, threads: int) -> Chunk:
    """Return what steps ours once."""
    return _stepping(make_ours(robot, num, threads))


def sync(robot: str, num: int) -> Chunk:
    """Return what steps SyncVectorEnv once."""
    return _stepping(make_sync(robot, num))


def _stepping(env: Any) -> Chunk:
    env.reset(seed=0)
    actions = itertools.cycle(_tape(env, 64))

    def chunk() -> int:
        env.step(next(actions))
        return int(env.num_envs)

    return chunk


def _tape(env: Any, steps: int) -> npt.NDArray[np.float32]:
    """Return random actions, (steps, N, motors)."""
    space = env.single_action_space
    drawn = np.random.default_rng(0).uniform(-1.0, 1.0, (steps, env.num_envs, *space.shape))
    tape: npt.NDArray[np.float32] = (drawn * space.high).astype(np.float32)
    return tape


def require_equal(robot: str, steps: int = 30) -> None:
    """Make sure that ours and SyncVectorEnv give the same numbers.

    Raises:
        OperantError: If they do not.
    """
    pair = [make_ours(robot, 2, 2), make_sync(robot, 2)]
    shown = [env.reset(seed=0)[0] for env in pair]
    for action in _tape(pair[0], steps):
        results = [env.step(action)[:3] for env in pair]
        if not all(map(np.array_equal, *results)) or not np.array_equal(*shown):
            raise OperantError(f"ours and Gymnasium's {robot}-v5 differ: nothing is comparable")
    for env in pair:
        env.close()


def bars(phase: str, rates: Rates, robots: Sequence[str]) -> list[Bar]:
    """Hold one phase's rates against the bars; only those of two threads have goals."""
    words = {"cpu": "1 thread, CPU time", "wall": "2 threads, wall time"}[phase]
    names = {"sync": "SyncVectorEnv", "envpool": "EnvPool"}
    return [
        at_least(
            f"{phase}_{robot}_x_{peer}",
            f"{robot}, {words}, x {names[peer]}",
            goal if phase == "wall" and robot in ROBOTS[:2] else None,
            rates.ratios(f"ours_{robot}", f"{peer}_{robot}"),
        )
        for robot in robots
        for peer, goal in GOALS.items()
    ]


def describe(result: dict[str, Any]) -> str:
    """Return the result of :func:`measure` as text."""
    task = "{num_envs} robots, random actions, v5's observations and reward".format(
        **result["task"]
    )
    lines = heading(
        f"{task}; MuJoCo {result['machine']['mujoco']}", result["machine"], result["loads"]
    )
    if min(result["loads"]) > PHASES["wall"] + 0.5:
        lines[-1:] = ["The machine is busy with other work: wall times say little.", ""]
    wall = [line.replace("CPU-second", "second") for line in rate_table(result["steps_per_wall_s"])]
    return "\n".join(
        [
            *lines,
            "1 thread, one CPU",
            *rate_table(result["steps_per_cpu_s"]),
            "",
            "2 threads",
            *wall,
            *(f"{key:<50} not measured: {why}" for key, why in result["not_measured"].items()),
            "",
            *bar_table(result["bars"]),
        ]
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; return 0, or 3 if EnvPool died on the way."""
    options = parser(
        "mujoco",
        "Measure the robots' throughput beside Gymnasium's and EnvPool's.",
        rounds=9,
        seconds=120.0,
    )
    add_peers(options, ("envpool",))

    def interpreters(told: argparse.Namespace) -> dict[str, Any]:
        pins = {"envpool": PINS["envpool"]}
        installed = install(told.install_peers, pins) if told.install_peers else {}
        return {"pythons": {**installed, **dict(told.peer)}}

    return run(options, argv, measure, describe, interpreters)


if __name__ == "__main__":
    sys.exit(main())
