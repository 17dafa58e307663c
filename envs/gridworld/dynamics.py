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
    INSIDE,
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
from operant.envs.gridworld.world import CARRY, DIRECTION, Size, World, X, Y, delta, position


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
        return int(INSIDE[cell])
    return cell


@compiled
def act(world: World, n: int, size: Size, action: int) -> int:
    """Apply an action to row n and return the code of the front cell as it was before.

    Left and right turn; forward enters a walkable front cell; pickup takes a portable object into
    empty hands; drop needs a truly empty front cell; toggle opens, closes and unlocks doors (the
    key is kept) and replaces a box by what is in it; done does nothing.
    """
    direction = world.agent[n, DIRECTION]
    front = np.uint64(position(world, n, size.stride) + delta(direction, size.stride))
    cell = int(world.grid[n, front])
    carried = world.agent[n, CARRY]
    flags = FLAGS[cell]
    # Actions are hard to predict, their effects on things are rare: turning and walking do without
    # branches, and one branch per effect asks for all that it needs at once.
    turn = (action == RIGHT) + 3 * (action == LEFT)
    walk = (action == FORWARD) & ((flags & WALKABLE) != 0)
    world.agent[n, DIRECTION] = (direction + turn) & 3
    # With stride 0 an index step is its x part; a quarter turn makes y of x.
    world.agent[n, X] += walk * delta(direction, 0)
    world.agent[n, Y] += walk * delta((direction + 3) & 3, 0)
    if (action == PICKUP) & (carried == EMPTY) & ((flags & PORTABLE) != 0):
        world.agent[n, CARRY] = cell
        world.grid[n, front] = EMPTY
    elif (action == DROP) & (carried != EMPTY) & (cell == EMPTY):
        world.grid[n, front] = carried
        world.agent[n, CARRY] = EMPTY
    elif (action == TOGGLE) & ((flags & (DOOR_FLAG | BOX_FLAG)) != 0):
        world.grid[n, front] = toggled(cell, carried)
    return cell
