"""SparseKey: fetch the key, unlock the door, reach the goal; nothing is paid before the goal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.gridworld import cells
from operant.envs.gridworld.cells import EMPTY, FORWARD, GOAL, LOCKED, OPEN, WALL
from operant.envs.gridworld.distances import field_length, fill_distances, pose
from operant.envs.gridworld.engine import Family
from operant.envs.gridworld.scalar import GridEnv
from operant.envs.gridworld.vector import GridVectorEnv
from operant.envs.gridworld.world import (
    CARRY,
    DIRECTION,
    Size,
    World,
    X,
    Y,
    cell_index,
    clear,
    delta,
    position,
)
from operant.types import Card, Feature

KEY = cells.key("yellow")
LOCKED_DOOR, OPEN_DOOR = cells.door("yellow", LOCKED), cells.door("yellow", OPEN)

KEY_AT, DOOR_AT, SPLIT, FIELDS = 0, 1, 2, 3
"""Memory: padded index of the key (-1 while carried) and of the door, column of the wall between
the rooms, then three distance fields (facing the key, facing the door, standing on the goal)."""


def layout(integers: Callable[..., int]) -> Callable[..., None]:
    """Return the level generator; the draws come in the order of MiniGrid's DoorKey.

    Source: MiniGrid 3.2 ``DoorKeyEnv._gen_grid``, ``place_obj`` (Chevalier-Boisvert et al., 2023).
    """

    def generate(world: World, n: int, size: Size, rng: Any) -> None:
        clear(world, n, size)
        goal = cell_index(size, size.width - 2, size.height - 2)
        world.grid[n, goal] = GOAL
        split = integers(rng, n, 2, size.width - 2)
        for y in range(size.height):
            world.grid[n, cell_index(size, split, y)] = WALL

        start = cell_index(size, 0, 0)
        while world.grid[n, start] != EMPTY:
            world.agent[n, X] = integers(rng, n, 0, split)
            world.agent[n, Y] = integers(rng, n, 0, size.height)
            start = position(world, n, size.stride)
        world.agent[n, DIRECTION] = integers(rng, n, 0, 4)

        door = cell_index(size, split, integers(rng, n, 1, size.height - 2))
        world.grid[n, door] = LOCKED_DOOR

        at = cell_index(size, 0, 0)
        while world.grid[n, at] != EMPTY or at == start:
            x = integers(rng, n, 0, split)
            at = cell_index(size, x, integers(rng, n, 0, size.height))
        world.grid[n, at] = KEY
        world.memory[n, KEY_AT], world.memory[n, DOOR_AT] = at, door
        world.memory[n, SPLIT] = split
        span = field_length(size)
        fill_distances(world, n, size, at, True, FIELDS)
        fill_distances(world, n, size, door, True, FIELDS + span)
        fill_distances(world, n, size, goal, False, FIELDS + 2 * span)

    return generate


def track(world: World, n: int, size: Size, action: int, front: int) -> None:  # noqa: ARG001
    """Follow the key: gone while carried, and a new distance field where it was dropped."""
    held, known = world.agent[n, CARRY] == KEY, world.memory[n, KEY_AT] >= 0
    if held and known:
        world.memory[n, KEY_AT] = -1
    elif not held and not known:
        at = position(world, n, size.stride) + delta(world.agent[n, DIRECTION], size.stride)
        world.memory[n, KEY_AT] = at
        fill_distances(world, n, size, at, True, FIELDS)


def outcome(world: World, n: int, action: int, front: int) -> tuple[bool, bool]:  # noqa: ARG001
    """Return (terminated, success): both when the agent steps onto the goal."""
    reached = action == FORWARD and front == GOAL
    return reached, reached


def features(world: World, n: int, size: Size, m: int, out: npt.NDArray[np.float32]) -> None:
    """Write row n's features, in the order of :func:`feature_table`."""
    x, y, direction = world.agent[n, X], world.agent[n, Y], world.agent[n, DIRECTION]
    here, span = FIELDS + pose(size, x, y, direction), field_length(size)
    has_key = world.agent[n, CARRY] == KEY
    door = world.grid[n, world.memory[n, DOOR_AT]]
    door_open = door == OPEN_DOOR
    # A door that was unlocked needs no key, and none at all for an agent that is through it.
    subgoal = 1 if has_key or door != LOCKED_DOOR else 0
    if door_open or x > world.memory[n, SPLIT]:
        subgoal = 2
    to_key = 0 if has_key else world.memory[n, here]
    to_door = 0 if door_open else world.memory[n, here + span]
    to_goal = world.memory[n, here + 2 * span]
    out[m, 0] = has_key
    out[m, 1] = door_open
    out[m, 2] = subgoal
    out[m, 3] = to_key
    out[m, 4] = to_door
    out[m, 5] = to_goal
    out[m, 6] = to_goal if subgoal == 2 else (to_door if subgoal == 1 else to_key)
    out[m, 7] = x
    out[m, 8] = y
    out[m, 9] = direction


def feature_table(size: Size) -> tuple[Feature, ...]:
    """Return the features with their ranges for a level size."""
    # Across both rooms and through the door: 3 straight runs of < max(width, height) and few turns.
    far = 3 * max(size.width, size.height)

    plan = "doors taken as open and loose objects as absent"

    def flag(name: str, text: str, privileged: bool = False) -> Feature:
        return Feature(
            name=name, description=text, low=0, high=1, dtype="bool", privileged=privileged
        )

    def count(name: str, text: str, high: int, unit: str = "", privileged: bool = True) -> Feature:
        return Feature(
            name=name,
            description=text,
            low=0,
            high=high,
            unit=unit,
            dtype="int",
            privileged=privileged,
        )

    return (
        flag("has_key", "the agent carries the key"),
        flag("door_open", "the door stands open", privileged=True),
        count("subgoal", "what is needed next: 0 the key, 1 an open door, 2 the goal", 2),
        count("steps_to_key", f"fewest actions to face the key, {plan}; 0 if held", far, "actions"),
        count("steps_to_door", f"the same for the door, {plan}; 0 if open", far, "actions"),
        count("steps_to_goal", f"fewest actions to the goal, {plan}", far, "actions"),
        count("steps_to_subgoal", "the distance that belongs to `subgoal`", far, "actions"),
        count("agent_x", "column of the agent", size.width - 1, "cells"),
        count("agent_y", "row of the agent", size.height - 1, "cells"),
        count("agent_direction", "0 right, 1 down, 2 left, 3 up", 3, privileged=False),
    )


def card(env_id: str, size: Size, table: tuple[Feature, ...]) -> Card:
    """Describe one size of SparseKey."""
    paid = f"1 - 0.9 t / {size.max_steps}" if size.minigrid_reward else "exactly 1"
    return Card(
        id=env_id,
        description=(
            f"A grid of {size.width}x{size.height} cells, split by a wall with one locked door. "
            "The agent starts on the left, with a key somewhere in its room; the goal is in the "
            "far corner behind the door."
        ),
        observation=(
            "Dict: image (7, 7, 3) uint8, the egocentric view with occlusion as (object, colour, "
            "state) per cell, indexed [column, row]; direction in {0 right, 1 down, 2 left, 3 up}."
        ),
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


def memory(size: Size) -> int:
    """Return the length of a level's memory."""
    return FIELDS + 3 * size.width * size.height * 4


def max_steps(width: int, height: int) -> int:
    """Return DoorKey's time limit in env steps."""
    return 10 * width * height


def check(width: int, height: int) -> str:
    """Complain about sizes without room for two rooms and a door, or too large for int16 memory."""
    fits = width == height and 5 <= width <= 128
    return "" if fits else "must be a square with a side in [5, 128]"


FAMILY = Family(
    name="SparseKey",
    layout=layout,
    track=track,
    outcome=outcome,
    features=features,
    feature_table=feature_table,
    memory=memory,
    max_steps=max_steps,
    useful_actions=(cells.LEFT, cells.RIGHT, FORWARD, cells.PICKUP, cells.TOGGLE),  # never drop
    check=check,
    card=card,
)


def make(**kwargs: Any) -> GridEnv:
    """Build the scalar env; see :class:`~operant.envs.gridworld.scalar.GridEnv`."""
    return GridEnv(family=FAMILY, **kwargs)


def make_vector(**kwargs: Any) -> GridVectorEnv:
    """Build the batched env; see :class:`~operant.envs.gridworld.vector.GridVectorEnv`."""
    return GridVectorEnv(family=FAMILY, **kwargs)
