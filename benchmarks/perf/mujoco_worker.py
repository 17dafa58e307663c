"""Time EnvPool's robots inside its own interpreter: ``PYTHON mujoco_worker.py ROBOT-THREADS``.

It needs nothing but EnvPool, and talks as :mod:`.peer_worker` does. With one thread the seconds
are CPU time; with more they are wall time, for which EnvPool's threads work.
"""

from __future__ import annotations

import itertools
import os
import sys
import time
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from typing import Any

BATCH = 64


def steps(env_id: str, threads: int) -> Callable[[], int]:
    """Return what steps a pool once and tells how many env steps that was."""
    envpool: Any = import_module("envpool")
    np: Any = import_module("numpy")
    env = envpool.make_gymnasium(env_id, num_envs=BATCH, num_threads=threads)
    env.reset()
    space = env.action_space
    drawn = np.random.default_rng(0).uniform(-1.0, 1.0, (64, BATCH, *space.shape)) * space.high
    actions = itertools.cycle(drawn)

    def chunk() -> int:
        env.step(next(actions))
        return BATCH

    return chunk


def main() -> None:
    """Build what the command line names, warm it up, and answer each ``run SECONDS``."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever it prints must not end up among the answers
    env_id, _, threads = sys.argv[1].rpartition("-")
    clock = time.process_time if threads == "1" else time.perf_counter
    chunk = steps(env_id, int(threads))
    for _ in range(3):
        chunk()
    print("ready", version("envpool"), file=answers, flush=True)
    for request in sys.stdin:
        seconds, units, start = float(request.removeprefix("run ")), 0, clock()
        while (spent := clock() - start) < seconds or units == 0:
            units += chunk()
        print(units, spent, file=answers, flush=True)


if __name__ == "__main__":
    main()
