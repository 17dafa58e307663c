"""Many rows of NetHack: over processes, for one game's engine keeps a whole core busy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym

from operant.envs.batched.makers import MakeScalar, MakeVector, makers
from operant.envs.batched.world import BatchWorld
from operant.envs.delayed import STEP


def batched(world: type[BatchWorld]) -> Callable[..., BatchWorld]:
    """Return what builds a world in rows: in this process if it is one row, else in processes."""

    def build(*, num: int, **options: Any) -> BatchWorld:
        if num == 1 and "workers" not in options:
            options.pop("timeout_s", None)
            return world(num=num, **options)
        from operant.envs.batched.processes import ProcessWorld

        workers = options.pop("workers", None)
        if isinstance(workers, int) and workers > num > 0:  # as one setting serves many batches
            workers = num
        return ProcessWorld(world, num=num, workers=workers, **options)

    return build


def nethack_makers(world: type[BatchWorld]) -> tuple[MakeScalar, MakeVector]:
    """Return the factories ``make`` and ``make_vector`` of a NetHack world.

    ``make_vector`` takes ``workers``, the most processes, and ``timeout_s`` beside the world's
    arguments; see :class:`operant.envs.batched.processes.ProcessWorld`. ``make`` takes them too and
    needs none, so that the same arguments may be given to a single env and to batches of any size.
    """
    make, make_vector = makers(world, batch=batched(world))

    def make_one(
        *, reward: str | None = STEP, render_mode: str | None = None, **options: Any
    ) -> gym.Env[Any, Any]:
        own = {name: value for name, value in options.items() if name not in _PROCESSES}
        return make(reward=reward, render_mode=render_mode, **own)

    return make_one, make_vector


_PROCESSES = ("workers", "timeout_s")
