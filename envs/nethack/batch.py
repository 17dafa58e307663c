"""Many rows of NetHack: over processes, for one game's engine keeps a whole core busy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from operant.envs.batched.makers import MakeScalar, MakeVector, makers
from operant.envs.batched.world import BatchWorld


def batched(world: type[BatchWorld]) -> Callable[..., BatchWorld]:
    """Return what builds a world in rows: in this process if it is one row, else in processes."""

    def build(*, num: int, **options: Any) -> BatchWorld:
        if num == 1 and "workers" not in options:
            return world(num=num, **options)
        from operant.envs.batched.processes import ProcessWorld

        return ProcessWorld(world, num=num, **options)

    return build


def nethack_makers(world: type[BatchWorld]) -> tuple[MakeScalar, MakeVector]:
    """Return the factories ``make`` and ``make_vector`` of a NetHack world.

    ``make_vector`` takes ``workers``, the number of processes, beside the world's arguments.
    """
    return makers(world, batch=batched(world))
