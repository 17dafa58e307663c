"""Playground: nine rooms full of keys, balls and boxes, and no task."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from operant.envs.gridworld.cells import (
    BOX_FLAG,
    DOOR_FLAG,
    FIRST_BALL,
    FIRST_BOX,
    FIRST_KEY,
    FLAGS,
    OBJECTS,
    OPAQUE,
    TOGGLE,
    TRIPLES,
    WALL,
    closed_door,
)
from operant.envs.gridworld.draws import Draws, free_cell, place_agent
from operant.envs.gridworld.family import Family
from operant.envs.gridworld.features import POSE, count, pose_features, write_pose
from operant.envs.gridworld.jit import compiled
from operant.envs.gridworld.makers import makers
from operant.envs.gridworld.world import CARRY, Size, World, X, Y, cell_index, clear
from operant.envs.gridworld.worlds.rooms import draw_color
from operant.types import Card, Feature, Oracle

if TYPE_CHECKING:
    from operant.envs.gridworld.simulator import Simulator

SIDE, ROOMS, ROOM = 19, 3, 6
"""Cells along each side of the grid, rooms along it, cells from a room's wall to the next one's."""
DOORS, THINGS = 2 * ROOMS * (ROOMS - 1), 12
THINGS_OF = (FIRST_KEY, FIRST_BALL, FIRST_BOX)
"""The red key, ball and box, in MiniGrid's order; those of other colours follow each."""

KEY_TYPE = OBJECTS.index("key")
"""Keys, balls and boxes have this type and the next two."""
OPEN_DOORS, THINGS_LEFT, MEMORY = range(3)
"""Memory: numbers of open doors and of things that exist (a box vanishes when it is opened)."""


def layout(draws: Draws) -> Callable[..., None]:
    """Return the level generator; the draws come in the order of MiniGrid's Playground.

    Source: MiniGrid 3.2 ``PlaygroundEnv._gen_grid`` (Chevalier-Boisvert et al., 2023).
    """
    integers, color = draws.integers, draw_color(draws)
    free, start_agent = free_cell(draws), place_agent(draws)

    def generate(world: World, n: int, size: Size, rng: Any) -> None:
        clear(world, n, size)
        for room in range(ROOMS * ROOMS):
            left, top = room % ROOMS * ROOM, room // ROOMS * ROOM
            right, bottom = left + ROOM, top + ROOM
            if right < ROOMS * ROOM:
                for i in range(ROOM):
                    world.grid[n, cell_index(size, right, top + i)] = WALL
                door = cell_index(size, right, integers(rng, n, top + 1, bottom - 1))
                world.grid[n, door] = closed_door(color(rng, n))
            if bottom < ROOMS * ROOM:
                for i in range(ROOM):
                    world.grid[n, cell_index(size, left + i, bottom)] = WALL
                door = cell_index(size, integers(rng, n, left + 1, right - 1), bottom)
                world.grid[n, door] = closed_door(color(rng, n))
        start_agent(world, n, size, rng, 0, 0, size.width, size.height)
        for _ in range(THINGS):
            kind = integers(rng, n, 0, 3)
            thing = THINGS_OF[kind] + color(rng, n)
            world.grid[n, free(world, n, size, rng, 0, 0, size.width, size.height)] = thing
        world.memory[n, OPEN_DOORS], world.memory[n, THINGS_LEFT] = 0, THINGS

    return generate


def outcome(world: World, n: int, size: Size, action: int, front: int) -> tuple[float, bool, bool]:  # noqa: ARG001
    """Return (reward, terminated, success): nothing pays, nothing ends, nothing is achieved."""
    return 0.0, False, False


def track(world: World, n: int, size: Size, action: int, front: int) -> None:  # noqa: ARG001
    """Count doors and things, which only toggling changes."""
    if action != TOGGLE:
        return
    if FLAGS[front] & DOOR_FLAG:
        world.memory[n, OPEN_DOORS] += 1 if front >= OPAQUE else -1
    elif FLAGS[front] & BOX_FLAG:
        world.memory[n, THINGS_LEFT] -= 1


@compiled
def room_of(x: int, y: int) -> int:
    """Return the number of the room that has cell (x, y) inside or in its left or upper wall."""
    return y // ROOM * ROOMS + x // ROOM


def features(
    world: World,
    n: int,
    size: Size,  # noqa: ARG001 (always the same)
    m: int,
    out: npt.NDArray[np.float32],
) -> None:
    """Write row n's features, in the order of :func:`feature_table`."""
    write_pose(world, n, m, out)
    out[m, POSE] = max(int(TRIPLES[world.agent[n, CARRY], 0]) - KEY_TYPE + 1, 0)
    out[m, POSE + 1] = room_of(world.agent[n, X], world.agent[n, Y])
    out[m, POSE + 2] = world.memory[n, OPEN_DOORS]
    out[m, POSE + 3] = world.memory[n, THINGS_LEFT]


def feature_table(size: Size) -> tuple[Feature, ...]:
    """Return the features with their ranges."""
    return (
        *pose_features(size),
        count("load", "0 nothing, 1 a key, 2 a ball, 3 a box is carried", 3, privileged=False),
        count(
            "room",
            "number of the agent's room, row by row from the upper left; a doorway belongs to the "
            "room on its right or below",
            ROOMS * ROOMS - 1,
        ),
        count("open_doors", "doors that stand open", DOORS, unit="doors"),
        count("things_left", "keys, balls and boxes that exist", THINGS, unit="objects"),
    )


def card(env_id: str, size: Size, table: tuple[Feature, ...]) -> Card:
    """Describe the world."""
    return Card(
        id=env_id,
        description=(
            f"Nine rooms on a grid of {size.width}x{size.height} cells, joined by {DOORS} closed "
            f"doors, with {THINGS} keys, balls and empty boxes of random colours strewn about and "
            "the agent anywhere. There is no task: a place to explore, or to design one for."
        ),
        observation=FAMILY.view.words,
        action="Discrete(7): left, right, forward, pickup, drop, toggle, done.",
        reward="always 0",
        termination="never",
        truncation=f"after {size.limit} steps",
        success="never: there is nothing to achieve",
        metric="return",
        oracle="exact",
        features=table,
        tier=0,
        source="MiniGrid Playground (Chevalier-Boisvert et al., 2023).",
    )


def oracle(simulator: Simulator) -> Oracle:  # noqa: ARG001 (the same for all levels)
    """Return the optimum of a world that pays nothing."""
    return Oracle(
        kind="exact",
        optimal_return=0.0,
        solution_length=None,
        actions=(),
        method="no action is ever rewarded",
    )


FAMILY = Family(
    name="Playground",
    options={},
    dims=lambda _: (SIDE, SIDE),
    layout=layout,
    track=track,
    outcome=outcome,
    features=features,
    feature_table=feature_table,
    memory=lambda _: MEMORY,
    max_steps=lambda _: 100,
    card=card,
    oracle=oracle,
)
make, make_vector = makers(FAMILY)
