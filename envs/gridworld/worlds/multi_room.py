"""MultiRoom: a chain of rooms, closed doors between them, the goal in the last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.gridworld import cells
from operant.envs.gridworld.cells import EMPTY, GOAL, OPAQUE, SORTED_COLORS, closed_door
from operant.envs.gridworld.distances import steps_to_reach, turns
from operant.envs.gridworld.draws import Draws
from operant.envs.gridworld.family import Family, Option
from operant.envs.gridworld.features import POSE, count, pose_features, write_pose
from operant.envs.gridworld.jit import compiled
from operant.envs.gridworld.makers import makers
from operant.envs.gridworld.outcomes import reach_goal
from operant.envs.gridworld.world import (
    CARRY,
    DIRECTION,
    STEPS,
    Size,
    World,
    X,
    Y,
    cell_index,
    column_of,
    fill,
    row_of,
)
from operant.envs.gridworld.worlds.room_chain import (
    DOOR_X,
    DOOR_Y,
    ENTRY,
    FIRST,
    GOAL_X,
    GOAL_Y,
    MAX_ROOMS,
    MIN_ROOMS,
    REST,
    ROOM,
    ROOM_SIZE,
    ROOMS,
    SMALLEST,
    draw_room,
    free_in_room,
    in_doorway,
    place_chain,
    pose_behind,
    room_of,
    steps_to_door,
)
from operant.types import Card, Feature

SIDE = 25
"""Cells along each side of the grid; what is outside the rooms is empty, not wall."""


def layout(draws: Draws) -> Callable[..., None]:
    """Return the level generator; the draws come in the order of MiniGrid's MultiRoom.

    Source: MiniGrid 3.2 ``MultiRoomEnv._gen_grid`` (Chevalier-Boisvert et al., 2023).
    """
    integers, free, attempt = draws.integers, free_in_room(draws), place_chain(draws)

    def generate(world: World, n: int, size: Size, rng: Any) -> None:
        rooms = integers(rng, n, size.options[MIN_ROOMS], size.options[MAX_ROOMS] + 1)
        while attempt(world, n, size, rng, rooms) < rooms:
            pass
        world.memory[n, ROOMS] = rooms
        fill(world, n, size, EMPTY)
        rank = len(SORTED_COLORS)  # of the last door's colour: none yet
        for k in range(rooms):
            draw_room(world, n, size, k)
            if k > 0:
                drawn = integers(rng, n, 0, len(SORTED_COLORS) - (k > 1))
                rank = drawn + (drawn >= rank)  # never the same colour twice in a row
                world.grid[n, door_of(world, n, size, k)] = closed_door(SORTED_COLORS[rank])
        world.agent[n, X], world.agent[n, Y] = -1, -1
        world.agent[n, CARRY], world.agent[n, STEPS] = EMPTY, 0
        start = free(world, n, size, rng, 0)
        world.agent[n, X], world.agent[n, Y] = column_of(size, start), row_of(size, start)
        world.agent[n, DIRECTION] = integers(rng, n, 0, 4)
        goal = free(world, n, size, rng, rooms - 1)
        world.grid[n, goal] = GOAL
        world.memory[n, GOAL_X], world.memory[n, GOAL_Y] = column_of(size, goal), row_of(size, goal)
        _note_rest(world, n, size, rooms)

    return generate


@compiled
def _note_rest(world: World, n: int, size: Size, rooms: int) -> None:
    """Fill the plan's REST column, and what belongs to rooms that this level lacks.

    Rooms are empty, and behind a door the agent's pose is always the same, so that the shortest
    ways from door to door add up.
    """
    for column in range(FIRST + ROOM * rooms, FIRST + ROOM * size.options[MAX_ROOMS]):
        world.memory[n, column] = 0
    for k in range(rooms - 1, -1, -1):
        x, y, heading = pose_behind(world, n, k)
        if k == rooms - 1:
            steps = steps_to_reach(
                world.memory[n, GOAL_X] - x, world.memory[n, GOAL_Y] - y, heading
            )
        else:
            rest = world.memory[n, FIRST + ROOM * (k + 1) + REST]
            steps = steps_to_door(world, n, k + 1, x, y, heading) + 2 + rest
        world.memory[n, FIRST + ROOM * k + REST] = steps if k > 0 else 0


@compiled
def door_of(world: World, n: int, size: Size, k: int) -> int:
    """Return the padded index of the door to room k."""
    room = FIRST + ROOM * k
    return cell_index(size, world.memory[n, room + DOOR_X], world.memory[n, room + DOOR_Y])


def features(world: World, n: int, size: Size, m: int, out: npt.NDArray[np.float32]) -> None:
    """Write row n's features, in the order of :func:`feature_table`."""
    write_pose(world, n, m, out)
    k, rooms = room_of(world, n), world.memory[n, ROOMS]
    x, y, heading = world.agent[n, X], world.agent[n, Y], world.agent[n, DIRECTION]
    spent = 0
    if in_doorway(world, n, k):
        spent = turns(heading, world.memory[n, FIRST + ROOM * k + ENTRY]) + 1
        x, y, heading = pose_behind(world, n, k)
    if k + 1 == rooms:
        goal_x, goal_y = world.memory[n, GOAL_X], world.memory[n, GOAL_Y]
        subgoal, to_goal = 2, spent + steps_to_reach(goal_x - x, goal_y - y, heading)
        to_next = to_goal
    else:
        to_next = spent + steps_to_door(world, n, k + 1, x, y, heading)
        to_goal = to_next + 2 + world.memory[n, FIRST + ROOM * (k + 1) + REST]
        for j in range(k + 1, rooms):
            to_goal += world.grid[n, door_of(world, n, size, j)] >= OPAQUE
        subgoal = 0 if world.grid[n, door_of(world, n, size, k + 1)] >= OPAQUE else 1
        to_next += subgoal
    out[m, POSE] = k
    out[m, POSE + 1] = rooms - 1 - k
    out[m, POSE + 2] = subgoal
    out[m, POSE + 3] = to_goal
    out[m, POSE + 4] = to_next


def feature_table(size: Size) -> tuple[Feature, ...]:
    """Return the features with their ranges for a level size."""
    rooms = size.options[MAX_ROOMS]
    last = max(1, rooms - 1)
    # Per room: two runs, up to 5 turns, 3 actions at the door.
    leg = 2 * size.options[ROOM_SIZE] + 8
    return (
        *pose_features(size),
        count("room", "number of the agent's room in the chain; the start is in room 0", last),
        count("doors_ahead", "doors between the agent and the goal", last),
        count(
            "subgoal",
            "what is needed next: 0 open the next door, 1 pass it, 2 the goal in this room",
            2,
        ),
        count("steps_to_goal", "fewest actions to the goal", leg * rooms, unit="actions"),
        count(
            "steps_to_subgoal",
            "fewest actions to face the closed door, to stand in the open one, or to the goal",
            leg,
            unit="actions",
        ),
    )


def check(size: Size) -> str:
    """Return a complaint about a range of room numbers that is empty."""
    low, high = size.options[MIN_ROOMS], size.options[MAX_ROOMS]
    if low > high:
        return f"min_rooms must be at most max_rooms; got min_rooms={low}, max_rooms={high}"
    return ""


def card(env_id: str, size: Size, table: tuple[Feature, ...]) -> Card:
    """Describe one size of the world."""
    paid = f"1 - 0.9 t / {size.max_steps}" if size.reward else "exactly 1"
    low, high, side = size.options[MIN_ROOMS], size.options[MAX_ROOMS], size.options[ROOM_SIZE]
    rooms = str(high) if low == high else f"{low} to {high}"
    return Card(
        id=env_id,
        description=(
            f"A chain of {rooms} rooms of {SMALLEST} to {side} cells a side, walls included, "
            f"somewhere on a grid of {size.width}x{size.height}. Each is joined to the next by a "
            "closed door. The agent starts in the first room; the goal is in the last."
        ),
        observation=FAMILY.view.words,
        action="Discrete(7): left, right, forward, pickup, drop, toggle, done.",
        reward=f"{paid} on stepping onto the goal, 0 before",
        termination="the agent steps onto the goal",
        truncation=f"after {size.limit} steps",
        success="the agent stands on the goal",
        metric="success",
        oracle="exact",
        features=table,
        tier=0,
        source="MiniGrid MultiRoom (Chevalier-Boisvert et al., 2023); the 0/1 reward is ours.",
    )


def mission_text(words: tuple[int, ...]) -> str:  # noqa: ARG001 (always the same)
    """Return MiniGrid's mission."""
    return "traverse the rooms to get to the goal"


FAMILY = Family(
    name="MultiRoom",
    options={
        "min_rooms": Option(4, 1, 10, "fewest rooms"),
        "max_rooms": Option(4, 1, 10, "most rooms"),
        "room_size": Option(5, SMALLEST, 10, "largest side of a room in cells, walls included"),
    },
    dims=lambda _: (SIDE, SIDE),
    check=check,
    layout=layout,
    outcome=reach_goal,
    features=features,
    feature_table=feature_table,
    memory=lambda size: FIRST + ROOM * size.options[MAX_ROOMS],
    max_steps=lambda size: 20 * size.options[MAX_ROOMS],
    card=card,
    mission_text=mission_text,
    useful_actions=(cells.LEFT, cells.RIGHT, cells.FORWARD, cells.TOGGLE),
)
make, make_vector = makers(FAMILY)
