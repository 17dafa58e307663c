"""What an action does: MiniGrid's rules for one row, as a scalar function.

Source: MiniGrid 3.2 ``MiniGridEnv.step`` (Chevalier-Boisvert et al., 2023).
"""

from __future__ import annotations

import numpy as np

from operant.envs.gridworld.cells import (
    BOX_FLAG,
    CLOSED,
    DOOR_FLAG,
    DROP,
    EMPTY,
    FIRST_DOOR,
    FIRST_KEY,
    FLAGS,
    FORWARD,
    LEFT,
    LOCKED,
    OPAQUE,
    OPEN,
    PICKUP,
    PORTABLE,
    RIGHT,
    TOGGLE,
    WALKABLE,
)
from operant.envs.gridworld.jit import compiled
from operant.envs.gridworld.world import CARRY, DIRECTION, STEPS, World, X, Y, delta, position


@compiled
def toggled(cell: int, carried: int) -> int:
    """Return what a cell becomes when toggled by an agent that carries ``carried``."""
    if FLAGS[cell] & DOOR_FLAG:
        index = (cell & ~OPAQUE) - FIRST_DOOR
        state, first = index % 3, FIRST_DOOR + index - index % 3
        if state == OPEN:
            return (first + CLOSED) | OPAQUE
        if state == LOCKED and carried != FIRST_KEY + index // 3:
            return cell
        return first + OPEN
    if FLAGS[cell] & BOX_FLAG:
        return EMPTY
    return cell


@compiled
def act(world: World, n: int, stride: int, action: int) -> int:
    """Apply an action to row n and return the code of the front cell as it was before.

    Left and right turn; forward enters a walkable front cell; pickup takes a portable object into
    empty hands; drop needs a truly empty front cell; toggle opens, closes and unlocks doors (the
    key is kept) and breaks boxes; done does nothing.
    """
    world.agent[n, STEPS] += 1
    direction = world.agent[n, DIRECTION]
    front = np.uint64(position(world, n, stride) + delta(direction, stride))
    cell = int(world.grid[n, front])
    carried = world.agent[n, CARRY]
    if action == LEFT:
        world.agent[n, DIRECTION] = (direction + 3) & 3
    elif action == RIGHT:
        world.agent[n, DIRECTION] = (direction + 1) & 3
    elif action == FORWARD:
        if FLAGS[cell] & WALKABLE:
            # With stride 0 an index step is its x part; a quarter turn makes y of x.
            world.agent[n, X] += delta(direction, 0)
            world.agent[n, Y] += delta((direction + 3) & 3, 0)
    elif action == PICKUP:
        if carried == EMPTY and FLAGS[cell] & PORTABLE:
            world.agent[n, CARRY] = cell
            world.grid[n, front] = EMPTY
    elif action == DROP:
        if carried != EMPTY and cell == EMPTY:
            world.grid[n, front] = carried
            world.agent[n, CARRY] = EMPTY
    elif action == TOGGLE:
        world.grid[n, front] = toggled(cell, carried)
    return cell
