"""KeyCorridor: find the key in a side room, unlock the ball's room, take the ball."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.gridworld.cells import (
    COLORS,
    DONE,
    DROP,
    EMPTY,
    FIRST_BALL,
    FIRST_KEY,
    LOCKED,
    closed_door,
    locked_door,
)
from operant.envs.gridworld.distances import LEFT, UP
from operant.envs.gridworld.draws import Draws
from operant.envs.gridworld.dynamics import act
from operant.envs.gridworld.family import Family, Option
from operant.envs.gridworld.jit import compiled
from operant.envs.gridworld.makers import makers
from operant.envs.gridworld.world import Size, World, cell_index, delta
from operant.envs.gridworld.worlds.errand import (
    DOOR_AT,
    ERRAND,
    TAKE_KEY,
    door_state,
    follow,
    remember,
    taking,
)
from operant.envs.gridworld.worlds.errand_features import errand_card, errand_features, write_errand
from operant.envs.gridworld.worlds.errand_oracle import act_without_closing, searching_with
from operant.envs.gridworld.worlds.rooms import (
    draw_color,
    draw_rooms,
    place_object,
    slot,
    start_in_room,
)
from operant.types import Card, Feature

ROOM_SIDE, ROWS = range(2)
"""Indices of the options."""
COLUMNS = 3
HALL = 1
"""Column of rooms that is one hall; its room in the first row has the same number."""
WORDS = 1
"""Columns of the memory for the mission's words: the ball's colour."""


@compiled
def open_hall(world: World, n: int, size: Size) -> None:
    """Remove the walls between the rooms of the middle column, and their doorways."""
    step = size.options[ROOM_SIDE] - 1
    for j in range(1, size.options[ROWS]):
        for x in range(step + 1, 2 * step):
            world.grid[n, cell_index(size, x, j * step)] = EMPTY
        world.scratch[n, slot(COLUMNS, HALL, j, UP)] = 0


@compiled
def join(world: World, n: int, rooms: int, labels: int, one: int, other: int) -> bool:
    """Unite the groups of two rooms; tell whether they were two.

    The group of room r is ``world.scratch[n, labels + r]``.
    """
    kept, lost = world.scratch[n, labels + one], world.scratch[n, labels + other]
    for room in range(rooms):
        if world.scratch[n, labels + room] == lost:
            world.scratch[n, labels + room] = kept
    return bool(kept != lost)


def connect(draws: Draws) -> Callable[..., None]:
    """Return ``(world, n, size, rng, locked)``: adds closed doors until all rooms are connected.

    Doors come in random inner walls without one, but not in those of room number ``locked``, which
    is behind its locked door. MiniGrid gives up after 5000 walls, which
    does not happen with so few rooms.

    Source: MiniGrid 3.2 ``RoomGrid.connect_all`` (Chevalier-Boisvert et al., 2023).
    """
    integers, draw = draws.integers, draw_color(draws)

    def add_doors(world: World, n: int, size: Size, rng: Any, locked: int) -> None:
        rows = size.options[ROWS]
        rooms = COLUMNS * rows
        labels = 2 * rooms
        for room in range(rooms):
            in_hall = room % COLUMNS == HALL or room == locked
            world.scratch[n, labels + room] = HALL if in_hall else room
        groups = 2 * rows
        while groups > 1:
            i = integers(rng, n, 0, COLUMNS)
            j = integers(rng, n, 0, rows)
            wall = integers(rng, n, 0, 4)
            if (i == 0 and wall == LEFT) or (j == 0 and wall == UP):
                continue
            room, place = j * COLUMNS + i, slot(COLUMNS, i, j, wall)
            beyond = room + delta(wall, COLUMNS)
            if world.scratch[n, place] == 0 or room == locked or beyond == locked:
                continue
            world.grid[n, world.scratch[n, place]] = closed_door(draw(rng, n))
            world.scratch[n, place] = 0
            groups -= join(world, n, rooms, labels, room, beyond)

    added: Callable[..., None] = draws.outline(add_doors)
    return added


def layout(draws: Draws) -> Callable[..., None]:
    """Return the level generator; the draws come in the order of MiniGrid's KeyCorridor.

    Source: MiniGrid 3.2 ``KeyCorridorEnv._gen_grid`` (Chevalier-Boisvert et al., 2023).
    """
    rooms, place, start = draw_rooms(draws), place_object(draws), start_in_room(draws)
    integers, draw, connect_all = draws.integers, draw_color(draws), connect(draws)

    def generate(world: World, n: int, size: Size, rng: Any) -> None:
        side, rows = size.options[ROOM_SIDE], size.options[ROWS]
        rooms(world, n, size, rng, side)
        open_hall(world, n, size)
        row = integers(rng, n, 0, rows)
        color = draw(rng, n)
        doorway = slot(COLUMNS, HALL + 1, row, LEFT)
        door = world.scratch[n, doorway]
        world.grid[n, door] = locked_door(color)
        world.scratch[n, doorway] = 0
        ball_color = draw(rng, n)
        ball = place(world, n, size, rng, side, HALL + 1, row, FIRST_BALL + ball_color)
        key_row = integers(rng, n, 0, rows)
        key = place(world, n, size, rng, side, HALL - 1, key_row, FIRST_KEY + color)
        start(world, n, size, rng, side, HALL, rows // 2)
        connect_all(world, n, size, rng, row * COLUMNS + HALL + 1)
        world.memory[n, 0] = ball_color
        remember(world, n, WORDS, key, door, door - 1, ball)

    return generate


def track(world: World, n: int, size: Size, action: int, front: int) -> None:
    """Follow the key and the ball."""
    follow(world, n, size, action, front, WORDS)


def features(world: World, n: int, size: Size, m: int, out: npt.NDArray[np.float32]) -> None:
    """Write row n's features, in the order of :func:`feature_table`."""
    write_errand(world, n, size, size.options[ROOM_SIDE], WORDS, TAKE_KEY, m, out)


def feature_table(size: Size) -> tuple[Feature, ...]:
    """Return the features with their ranges for a level size."""
    return errand_features(size, TAKE_KEY, "ball", hidden=False)


def dims(options: Mapping[str, int]) -> tuple[int, int]:
    """Return (width, height) of three columns of rooms."""
    step = options["room_size"] - 1
    return COLUMNS * step + 1, options["rows"] * step + 1


@compiled
def act_usefully(world: World, n: int, size: Size, action: int) -> int:
    """Act, but neither close a door nor drop the key before the lock is open.

    No shortest solution does so: an open door is never in the way, and until the lock is open there
    is nothing else to be carried.
    """
    if action == DROP and door_state(world, n, world.memory[n, WORDS + DOOR_AT]) == LOCKED:
        return act(world, n, size, DONE)
    return act_without_closing(world, n, size, action)


def card(env_id: str, size: Size, table: tuple[Feature, ...]) -> Card:
    """Describe one size of the world."""
    rows, inner = size.options[ROWS], size.options[ROOM_SIDE] - 2
    return errand_card(
        env_id,
        size,
        table,
        description=(
            f"A hall with {rows} room(s) of {inner}x{inner} cells on either side, joined by closed "
            "doors. One room on the right is locked and has a ball in it; the key lies in a room "
            "on the left. The agent starts in the hall and has to pick up the ball. Hands hold one "
            "thing at a time."
        ),
        wins="the agent picks up the ball",
        source="KeyCorridor",
        oracle="exact",
    )


FAMILY = Family(
    name="KeyCorridor",
    layout=layout,
    track=track,
    outcome=taking(FIRST_BALL, FIRST_BALL + len(COLORS) - 1),
    features=features,
    feature_table=feature_table,
    options={
        "room_size": Option(6, 3, 16, "cells along each side of a room, walls included"),
        "rows": Option(3, 1, 8, "rooms on either side of the hall"),
    },
    dims=dims,
    max_steps=lambda size: 30 * size.options[ROOM_SIDE] ** 2,
    memory=lambda _: WORDS + ERRAND,
    scratch=lambda size: 3 * COLUMNS * size.options[ROWS],
    mission=MappingProxyType({"color": len(COLORS)}),
    mission_text=lambda words: f"pick up the {COLORS[words[0]]} ball",
    useful_actions=tuple(range(DONE)),
    oracle=searching_with(act_usefully),
    card=card,
)
make, make_vector = makers(FAMILY)
