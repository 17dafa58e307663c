"""LockedRoom: six rooms along a hall; the goal's is locked, its key lies in one of the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.gridworld.cells import (
    COLORS,
    EMPTY,
    FIRST_KEY,
    GOAL,
    OPAQUE,
    SORTED_COLORS,
    TRIPLES,
    WALL,
    closed_door,
    locked_door,
)
from operant.envs.gridworld.distances import (
    LEFT,
    RIGHT,
    steps_to_face,
    steps_to_pose,
    steps_to_reach,
    turns,
)
from operant.envs.gridworld.draws import Draws, place_agent
from operant.envs.gridworld.family import Family
from operant.envs.gridworld.features import POSE, count, flag, pose_features, write_pose
from operant.envs.gridworld.jit import compiled
from operant.envs.gridworld.makers import makers
from operant.envs.gridworld.outcomes import reach_goal
from operant.envs.gridworld.world import (
    CARRY,
    DIRECTION,
    Size,
    World,
    X,
    Y,
    cell_index,
    clear,
    column_of,
    delta,
    row_of,
)
from operant.types import Card, Feature

SIDE = 19
WEST_WALL, EAST_WALL = SIDE // 2 - 2, SIDE // 2 + 2
"""Columns of the hall's walls, which hold all the doors."""
HEIGHT = SIDE // 3
"""Rows from one room's upper wall to the next one's; the door is in the middle of them."""
ROOMS, HALL = 6, -1
"""Rooms are numbered row by row, the western one first."""

KEY_COLOR, KEY_ROOM_COLOR, KEY_X, KEY_Y, GOAL_X, GOAL_Y, LOCKED_ROOM, KEY_ROOM, MEMORY = range(9)
"""Memory: the mission's words, numbers of colours; cell of the key (-1, -1 while carried) and of
the goal; the room of the goal and the one that had the key at the start."""


@compiled
def door_of(room: int) -> tuple[int, int]:
    """Return the cell (x, y) of a room's door."""
    return (EAST_WALL if room & 1 else WEST_WALL), (room >> 1) * HEIGHT + HEIGHT // 2


@compiled
def door_code(world: World, n: int, size: Size, room: int) -> int:
    """Return the code of a room's door."""
    x, y = door_of(room)
    return int(world.grid[n, cell_index(size, x, y)])


@compiled
def room_of(x: int, y: int) -> int:
    """Return the room of a cell, or HALL; a doorway belongs to its room."""
    if WEST_WALL < x < EAST_WALL:
        return HALL
    return y // HEIGHT * 2 + (1 if x >= EAST_WALL else 0)


def cell_in_room(draws: Draws) -> Callable[..., int]:
    """Return ``(size, rng, n, room) -> index`` of a cell of a room."""
    integers = draws.integers

    def draw(size: Size, rng: Any, n: int, room: int) -> int:
        left, top = (0 if room % 2 == 0 else EAST_WALL), room // 2 * HEIGHT
        x = integers(rng, n, left + 1, left + WEST_WALL)
        return cell_index(size, x, integers(rng, n, top + 1, top + HEIGHT))

    drawn: Callable[..., int] = draws.inline(draw)
    return drawn


@compiled
def _draw_walls(world: World, n: int, size: Size) -> None:
    """Draw the hall's walls and those between the rooms."""
    clear(world, n, size)
    for y in range(size.height):
        world.grid[n, cell_index(size, WEST_WALL, y)] = WALL
        world.grid[n, cell_index(size, EAST_WALL, y)] = WALL
    for y in range(HEIGHT, size.height - 1, HEIGHT):
        for x in range(size.width):
            if room_of(x, y) != HALL:
                world.grid[n, cell_index(size, x, y)] = WALL


@compiled
def _remaining(used: int, drawn: int) -> int:
    """Return the place in the alphabet of the ``drawn``-th colour that is not among the used."""
    rank = 0
    while drawn > 0 or (used >> rank) & 1:
        drawn -= 1 - ((used >> rank) & 1)
        rank += 1
    return rank


def layout(draws: Draws) -> Callable[..., None]:
    """Return the level generator; the draws come in the order of MiniGrid's LockedRoom.

    Source: MiniGrid 3.2 ``LockedRoomEnv._gen_grid`` (Chevalier-Boisvert et al., 2023).
    """
    integers, start_agent, cell_in = draws.integers, place_agent(draws), cell_in_room(draws)

    def generate(world: World, n: int, size: Size, rng: Any) -> None:
        _draw_walls(world, n, size)
        locked = integers(rng, n, 0, ROOMS)
        goal = cell_in(size, rng, n, locked)
        world.grid[n, goal] = GOAL
        used = 0
        for room in range(ROOMS):
            rank = _remaining(used, integers(rng, n, 0, len(SORTED_COLORS) - room))
            used |= 1 << rank
            color = SORTED_COLORS[rank]
            x, y = door_of(room)
            door = locked_door(color) if room == locked else closed_door(color)
            world.grid[n, cell_index(size, x, y)] = door
        key_room = integers(rng, n, 0, ROOMS)
        while key_room == locked:
            key_room = integers(rng, n, 0, ROOMS)
        key = cell_in(size, rng, n, key_room)
        color = TRIPLES[door_code(world, n, size, locked), 1]
        world.grid[n, key] = FIRST_KEY + color
        start_agent(world, n, size, rng, WEST_WALL, 0, EAST_WALL, size.height)
        world.memory[n, KEY_COLOR] = color
        world.memory[n, KEY_ROOM_COLOR] = TRIPLES[door_code(world, n, size, key_room), 1]
        world.memory[n, KEY_X], world.memory[n, KEY_Y] = column_of(size, key), row_of(size, key)
        world.memory[n, GOAL_X], world.memory[n, GOAL_Y] = column_of(size, goal), row_of(size, goal)
        world.memory[n, LOCKED_ROOM], world.memory[n, KEY_ROOM] = locked, key_room

    return generate


def track(world: World, n: int, size: Size, action: int, front: int) -> None:  # noqa: ARG001
    """Follow the key: gone while carried, then where it was dropped."""
    if world.agent[n, CARRY] != EMPTY:
        world.memory[n, KEY_X], world.memory[n, KEY_Y] = -1, -1
    elif world.memory[n, KEY_X] < 0:
        ahead = world.agent[n, DIRECTION]
        # With stride 0 an index step is its x part; a quarter turn makes y of x.
        world.memory[n, KEY_X] = world.agent[n, X] + delta(ahead, 0)
        world.memory[n, KEY_Y] = world.agent[n, Y] + delta((ahead + 3) & 3, 0)


@compiled
def pass_door(
    world: World, n: int, size: Size, room: int, inwards: bool, x: int, y: int, heading: int
) -> tuple[int, int, int, int]:
    """Return the fewest actions from a pose through a room's door, and (x, y, heading) behind it.

    The pose is in the doorway or on the side one comes from; a lock opens like any closed door.
    """
    door_x, door_y = door_of(room)
    going, step = (RIGHT, 1) if inwards == (room & 1) else (LEFT, -1)
    if x == door_x:
        return turns(heading, going) + 1, door_x + step, door_y, going
    spent = steps_to_pose(door_x - step - x, door_y - y, heading, going) + 2
    if door_code(world, n, size, room) >= OPAQUE:
        spent += 1
    return spent, door_x + step, door_y, going


@compiled
def steps_to(world: World, n: int, size: Size, to_x: int, to_y: int, standing: bool) -> int:
    """Return the fewest actions to stand on (or else: to face) a cell, opening doors on the way.

    Locks are taken as open to everybody, the key as no obstacle.
    """
    x, y, heading = world.agent[n, X], world.agent[n, Y], world.agent[n, DIRECTION]
    here, there = room_of(x, y), room_of(to_x, to_y)
    doorway = x in (WEST_WALL, EAST_WALL)
    spent, more = 0, 0
    if here not in (HALL, there):
        spent, x, y, heading = pass_door(world, n, size, here, False, x, y, heading)
    if there != HALL and (here != there or doorway):
        more, x, y, heading = pass_door(world, n, size, there, True, x, y, heading)
    spent += more
    if standing:
        return spent + steps_to_reach(to_x - x, to_y - y, heading)
    if spent > 0 and x == to_x and y == to_y:
        return spent - 1  # the cell behind a door is faced from within the doorway
    return spent + steps_to_face(to_x - x, to_y - y, heading)


@compiled
def steps_to_lock(world: World, n: int, size: Size) -> int:
    """Return the fewest actions to face the locked door, from outside its room."""
    x, y, heading = world.agent[n, X], world.agent[n, Y], world.agent[n, DIRECTION]
    spent, here = 0, room_of(x, y)
    if here != HALL:
        spent, x, y, heading = pass_door(world, n, size, here, False, x, y, heading)
    room = world.memory[n, LOCKED_ROOM]
    # But for the toggle and the two steps through.
    return spent + pass_door(world, n, size, room, True, x, y, heading)[0] - 3


def features(world: World, n: int, size: Size, m: int, out: npt.NDArray[np.float32]) -> None:
    """Write row n's features, in the order of :func:`feature_table`."""
    write_pose(world, n, m, out)
    key_x, key_y = world.memory[n, KEY_X], world.memory[n, KEY_Y]
    lock = door_code(world, n, size, world.memory[n, LOCKED_ROOM])
    locked = lock == locked_door(world.memory[n, KEY_COLOR])
    subgoal = 2
    if locked:
        subgoal = 0 if key_x >= 0 else 1
    to_key = steps_to(world, n, size, key_x, key_y, False) if key_x >= 0 else 0
    to_lock = steps_to_lock(world, n, size) if locked else 0
    to_goal = steps_to(world, n, size, world.memory[n, GOAL_X], world.memory[n, GOAL_Y], True)
    out[m, POSE] = room_of(world.agent[n, X], world.agent[n, Y])
    out[m, POSE + 1] = door_code(world, n, size, world.memory[n, KEY_ROOM]) < OPAQUE
    out[m, POSE + 2] = not locked
    out[m, POSE + 3] = lock < OPAQUE
    out[m, POSE + 4] = subgoal
    out[m, POSE + 5] = to_key
    out[m, POSE + 6] = to_lock
    out[m, POSE + 7] = to_goal
    out[m, POSE + 8] = to_goal if subgoal == 2 else (to_lock if subgoal == 1 else to_key)


def feature_table(size: Size) -> tuple[Feature, ...]:
    """Return the features with their ranges."""
    far = 4 * size.width  # out of a room, along the hall, into another
    plan = "opening doors on the way, locked ones too"
    return (
        *pose_features(size),
        count("room", "the agent's room, row by row from the upper left; -1 the hall", 5, low=-1),
        flag("key_room_open", "the door of the room where the key was at first stands open"),
        flag("unlocked", "the locked door has been unlocked"),
        flag("door_open", "the door to the goal stands open"),
        count("subgoal", "what is needed next: 0 the key, 1 unlock the door, 2 the goal", 2),
        count(
            "steps_to_key",
            f"fewest actions to face the key, {plan}; 0 if held",
            far,
            unit="actions",
        ),
        count(
            "steps_to_door",
            "fewest actions to face the locked door, opening others; 0 once it is unlocked",
            far,
            unit="actions",
        ),
        count("steps_to_goal", f"fewest actions to the goal, {plan}", far, unit="actions"),
        count("steps_to_subgoal", "the distance that belongs to `subgoal`", far, unit="actions"),
    )


def card(env_id: str, size: Size, table: tuple[Feature, ...]) -> Card:
    """Describe the world."""
    paid = f"1 - 0.9 t / {size.max_steps}" if size.reward else "exactly 1"
    return Card(
        id=env_id,
        description=(
            "Three rooms on either side of a hall, behind doors of six colours. One is locked and "
            "holds the goal; the key lies in another one, which the mission names by the colour of "
            "its door. The agent starts in the hall."
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
        source="MiniGrid LockedRoom (Chevalier-Boisvert et al., 2023); the 0/1 reward is ours.",
    )


def mission_text(words: tuple[int, ...]) -> str:
    """Return MiniGrid's mission for the colours of the key and of the room that it is in."""
    key, room = COLORS[words[0]], COLORS[words[1]]
    return f"get the {key} key from the {room} room, unlock the {key} door and go to the goal"


FAMILY = Family(
    name="LockedRoom",
    options={},
    dims=lambda _: (SIDE, SIDE),
    layout=layout,
    track=track,
    outcome=reach_goal,
    features=features,
    feature_table=feature_table,
    memory=lambda _: MEMORY,
    max_steps=lambda _: 10 * SIDE,
    card=card,
    mission={"key_color": len(COLORS), "key_room_color": len(COLORS)},
    mission_text=mission_text,
)
make, make_vector = makers(FAMILY)
