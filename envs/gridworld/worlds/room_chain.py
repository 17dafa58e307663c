"""A chain of rooms, each entered by a door from the one before: MultiRoom's floor plan.

The plan of row n is kept in its memory: ROOM columns for each room, from column FIRST on.

Source: MiniGrid 3.2 ``envs/multiroom.py`` (Chevalier-Boisvert et al., 2023).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from operant.envs.gridworld.distances import LEFT, RIGHT, UP, steps_to_pose
from operant.envs.gridworld.draws import Draws, free_cell
from operant.envs.gridworld.jit import compiled
from operant.envs.gridworld.world import Size, World, X, Y, delta, wall_rectangle

SMALLEST = 4
"""Smallest side of a room, walls included."""
TRIES = 8
"""How often a next room is tried before the whole chain is begun anew."""
MIN_ROOMS, MAX_ROOMS, ROOM_SIZE = range(3)
"""Options of the family: fewest and most rooms, their largest side."""

ROOMS, GOAL_X, GOAL_Y, FIRST = range(4)
"""Memory: number of rooms, cell of the goal, then ROOM columns for each room."""
LEFT_WALL, TOP_WALL, WIDTH, HEIGHT, DOOR_X, DOOR_Y, ENTRY, REST, ROOM = range(9)
"""Of a room: its outline, walls included; the door from the room before it (of the first room: a
corner, without one) and the direction in which one comes through; the fewest actions from the cell
behind that door to the goal if all doors are open."""


def place_room(draws: Draws) -> Callable[..., bool]:
    """Return ``(world, n, size, rng, k, x, y, entry) -> placed``: tries room k behind door (x, y).

    Source: MiniGrid 3.2 ``MultiRoomEnv._placeRoom`` (Chevalier-Boisvert et al., 2023), the part
    before its recursion.
    """
    integers = draws.integers

    def place(
        world: World, n: int, size: Size, rng: Any, k: int, x: int, y: int, entry: int
    ) -> bool:
        width = integers(rng, n, SMALLEST, size.options[ROOM_SIZE] + 1)
        height = integers(rng, n, SMALLEST, size.options[ROOM_SIZE] + 1)
        left, top = x, y
        if k > 0 and entry in (LEFT, RIGHT):
            left = x - width + 1 if entry == LEFT else x
            top = integers(rng, n, y - height + 2, y)
        elif k > 0:
            left = integers(rng, n, x - width + 2, x)
            top = y - height + 1 if entry == UP else y
        if not _fits(world, n, size, k, left, top, width, height):
            return False
        room = FIRST + ROOM * k
        world.memory[n, room + LEFT_WALL], world.memory[n, room + TOP_WALL] = left, top
        world.memory[n, room + WIDTH], world.memory[n, room + HEIGHT] = width, height
        world.memory[n, room + DOOR_X], world.memory[n, room + DOOR_Y] = x, y
        world.memory[n, room + ENTRY] = entry
        return True

    placed: Callable[..., bool] = draws.outline(place)
    return placed


@compiled
def _fits(
    world: World, n: int, size: Size, k: int, left: int, top: int, width: int, height: int
) -> bool:
    """Tell whether room k is in the grid and clear of all rooms but the one it is joined to.

    MiniGrid's bounds: the last row stays free; on the right and below, even walls must not touch.
    """
    if left < 0 or top < 0 or left + width > size.width or top + height >= size.height:
        return False
    for j in range(k - 1):
        room = FIRST + ROOM * j
        other_left, other_top = world.memory[n, room + LEFT_WALL], world.memory[n, room + TOP_WALL]
        apart = (
            left + width < other_left
            or other_left + world.memory[n, room + WIDTH] <= left
            or top + height < other_top
            or other_top + world.memory[n, room + HEIGHT] <= top
        )
        if not apart:
            return False
    return True


def place_chain(draws: Draws) -> Callable[..., int]:
    """Return ``(world, n, size, rng, rooms) -> rooms placed``: one attempt at a whole chain.

    MiniGrid's recursion never takes a placed room back, so it is a loop: each room gets TRIES tries
    at a successor.

    Source: MiniGrid 3.2 ``MultiRoomEnv._placeRoom`` (Chevalier-Boisvert et al., 2023).
    """
    integers, place = draws.integers, place_room(draws)

    def attempt(world: World, n: int, size: Size, rng: Any, rooms: int) -> int:
        x, y = integers(rng, n, 0, size.width - 2), integers(rng, n, 0, size.width - 2)
        if not place(world, n, size, rng, 0, x, y, RIGHT):
            return 0
        k, tries = 1, 0
        while k < rooms and tries < TRIES:
            room = FIRST + ROOM * (k - 1)
            width, height = world.memory[n, room + WIDTH], world.memory[n, room + HEIGHT]
            leave, back = integers(rng, n, 0, 3), (world.memory[n, room + ENTRY] + 2) & 3
            leave += leave >= back  # a direction in order of numbers, but not back
            x, y = world.memory[n, room + LEFT_WALL], world.memory[n, room + TOP_WALL]
            if leave in (LEFT, RIGHT):
                x += width - 1 if leave == RIGHT else 0
                y += integers(rng, n, 1, height - 1)
            else:
                x += integers(rng, n, 1, width - 1)
                y += 0 if leave == UP else height - 1
            placed = place(world, n, size, rng, k, x, y, leave)
            k += placed
            tries = 0 if placed else tries + 1
        return k

    attempted: Callable[..., int] = draws.outline(attempt)
    return attempted


def free_in_room(draws: Draws) -> Callable[..., int]:
    """Return ``(world, n, size, rng, k) -> index`` of an empty cell of room k."""
    free = free_cell(draws)

    def find(world: World, n: int, size: Size, rng: Any, k: int) -> int:
        room = FIRST + ROOM * k
        left, top = world.memory[n, room + LEFT_WALL], world.memory[n, room + TOP_WALL]
        right, bottom = left + world.memory[n, room + WIDTH], top + world.memory[n, room + HEIGHT]
        at: int = free(world, n, size, rng, left, top, right, bottom)
        return at

    found: Callable[..., int] = draws.inline(find)
    return found


@compiled
def draw_room(world: World, n: int, size: Size, k: int) -> None:
    """Draw the walls of room k."""
    room = FIRST + ROOM * k
    left, top = world.memory[n, room + LEFT_WALL], world.memory[n, room + TOP_WALL]
    width, height = world.memory[n, room + WIDTH], world.memory[n, room + HEIGHT]
    wall_rectangle(world, n, size, left, top, width, height)


@compiled
def in_doorway(world: World, n: int, k: int) -> bool:
    """Tell whether row n's agent stands in the doorway to room k."""
    room = FIRST + ROOM * k
    return bool(
        k > 0
        and world.agent[n, X] == world.memory[n, room + DOOR_X]
        and world.agent[n, Y] == world.memory[n, room + DOOR_Y]
    )


@compiled
def room_of(world: World, n: int) -> int:
    """Return the room of row n's agent; a doorway belongs to the room that it leads to."""
    x, y = world.agent[n, X], world.agent[n, Y]
    for k in range(world.memory[n, ROOMS] - 1, 0, -1):
        room = FIRST + ROOM * k
        left, top = world.memory[n, room + LEFT_WALL], world.memory[n, room + TOP_WALL]
        inside = (
            left < x < left + world.memory[n, room + WIDTH] - 1
            and top < y < top + world.memory[n, room + HEIGHT] - 1
        )
        if inside or in_doorway(world, n, k):
            return k
    return 0


@compiled
def pose_behind(world: World, n: int, k: int) -> tuple[int, int, int]:
    """Return (x, y, direction) of an agent that has just come through the door to room k."""
    room = FIRST + ROOM * k
    entry = world.memory[n, room + ENTRY]
    # With stride 0 an index step is its x part; a quarter turn makes y of x.
    x = world.memory[n, room + DOOR_X] + delta(entry, 0)
    y = world.memory[n, room + DOOR_Y] + delta((entry + 3) & 3, 0)
    return x, y, entry


@compiled
def steps_to_door(world: World, n: int, k: int, x: int, y: int, heading: int) -> int:
    """Return the fewest actions from a pose in room k - 1 to facing the door to room k."""
    behind_x, behind_y, entry = pose_behind(world, n, k)
    dx, dy = behind_x - 2 * delta(entry, 0) - x, behind_y - 2 * delta((entry + 3) & 3, 0) - y
    return steps_to_pose(dx, dy, heading, entry)
