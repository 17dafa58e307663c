"""The errand of the room worlds: get the key, open the door, take what is behind it.

The key may be in a box and something may stand before the door. A family says in its layout where
all that is (:func:`remember`); from there on :func:`follow` keeps the memory true and :func:`stage`
tells what is needed next. The memory begins at column ``first``, behind the mission's words.
"""

from __future__ import annotations

from collections.abc import Callable

from operant.envs.gridworld.cells import (
    BOX_FLAG,
    CLOSED,
    DROP,
    EMPTY,
    FIRST_DOOR,
    FIRST_KEY,
    FLAGS,
    OPAQUE,
    OPEN,
    PICKUP,
    TOGGLE,
)
from operant.envs.gridworld.distances import DOWN, LEFT, RIGHT, UP, steps_to_face, steps_to_pose
from operant.envs.gridworld.family import success_reward
from operant.envs.gridworld.jit import compiled
from operant.envs.gridworld.world import (
    CARRY,
    DIRECTION,
    Size,
    World,
    X,
    Y,
    column_of,
    front_index,
    row_of,
)

KEY_AT, DOOR_AT, SPOT, TARGET_AT, ERRAND = range(5)
"""Memory, from column ``first``: padded indices of the key (or the box it is in), of the door, of
the cell from which it is opened, and of what is to be taken."""
HELD, GONE = -1, -2
"""In place of an index: the agent carries it; there is none (any more)."""

OPEN_BOX, CLEAR, PUT_DOWN, TAKE_KEY, OPEN_DOOR, FREE_HANDS, TAKE_TARGET = range(7)
STAGES = (
    "the box opened",
    "the thing before the door taken away",
    "what is carried put down",
    "the key",
    "an open door",
    "empty hands",
    "the {}",
)
"""What can be needed next, in the order of a solution."""


@compiled
def remember(world: World, n: int, first: int, key: int, door: int, spot: int, target: int) -> None:
    """Set the memory of a new level."""
    world.memory[n, first + KEY_AT], world.memory[n, first + DOOR_AT] = key, door
    world.memory[n, first + SPOT], world.memory[n, first + TARGET_AT] = spot, target


@compiled
def follow(world: World, n: int, size: Size, action: int, front: int, first: int) -> None:
    """Follow the key and the target after an action; ``front`` as ``dynamics.act`` returned it."""
    if action != PICKUP and action != DROP and action != TOGGLE:
        return
    at = front_index(world, n, size)
    key, target = first + KEY_AT, first + TARGET_AT
    if front != EMPTY and world.grid[n, at] == EMPTY:  # taken, or broken if it was an empty box
        taken = HELD if action == PICKUP else GONE
        if world.memory[n, key] == at:
            world.memory[n, key] = taken
        if world.memory[n, target] == at:
            world.memory[n, target] = taken
    elif world.memory[n, key] == HELD and world.agent[n, CARRY] == EMPTY:
        world.memory[n, key] = at


def taking(low: int, high: int) -> Callable[..., tuple[float, bool, bool]]:
    """Return the outcome of worlds that are won by picking up an object coded low .. high."""

    def outcome(
        world: World,
        n: int,
        size: Size,
        action: int,
        front: int,  # noqa: ARG001
    ) -> tuple[float, bool, bool]:
        if action == PICKUP and low <= world.agent[n, CARRY] <= high:
            return success_reward(world, n, size), True, True
        return 0.0, False, False

    return outcome


@compiled
def steps_to_thing(world: World, n: int, size: Size, at: int) -> int:
    """Return the fewest actions to face a thing; 0 if it is held, width + height if it is gone."""
    if at == HELD:
        return 0
    if at == GONE:
        return size.width + size.height
    dx, dy = column_of(size, at) - world.agent[n, X], row_of(size, at) - world.agent[n, Y]
    return steps_to_face(dx, dy, world.agent[n, DIRECTION])


@compiled
def steps_to_door(world: World, n: int, size: Size, door: int, spot: int) -> int:
    """Return the fewest actions to stand on the spot, facing the door beside it."""
    x, y = column_of(size, spot), row_of(size, spot)
    facing = RIGHT if door > spot else LEFT
    if door != spot + 1 and door != spot - 1:
        facing = DOWN if door > spot else UP
    dx, dy = x - world.agent[n, X], y - world.agent[n, Y]
    return steps_to_pose(dx, dy, world.agent[n, DIRECTION], facing)


@compiled
def has_key(world: World, n: int, door: int) -> bool:
    """Tell whether the agent carries a key that fits a door."""
    color = (int(world.grid[n, door]) & ~OPAQUE) - FIRST_DOOR
    return bool(world.agent[n, CARRY] == FIRST_KEY + color // 3)


@compiled
def door_state(world: World, n: int, door: int) -> int:
    """Return ``OPEN``, ``CLOSED`` or ``LOCKED``."""
    return ((int(world.grid[n, door]) & ~OPAQUE) - FIRST_DOOR) % 3


@compiled
def blocked(world: World, n: int, first: int) -> bool:
    """Tell whether something other than the key lies where one has to stand to open the door."""
    spot = world.memory[n, first + SPOT]
    return bool(world.grid[n, spot] != EMPTY and spot != world.memory[n, first + KEY_AT])


@compiled
def key_hidden(world: World, n: int, first: int) -> bool:
    """Tell whether the key is in a box."""
    key = world.memory[n, first + KEY_AT]
    if key == GONE:
        return False
    holder = world.agent[n, CARRY] if key == HELD else world.grid[n, key]
    return bool(FLAGS[holder] & BOX_FLAG)


@compiled
def shares_room(world: World, n: int, size: Size, side: int, at: int) -> bool:
    """Tell whether the agent is in the room of a cell."""
    across = (world.agent[n, X] - 1) // (side - 1) == (column_of(size, at) - 1) // (side - 1)
    along = (world.agent[n, Y] - 1) // (side - 1) == (row_of(size, at) - 1) // (side - 1)
    return bool(across and along)


@compiled
def stage(world: World, n: int, first: int, inside: bool) -> int:
    """Return what is needed next; ``inside`` says that the agent is past the door."""
    door = world.memory[n, first + DOOR_AT]
    carried, state = world.agent[n, CARRY], door_state(world, n, door)
    if world.memory[n, first + TARGET_AT] == HELD:
        return TAKE_TARGET
    if inside or state == OPEN:
        return TAKE_TARGET if carried == EMPTY else FREE_HANDS
    if state == CLOSED or has_key(world, n, door):
        return CLEAR if blocked(world, n, first) else OPEN_DOOR
    if key_hidden(world, n, first):
        return OPEN_BOX
    if blocked(world, n, first):
        return CLEAR
    return TAKE_KEY if carried == EMPTY else PUT_DOWN
