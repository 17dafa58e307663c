"""Ours: what of the gridworld engine is timed, and what is weighed instead."""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import Any

import gymnasium as gym
import numpy as np

import operant
from operant.benchmarks.perf.interleave import Chunk, Contender, timed
from operant.benchmarks.perf.peer_worker import LEVELS, STEPS
from operant.envs.gridworld.engine import REGENERATE, SAME_STEP
from operant.envs.gridworld.family import Family
from operant.envs.gridworld.simulator import Simulator
from operant.envs.gridworld.views import THROUGH_WALLS
from operant.envs.gridworld.worlds.door_key import FAMILY

ENV = "DoorKey-8x8-v0"
BATCH = 1024
_TAPE = 2**18  # random actions drawn before anything is timed
_NEVER = 2**31 - 1

_DECLARED = {field.name: getattr(FAMILY, field.name) for field in dataclasses.fields(Family)}
del _DECLARED["module"]
SEE_THROUGH = Family(**_DECLARED | {"name": "DoorKeySeenThrough", "view": THROUGH_WALLS})
"""DoorKey with the easier view that some peers have."""


def shaped(now: Any, prev: Any, action: int, reward: float, terminated: bool) -> float:  # noqa: ARG001
    """A reward program: add the difference of a potential with two stages, key and goal."""
    before = -math.sqrt(prev.steps_to_goal + (0.0 if prev.has_key else 2.0 * prev.steps_to_key))
    after = -math.sqrt(now.steps_to_goal + (0.0 if now.has_key else 2.0 * now.steps_to_key))
    return reward + (0.0 if terminated else 0.99 * after) - before


def closer(now: Any, prev: Any, action: int, reward: float, terminated: bool) -> float:  # noqa: ARG001
    """Another one: pay every step towards what is needed next."""
    return reward + 0.01 * float(prev.steps_to_subgoal - now.steps_to_subgoal)


def size_pairs() -> list[tuple[str, str]]:
    """Return the ids of all worlds that exist as 8x8 and as 16x16, in pairs."""
    ids = set(operant.list_envs())
    pairs = [(small, small.replace("8x8", "16x16")) for small in sorted(ids) if "8x8" in small]
    return [pair for pair in pairs if pair[1] in ids]


def ours() -> list[Contender]:
    """Build everything of ours that is timed; a new contender is a line here."""
    rows = [
        ("kernel", f"kernel N={BATCH}, no features", STEPS, kernel_steps(bare())),
        ("kernel_features", f"kernel N={BATCH}", STEPS, kernel_steps(simulator())),
        (
            "inlined",
            "kernel, reward program inlined",
            STEPS,
            kernel_steps(simulator(program=shaped)),
        ),
        (
            "swapped",
            "kernel, reward program by address",
            STEPS,
            kernel_steps(simulator(program=shaped, swappable=True)),
        ),
        ("see_through", "kernel, no features, easier view", STEPS, kernel_steps(bare(SEE_THROUGH))),
        ("vector", f"make_vec N={BATCH}, no features", STEPS, vector_steps(BATCH, features=False)),
        ("vector_features", f"make_vec N={BATCH}", STEPS, vector_steps(BATCH)),
        ("vector_16", "make_vec N=16, no features", STEPS, vector_steps(16, features=False)),
        (
            "vector_16_shared",
            "make_vec N=16, no features, copy=False",
            STEPS,
            vector_steps(16, features=False, copy=False),
        ),
        ("vector_16_features", "make_vec N=16", STEPS, vector_steps(16)),
        ("scalar", "gym.make", STEPS, scalar_steps()),
        ("never_reset", "kernel, no episode cut", STEPS, kernel_steps(cut(_NEVER))),
        ("reset_often", "kernel, cut every 10 steps", STEPS, kernel_steps(cut(10))),
        ("levels", "kernel, new levels with views", LEVELS, kernel_levels(generate=True)),
        ("views", "kernel, views of old levels", LEVELS, kernel_levels(generate=False)),
    ]
    for pair in size_pairs():
        rows += [
            (env_id, f"kernel, {env_id}", STEPS, kernel_steps(simulator(env_id))) for env_id in pair
        ]
    differs = {"see_through": "easier: sees through walls"}
    return [
        Contender(key, f"ours, {label}", unit, timed(work), differs.get(key, ""))
        for key, label, unit, work in rows
    ]


def simulator(env_id: str = ENV, *, num_envs: int = BATCH, **options: Any) -> Simulator:
    """Return the running levels of an env.

    Args:
        env_id: Which world.
        num_envs: N.
        options: Of ``gym.make_vec``.
    """
    env: Any = gym.make_vec(env_id, num_envs=num_envs, **options).unwrapped
    env.reset(seed=0)
    levels: Simulator = env.simulator
    return levels


def bare(family: Family = FAMILY) -> Simulator:
    """Return running levels of a family in its default size, without features, as peers have."""
    levels = Simulator(family, num=BATCH, options={}, features=False)
    levels.seed(range(BATCH))
    levels.reset(np.ones(BATCH, np.bool_))
    return levels


def cut(steps: int) -> Simulator:
    """Return levels whose time limit is so many steps, with ends spread evenly over the steps."""
    levels = simulator(max_steps=steps)
    period = min(steps, 10)
    for late in range(1, period):
        levels.step(SAME_STEP)
        levels.reset(np.arange(levels.num) % period == late)
    return levels


def kernel_steps(levels: Simulator) -> Chunk:
    """Step a batch without the vector API: the compiled loop alone, into its own buffers."""
    actions = _actions(levels.num, levels.size.num_actions)
    calls = max(1, BATCH // levels.num)  # so that reading the clock costs nothing

    def chunk() -> int:
        for _ in range(calls):
            levels.actions[:] = next(actions)
            levels.step(SAME_STEP)
        return calls * levels.num

    return chunk


def vector_steps(num_envs: int, **options: Any) -> Chunk:
    """Step a batch through Gymnasium's vector API: observations, flags and infos.

    Args:
        num_envs: N.
        options: Of ``gym.make_vec``.
    """
    env = gym.make_vec(ENV, num_envs=num_envs, autoreset_mode="SameStep", **options)
    env.reset(seed=0)
    actions = _actions(num_envs, 7)
    calls = max(1, BATCH // num_envs)

    def chunk() -> int:
        for _ in range(calls):
            env.step(next(actions))
        return calls * num_envs

    return chunk


def scalar_steps() -> Chunk:
    """Step a scalar env with the wrappers of ``gym.make``, with a reset where an episode ends."""
    env = gym.make(ENV)
    env.reset(seed=0)
    actions = itertools.cycle(np.random.default_rng(0).integers(0, 7, _TAPE).tolist())

    def chunk() -> int:
        for _ in range(100):
            *_, terminated, truncated, _info = env.step(next(actions))
            if terminated or truncated:
                env.reset()
        return 100

    return chunk


def kernel_levels(*, generate: bool) -> Chunk:
    """Show every level of a batch.

    Args:
        generate: Draw them anew before.
    """
    levels, everywhere = bare(), np.ones(BATCH, np.bool_)
    reset, work = levels.kernels.reset, REGENERATE if generate else 0

    def chunk() -> int:
        reset(levels.batch.table, everywhere, work)
        return BATCH

    return chunk


def bytes_per_env(env_id: str = ENV) -> float:
    """Return the memory of a level beyond its observation, in bytes."""
    levels = simulator(env_id)
    shown = levels.out.image.nbytes + levels.out.direction.nbytes
    held = sum(array.nbytes for array in (*levels.world, *levels.out))
    return float(held - shown) / BATCH


def _actions(num_envs: int, kinds: int) -> itertools.cycle[Any]:
    """Return endless batches of random actions, all of them windows of one tape."""
    tape = np.random.default_rng(0).integers(0, kinds, _TAPE + num_envs)
    return itertools.cycle([tape[at : at + num_envs] for at in range(0, _TAPE, 1021)])
