"""Time one peer inside its own interpreter: ``PYTHON peer_worker.py KEY``.

Peers want versions of Gymnasium and JAX that do not go together with ours, so each runs in an
environment of its own and this file needs nothing but the peer. It talks in lines: first
``ready VERSION`` once all is built and compiled, then for each ``run SECONDS`` the answer
``UNITS CPU_SECONDS``, where the CPU time is the whole process's, all threads. It ends when its
standard input does.

Everyone's task is DoorKey-8x8 with a time limit of 640 steps, random actions, and new levels as
soon as an episode ends.
"""

from __future__ import annotations

import functools
import itertools
import os
import random
import sys
import time
from collections.abc import Callable, Iterable
from importlib import import_module
from importlib.metadata import version
from typing import Any, NamedTuple, TextIO

BATCH = 1024
_SCAN = 32  # steps per compiled call, all observations kept: JAX at its best
_LIMIT = 640

Chunk = Callable[[], int]
"""Does a little work and returns how many units (env steps, levels) that was."""


def minigrid_steps() -> Chunk:
    """Step a scalar env, with a reset where an episode ends."""
    env = _minigrid()
    drawn = random.Random(0)
    actions = itertools.cycle([drawn.randrange(7) for _ in range(2**18)])

    def chunk() -> int:
        for _ in range(50):
            *_, terminated, truncated, _info = env.step(next(actions))
            if terminated or truncated:
                env.reset()
        return 50

    return chunk


def minigrid_levels() -> Chunk:
    """Reset a scalar env again and again."""
    env = _minigrid()

    def chunk() -> int:
        for _ in range(20):
            env.reset()
        return 20

    return chunk


def envpool_steps(num_envs: int) -> Chunk:
    """Step a pool of one thread; its observation also carries the mission as 96 bytes."""
    envpool, np = _module("envpool"), _module("numpy")
    env = envpool.make_gymnasium(
        "MiniGrid-DoorKey-8x8-v0", num_envs=num_envs, num_threads=1, max_episode_steps=_LIMIT
    )
    env.reset()
    drawn = np.random.default_rng(0).integers(0, 7, (256, num_envs)).astype(np.int32)
    actions = itertools.cycle(drawn)
    calls = max(1, BATCH // num_envs)  # so that reading the clock costs nothing

    def chunk() -> int:
        for _ in range(calls):
            env.step(next(actions))
        return calls * num_envs

    return chunk


def navix_steps() -> Chunk:
    """Step NAVIX's first-person 7x7x3 view (no occlusion: its agent sees through walls)."""
    navix = _module("navix")
    env = navix.make(
        "Navix-DoorKey-8x8-v0",
        observation_fn=navix.observations.symbolic_first_person,
        max_steps=_LIMIT,
    )
    return _scanned(env.reset, env.step, len(env.action_set))


def xminigrid_steps(*, occlusion: bool) -> Chunk:
    """Step XLand-MiniGrid's 7x7x2 view.

    Args:
        occlusion: Hide what is behind walls, as MiniGrid does, by the function which the package
            holds ready for that; its environments as shipped see through walls.
    """
    xminigrid, wrappers = _module("xminigrid"), _module("xminigrid.wrappers")
    if occlusion:
        view = _module("xminigrid.core.observation").minigrid_field_of_view
        _module("xminigrid.environment").transparent_field_of_view = view
    env, parameters = xminigrid.make("MiniGrid-DoorKey-8x8")
    env, parameters = wrappers.GymAutoResetWrapper(env), parameters.replace(max_steps=_LIMIT)
    return _scanned(
        functools.partial(env.reset, parameters),
        functools.partial(env.step, parameters),
        env.num_actions(parameters),
    )


class PeerContender(NamedTuple):
    """Something this file can time.

    Attributes:
        key: Its name on the command line and in the results.
        peer: The package it needs.
        label: Its line in a table, without the version.
        unit: What is counted.
        build: Makes the work.
        differs: In what its task differs from MiniGrid's, "" if in nothing.
    """

    key: str
    peer: str
    label: str
    unit: str
    build: Callable[[], Chunk]
    differs: str = ""


STEPS, LEVELS = "env steps", "levels"
CONTENDERS = [
    *(
        PeerContender(
            f"envpool_{num}",
            "envpool",
            f"EnvPool N={num}",
            STEPS,
            functools.partial(envpool_steps, num),
            "harder: also writes the mission, 96 bytes",
        )
        for num in (16, 256, BATCH)
    ),
    PeerContender(
        "navix",
        "navix",
        f"NAVIX first person N={BATCH}",
        STEPS,
        navix_steps,
        "easier: sees through walls",
    ),
    PeerContender(
        "xminigrid",
        "xminigrid",
        f"XLand-MiniGrid as shipped N={BATCH}",
        STEPS,
        functools.partial(xminigrid_steps, occlusion=False),
        "easier: sees through walls; writes 7x7x2",
    ),
    PeerContender(
        "xminigrid_occlusion",
        "xminigrid",
        f"XLand-MiniGrid with occlusion N={BATCH}",
        STEPS,
        functools.partial(xminigrid_steps, occlusion=True),
        "a little easier: writes 7x7x2",
    ),
    PeerContender("minigrid", "minigrid", "MiniGrid gym.make", STEPS, minigrid_steps),
    PeerContender("minigrid_levels", "minigrid", "MiniGrid env.reset()", LEVELS, minigrid_levels),
]


def serve(chunk: Chunk, requests: Iterable[str], answers: TextIO) -> None:
    """Answer each ``run SECONDS`` with the units done in at least that much CPU time."""
    for request in requests:
        seconds, units = float(request.removeprefix("run ")), 0
        start = time.process_time()
        while (spent := time.process_time() - start) < seconds or units == 0:
            units += chunk()
        print(units, spent, file=answers, flush=True)


def main(contenders: Iterable[PeerContender] = CONTENDERS) -> None:
    """Build the contender that the command line names, warm it up and serve.

    Args:
        contenders: Those that there are.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a peer prints must not end up among the answers
    os.environ["JAX_PLATFORMS"] = "cpu"
    contender = {row.key: row for row in contenders}[sys.argv[1]]
    chunk = contender.build()
    for _ in range(3):  # JAX compiles at the first calls
        chunk()
    print("ready", version(contender.peer), file=answers, flush=True)
    serve(chunk, sys.stdin, answers)


def _minigrid() -> Any:
    import minigrid  # noqa: F401 (registers its ids)

    gymnasium = _module("gymnasium")
    env = gymnasium.make("MiniGrid-DoorKey-8x8-v0")
    env.reset(seed=0)
    return env


def _scanned(reset: Callable[..., Any], step: Callable[..., Any], actions: int) -> Chunk:
    """Compile many steps of a batch into one call that returns every observation."""
    jax = _module("jax")

    def one(carry: tuple[Any, Any], _: None) -> tuple[Any, Any]:
        timestep, key = carry
        key, draw = jax.random.split(key)
        chosen = jax.random.randint(draw, (BATCH,), 0, actions)
        timestep = jax.vmap(step)(timestep, chosen)
        return (timestep, key), (timestep.observation, timestep.reward, timestep.step_type)

    run = jax.jit(lambda carry: jax.lax.scan(one, carry, None, length=_SCAN))
    keys = jax.random.split(jax.random.PRNGKey(0), BATCH)
    state = (jax.jit(jax.vmap(reset))(keys), jax.random.PRNGKey(1))

    def chunk() -> int:
        nonlocal state
        state, seen = run(state)
        jax.block_until_ready(seen)
        return _SCAN * BATCH

    return chunk


def _module(name: str) -> Any:
    """Import a package which the interpreter that checks this file need not have."""
    return import_module(name)


if __name__ == "__main__":
    main()
