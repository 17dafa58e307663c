"""How ObstructedMaze is furnished: doors, balls before them, keys in boxes.

The large maze has 3x3 rooms. Side room k lies in direction k of the middle room; its two locked
doors, number 2k and 2k + 1, lead to the corner rooms a quarter turn back and a quarter turn on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from operant.envs.gridworld import cells
from operant.envs.gridworld.cells import FIRST_KEY, SORTED_COLORS, closed_door, locked_door
from operant.envs.gridworld.distances import RIGHT
from operant.envs.gridworld.draws import Draws
from operant.envs.gridworld.jit import compiled
from operant.envs.gridworld.world import Size, World, delta
from operant.envs.gridworld.worlds.errand import GONE, remember
from operant.envs.gridworld.worlds.rooms import SIDE, draw_rooms, place_object, slot, start_in_room

QUARTERS, SIDE_START, KEY_IN_BOX, BLOCKED, KEYS_LAST = range(5)
"""Indices of the options."""
COLUMNS, MIDDLE = 3, 1
"""Rooms side by side (and above each other) in the large maze; its middle room is (1, 1)."""
BLUE_BALL, GREEN_BALL = cells.ball("blue"), cells.ball("green")
FIRST_GREY_BOX = cells.box("grey", "red")
COLORS_AT = 2 * COLUMNS * COLUMNS
KEYS_AT = COLORS_AT + len(SORTED_COLORS)
SCRATCH = KEYS_AT + 8
"""Scratch: the doorways, six colours in random order, the key of each locked door."""


@compiled
def column_beside(i: int, wall: int) -> int:
    """Return the column of the room behind a wall."""
    return i + delta(wall, 0)


@compiled
def row_beside(j: int, wall: int) -> int:
    """Return the row of the room behind a wall."""
    return j + delta((wall + 3) & 3, 0)


@compiled
def turned(lock: int) -> int:
    """Return the direction, -1 .. 4, of locked door number 0 .. 7 as seen from its side room."""
    return lock // 2 + (1 if lock & 1 else -1)


@compiled
def color_of_lock(world: World, n: int, lock: int) -> int:
    """Return the colour of a locked door and its key; two doors may share one."""
    drawn: int = world.scratch[n, COLORS_AT + (turned(lock) + 6) % 6]
    return drawn


@compiled
def key_code(size: Size, color: int) -> int:
    """Return the byte of a key as this maze hands it out: in a grey box or not."""
    if size.options[KEY_IN_BOX]:
        return FIRST_GREY_BOX + color
    return FIRST_KEY + color


@compiled
def add_lock(world: World, n: int, size: Size, door: int, wall: int, color: int) -> None:
    """Put a locked door into a wall, and a ball in front of it if this maze has them."""
    world.grid[n, door] = locked_door(color)
    if size.options[BLOCKED]:
        world.grid[n, door - delta(wall, size.stride)] = GREEN_BALL


def draw_colors(draws: Draws) -> Callable[..., None]:
    """Return ``(world, n, rng)``, which writes all colours in random order into the scratch."""
    integers = draws.integers

    def draw(world: World, n: int, rng: Any) -> None:
        count = len(SORTED_COLORS)
        for k in range(count):
            world.scratch[n, COLORS_AT + k] = SORTED_COLORS[k]
        for k in range(count):
            chosen = COLORS_AT + k + integers(rng, n, 0, count - k)
            color = world.scratch[n, chosen]
            for moved in range(chosen, COLORS_AT + k, -1):
                world.scratch[n, moved] = world.scratch[n, moved - 1]
            world.scratch[n, COLORS_AT + k] = color

    drawn: Callable[..., None] = draws.inline(draw)
    return drawn


def one_door(draws: Draws) -> Callable[..., None]:
    """Return ``(world, n, size, rng)``, which furnishes two rooms.

    Source: MiniGrid 3.2 ``ObstructedMaze_1Dlhb._gen_grid`` (Chevalier-Boisvert et al., 2023).
    """
    place, start = place_object(draws), start_in_room(draws)

    def furnish(world: World, n: int, size: Size, rng: Any) -> None:
        color = world.scratch[n, COLORS_AT]
        door = world.scratch[n, slot(2, 0, 0, RIGHT)]
        add_lock(world, n, size, door, RIGHT, color)
        key = place(world, n, size, rng, SIDE, 0, 0, key_code(size, color))
        ball = place(world, n, size, rng, SIDE, 1, 0, BLUE_BALL)
        start(world, n, size, rng, SIDE, 0, 0)
        remember(world, n, 0, key, door, door - 1, ball)

    furnished: Callable[..., None] = draws.outline(furnish)
    return furnished


def add_side_room(draws: Draws) -> Callable[..., None]:
    """Return ``(world, n, size, rng, k)``: two locked doors for side room k, and their keys.

    Where keys do not come last, the ball before the second door can fall on the first door's key
    and replace it: MiniGrid's v0 mazes have such levels, and some of them cannot be won.
    """
    place = place_object(draws)

    def add_key(world: World, n: int, size: Size, rng: Any, lock: int) -> None:
        i, j = column_beside(MIDDLE, lock // 2), row_beside(MIDDLE, lock // 2)
        key = key_code(size, color_of_lock(world, n, lock))
        world.scratch[n, KEYS_AT + lock] = place(world, n, size, rng, SIDE, i, j, key)

    key_added: Callable[..., None] = draws.inline(add_key)

    def add(world: World, n: int, size: Size, rng: Any, k: int) -> None:
        middle_door = world.scratch[n, slot(COLUMNS, MIDDLE, MIDDLE, k)]
        world.grid[n, middle_door] = closed_door(world.scratch[n, COLORS_AT + k])
        i, j = column_beside(MIDDLE, k), row_beside(MIDDLE, k)
        for lock in range(2 * k, 2 * k + 2):
            wall = turned(lock) & 3
            door = world.scratch[n, slot(COLUMNS, i, j, wall)]
            add_lock(world, n, size, door, wall, color_of_lock(world, n, lock))
            if not size.options[KEYS_LAST]:
                key_added(world, n, size, rng, lock)
        if size.options[KEYS_LAST]:
            for lock in range(2 * k, 2 * k + 2):
                key_added(world, n, size, rng, lock)

    added: Callable[..., None] = draws.outline(add)
    return added


@compiled
def remember_way(world: World, n: int, size: Size, corner: int, ball: int) -> None:
    """Remember one way to the ball: the door whose key cannot have been lost, if there is one."""
    lock = (2 * corner + 7) & 7
    if corner == 0 and size.options[QUARTERS] < 4:
        lock = 0
    k, wall = lock // 2, turned(lock) & 3
    i, j = column_beside(MIDDLE, k), row_beside(MIDDLE, k)
    door = world.scratch[n, slot(COLUMNS, i, j, wall)]
    key = world.scratch[n, KEYS_AT + lock]
    if world.grid[n, key] != key_code(size, color_of_lock(world, n, lock)):
        key = GONE
    remember(world, n, 0, key, door, door - delta(wall, size.stride), ball)


def many_doors(draws: Draws) -> Callable[..., None]:
    """Return ``(world, n, size, rng)``, which furnishes nine rooms.

    Source: MiniGrid 3.2 ``ObstructedMaze_Full._gen_grid`` and ``ObstructedMaze_Full_V1._gen_grid``
    (Chevalier-Boisvert et al., 2023).
    """
    integers, side_room = draws.integers, add_side_room(draws)
    place, start = place_object(draws), start_in_room(draws)

    def furnish(world: World, n: int, size: Size, rng: Any) -> None:
        for k in range(size.options[QUARTERS]):
            side_room(world, n, size, rng, k)
        corner = integers(rng, n, 0, size.options[QUARTERS])
        back = (corner + 3) & 3
        i = column_beside(column_beside(MIDDLE, corner), back)
        j = row_beside(row_beside(MIDDLE, corner), back)
        ball = place(world, n, size, rng, SIDE, i, j, BLUE_BALL)
        start(world, n, size, rng, SIDE, MIDDLE + size.options[SIDE_START], MIDDLE)
        remember_way(world, n, size, corner, ball)

    furnished: Callable[..., None] = draws.outline(furnish)
    return furnished


def layout(draws: Draws) -> Callable[..., None]:
    """Return the level generator; the draws come in the order of MiniGrid's ObstructedMaze.

    Source: MiniGrid 3.2 ``ObstructedMazeEnv._gen_grid`` (Chevalier-Boisvert et al., 2023).
    """
    rooms, colors = draw_rooms(draws), draw_colors(draws)
    small, large = one_door(draws), many_doors(draws)

    def generate(world: World, n: int, size: Size, rng: Any) -> None:
        rooms(world, n, size, rng, SIDE)
        colors(world, n, rng)
        if size.options[QUARTERS] == 0:
            small(world, n, size, rng)
        else:
            large(world, n, size, rng)

    return generate
