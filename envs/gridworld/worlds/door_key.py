"""DoorKey and SparseKey: fetch the key, unlock the door, reach the goal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.gridworld import cells
from operant.envs.gridworld.cells import GOAL, LOCKED, OPEN, WALL
from operant.envs.gridworld.distances import (
    LEFT,
    RIGHT,
    UP,
    steps_to_face,
    steps_to_pose,
    steps_to_reach,
    turns,
)
from operant.envs.gridworld.draws import Draws, free_cell, place_agent
from operant.envs.gridworld.family import Family
from operant.envs.gridworld.features import count, flag
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

KEY = cells.key("yellow")
LOCKED_DOOR, OPEN_DOOR = cells.door("yellow", LOCKED), cells.door("yellow", OPEN)

KEY_X, KEY_Y, DOOR_X, DOOR_Y, MEMORY = range(5)
"""Memory: cell of the key (-1, -1 while carried) and of the door."""


def layout(draws: Draws) -> Callable[..., None]:
    """Return the level generator; the draws come in the order of MiniGrid's DoorKey.

    Source: MiniGrid 3.2 ``DoorKeyEnv._gen_grid`` (Chevalier-Boisvert et al., 2023).
    """
    integers, free, start_agent = draws.integers, free_cell(draws), place_agent(draws)

    def generate(world: World, n: int, size: Size, rng: Any) -> None:
        clear(world, n, size)
        world.grid[n, cell_index(size, size.width - 2, size.height - 2)] = GOAL
        split = integers(rng, n, 2, size.width - 2)
        for y in range(size.height):
            world.grid[n, cell_index(size, split, y)] = WALL
        start_agent(world, n, size, rng, 0, 0, split, size.height)
        door_y = integers(rng, n, 1, size.width - 2)
        world.grid[n, cell_index(size, split, door_y)] = LOCKED_DOOR
        at = free(world, n, size, rng, 0, 0, split, size.height)
        world.grid[n, at] = KEY
        world.memory[n, KEY_X], world.memory[n, KEY_Y] = column_of(size, at), row_of(size, at)
        world.memory[n, DOOR_X], world.memory[n, DOOR_Y] = split, door_y

    return generate


def track(world: World, n: int, size: Size, action: int, front: int) -> None:  # noqa: ARG001
    """Follow the key: gone while carried, then where it was dropped."""
    if world.agent[n, CARRY] == KEY:
        world.memory[n, KEY_X], world.memory[n, KEY_Y] = -1, -1
    elif world.memory[n, KEY_X] < 0:
        ahead = world.agent[n, DIRECTION]
        world.memory[n, KEY_X] = world.agent[n, X] + delta(ahead, 0)
        world.memory[n, KEY_Y] = world.agent[n, Y] + delta((ahead + 3) & 3, 0)


@compiled
def _steps_to_key(
    size: Size, x: int, y: int, heading: int, door_x: int, door_y: int, to_x: int, to_y: int
) -> int:
    """Return the fewest actions to face a cell, loose objects and the door taken as absent.

    Stepping onto the goal ends the episode, so no way leads over it.
    """
    spent, goal_x, goal_y = 0, size.width - 2, size.height - 2
    if (x > door_x) != (to_x > door_x) or x == door_x:  # first to the pose beyond the door
        side, outward = (1, RIGHT) if to_x > door_x else (-1, LEFT)
        if x == door_x:
            spent = turns(heading, outward) + 1
        else:
            spent = steps_to_pose(door_x - side - x, door_y - y, heading, outward) + 2
        x, y, heading = door_x + side, door_y, outward
        if x == to_x and y == to_y:
            return spent - 1  # a neighbour of the doorway is faced from within it
    if x == goal_x and to_y == goal_y and x != to_x and y != to_y:  # not down first
        return spent + x - to_x + to_y - y + turns(heading, LEFT)
    if y == goal_y and to_x == goal_x and x != to_x and y != to_y:  # not right first
        return spent + to_x - x + y - to_y + turns(heading, UP)
    return spent + steps_to_face(to_x - x, to_y - y, heading)


def features(world: World, n: int, size: Size, m: int, out: npt.NDArray[np.float32]) -> None:
    """Write row n's features, in the order of :func:`feature_table`."""
    x, y, heading = world.agent[n, X], world.agent[n, Y], world.agent[n, DIRECTION]
    key_x, key_y = world.memory[n, KEY_X], world.memory[n, KEY_Y]
    door_x, door_y = world.memory[n, DOOR_X], world.memory[n, DOOR_Y]
    lock = world.grid[n, cell_index(size, door_x, door_y)]
    has_key, door_open = world.agent[n, CARRY] == KEY, lock == OPEN_DOOR
    # A door that was unlocked needs no key, and none at all for an agent that is through it.
    subgoal = 1 if has_key or lock != LOCKED_DOOR else 0
    goal_x, goal_y = size.width - 2, size.height - 2
    if x > door_x:
        subgoal = 2
        to_door = steps_to_pose(door_x + 1 - x, door_y - y, heading, LEFT)
        to_goal = steps_to_reach(goal_x - x, goal_y - y, heading)
    else:
        subgoal = 2 if door_open else subgoal
        to_door = steps_to_pose(door_x - 1 - x, door_y - y, heading, RIGHT)
        to_goal = turns(heading, RIGHT) + 1 if x == door_x else to_door + 2
        # From the pose beyond the door straight on, then down.
        to_goal += goal_x - door_x - 1 + goal_y - door_y + (door_y < goal_y)
    if has_key:
        to_key = 0
    elif x < door_x and key_x < door_x:  # the usual case first, since it is short
        to_key = steps_to_face(key_x - x, key_y - y, heading)
    else:
        to_key = _steps_to_key(size, x, y, heading, door_x, door_y, key_x, key_y)
    to_door = 0 if door_open else to_door
    out[m, 0] = has_key
    out[m, 1] = door_open
    out[m, 2] = subgoal
    out[m, 3] = to_key
    out[m, 4] = to_door
    out[m, 5] = to_goal
    out[m, 6] = to_goal if subgoal == 2 else (to_door if subgoal == 1 else to_key)
    out[m, 7] = x
    out[m, 8] = y
    out[m, 9] = heading


def feature_table(size: Size) -> tuple[Feature, ...]:
    """Return the features with their ranges for a level size."""
    # Across both rooms and through the door: 3 straight runs of < max(width, height) and few turns.
    far = 3 * max(size.width, size.height)
    plan = "with doors taken as open and objects as absent"
    return (
        flag("has_key", "the agent carries the key", privileged=False),
        flag("door_open", "the door stands open"),
        count("subgoal", "what is needed next: 0 the key, 1 an open door, 2 the goal", 2),
        count(
            "steps_to_key",
            f"fewest actions to face the key, {plan}; 0 if held",
            far,
            unit="actions",
        ),
        count(
            "steps_to_door", "fewest actions to face the door; 0 if it is open", far, unit="actions"
        ),
        count("steps_to_goal", f"fewest actions to the goal, {plan}", far, unit="actions"),
        count("steps_to_subgoal", "the distance that belongs to `subgoal`", far, unit="actions"),
        count("agent_x", "column of the agent", size.width - 1, unit="cells"),
        count("agent_y", "row of the agent", size.height - 1, unit="cells"),
        count("agent_direction", "0 right, 1 down, 2 left, 3 up", 3, privileged=False),
    )


def card(env_id: str, size: Size, table: tuple[Feature, ...]) -> Card:
    """Describe one size of the world."""
    paid = f"1 - 0.9 t / {size.max_steps}" if size.reward else "exactly 1"
    return Card(
        id=env_id,
        description=(
            f"A grid of {size.width}x{size.height} cells, split by a wall with one locked door. "
            "The agent starts on the left, with a key somewhere in its room; the goal is in the "
            "far corner behind the door."
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
        source="MiniGrid DoorKey (Chevalier-Boisvert et al., 2023); the 0/1 reward is ours.",
    )


def mission_text(words: tuple[int, ...]) -> str:  # noqa: ARG001
    """Return MiniGrid's sentence."""
    return "use the key to open the door and then get to the goal"


FAMILY = Family(
    name="DoorKey",
    layout=layout,
    track=track,
    outcome=reach_goal,
    features=features,
    feature_table=feature_table,
    memory=lambda _: MEMORY,
    max_steps=lambda size: 10 * size.width * size.height,
    card=card,
    mission_text=mission_text,
)
make, make_vector = makers(FAMILY)
