"""Exact distances in actions on the floor plan: breadth-first search over (cell, direction).

The plan counts doors as passable and ignores loose objects, so a field changes only when its target
moves. Turning costs one action, as does stepping forward.
"""

from __future__ import annotations

import numpy as np

from operant.envs.gridworld.cells import DOOR_FLAG, FLAGS, GOAL, PORTABLE, WALKABLE
from operant.envs.gridworld.jit import compiled, outlined
from operant.envs.gridworld.world import PAD, Size, World, delta

FAR = 32_000
"""Distance of poses from which the target cannot be reached."""


@compiled
def field_length(size: Size) -> int:
    """Return the length of one distance field: a pose is ``(y * width + x) * 4 + direction``."""
    return size.width * size.height * 4


@compiled
def pose(size: Size, x: int, y: int, direction: int) -> int:
    """Return the field index of a pose."""
    return (y * size.width + x) * 4 + direction


@compiled
def pose_at(size: Size, position: int, direction: int) -> int:
    """Return the field index of a padded position and a direction."""
    return pose(size, position % size.stride - PAD, position // size.stride - PAD, direction)


@compiled
def passable(world: World, n: int, position: int) -> bool:
    """Tell whether the floor plan lets one stand on a cell."""
    flags = FLAGS[world.grid[n, position]] & (WALKABLE | PORTABLE | DOOR_FLAG)
    return bool(flags != 0)


@outlined
def fill_distances(
    world: World, n: int, size: Size, target: int, facing: bool, offset: int
) -> None:
    """Write row n's field of fewest actions to a target into ``world.memory[n, offset:]``.

    Args:
        world: The levels.
        n: Row.
        size: Constants of the level.
        target: Padded index of the target cell.
        facing: True to end in front of the target and facing it, False to end standing on it.
        offset: Where the field starts in the row's memory.
    """
    for i in range(field_length(size)):
        world.memory[n, offset + i] = FAR
    tail = 0
    for direction in range(4):
        start = target - delta(direction, size.stride) if facing else target
        if passable(world, n, start):
            index = pose_at(size, start, direction)
            world.memory[n, offset + index] = 0
            world.scratch[n, tail] = index
            tail += 1
    head = 0
    while head < tail:
        index = world.scratch[n, head]
        head += 1
        direction, cell = index & 3, index >> 2
        position = (cell // size.width + PAD) * size.stride + cell % size.width + PAD
        distance = np.int16(world.memory[n, offset + index] + 1)
        behind = position - delta(direction, size.stride)
        # A step onto the goal ends the episode, so only the way to the goal itself leads over it.
        enterable = not facing or world.grid[n, position] != GOAL
        # Poses one action earlier: turned either way, or one cell behind.
        for move in range(3):
            if move == 2 and not (enterable and passable(world, n, behind)):
                continue
            if move == 2:
                previous = pose_at(size, behind, direction)
            else:
                previous = (cell << 2) | ((direction + 1 + 2 * move) & 3)
            if world.memory[n, offset + previous] > distance:
                world.memory[n, offset + previous] = distance
                world.scratch[n, tail] = previous
                tail += 1
