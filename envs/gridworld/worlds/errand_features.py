"""What a reward designer sees of an errand, and how its worlds introduce themselves."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from operant.envs.gridworld.cells import EMPTY, OPEN
from operant.envs.gridworld.family import MINIGRID
from operant.envs.gridworld.features import POSE, count, flag, pose_features, write_pose
from operant.envs.gridworld.jit import compiled
from operant.envs.gridworld.views import EGOCENTRIC
from operant.envs.gridworld.world import CARRY, Size, World
from operant.envs.gridworld.worlds.errand import (
    CLEAR,
    DOOR_AT,
    HELD,
    KEY_AT,
    OPEN_BOX,
    OPEN_DOOR,
    SPOT,
    STAGES,
    TAKE_KEY,
    TAKE_TARGET,
    TARGET_AT,
    door_state,
    has_key,
    shares_room,
    stage,
    steps_to_door,
    steps_to_thing,
)
from operant.types import Card, Feature

ERRAND_FEATURES = POSE + 7
"""Number of columns that :func:`write_errand` writes."""


def errand_features(size: Size, begin: int, target: str, *, hidden: bool) -> tuple[Feature, ...]:
    """Return the table of what :func:`write_errand` writes.

    Args:
        size: Constants of the levels.
        begin: The first stage that this world has; its number becomes 0.
        target: What is to be taken, in one word.
        hidden: True if one cannot see whether the key in hand fits the door.
    """
    far = size.width + size.height
    needs = ", ".join(f"{k} {need.format(target)}" for k, need in enumerate(STAGES[begin:]))
    open_floor = "on an open floor"
    return (
        *pose_features(size),
        flag("has_key", "the agent carries a key that fits the door", privileged=hidden),
        flag("door_open", f"the door to the {target} stands open"),
        count("subgoal", f"what is needed next: {needs}", TAKE_TARGET - begin),
        count(
            "steps_to_subgoal",
            f"fewest actions to the place where `subgoal` is settled, {open_floor}, and one to "
            "empty the hands first if they must be",
            far,
            unit="actions",
        ),
        count(
            "steps_to_key",
            f"fewest actions to face the key or the box it is in, {open_floor}; 0 if held, {far} "
            "if there is none",
            far,
            unit="actions",
        ),
        count(
            "steps_to_door",
            f"fewest actions to the place from which the door opens, {open_floor}; 0 if it is open",
            far,
            unit="actions",
        ),
        count(
            f"steps_to_{target}",
            f"fewest actions to face the {target}, {open_floor}; {far} if there is none",
            far,
            unit="actions",
        ),
    )


@compiled
def write_errand(
    world: World,
    n: int,
    size: Size,
    side: int,
    first: int,
    begin: int,
    m: int,
    out: npt.NDArray[np.float32],
) -> None:
    """Write row n's features in the order of :func:`errand_features`.

    ``side`` is that of the rooms, ``first`` the column at which the memory begins.
    """
    key, door = world.memory[n, first + KEY_AT], world.memory[n, first + DOOR_AT]
    spot, target = world.memory[n, first + SPOT], world.memory[n, first + TARGET_AT]
    inside = target >= 0 and shares_room(world, n, size, side, target)
    held, opened = has_key(world, n, door), door_state(world, n, door) == OPEN
    needed = stage(world, n, first, inside)
    to_key = 0 if held else steps_to_thing(world, n, size, key)
    to_door = 0 if opened else steps_to_door(world, n, size, door, spot)
    to_target = steps_to_thing(world, n, size, target)
    to_next = 0
    if needed == OPEN_BOX:
        to_next = 1 if key == HELD else to_key
    elif needed == CLEAR:
        full = world.agent[n, CARRY] != EMPTY
        to_next = steps_to_thing(world, n, size, spot) + full
    elif needed == TAKE_KEY:
        to_next = to_key
    elif needed == OPEN_DOOR:
        to_next = to_door
    elif needed == TAKE_TARGET:
        to_next = to_target
    write_pose(world, n, m, out)
    out[m, POSE], out[m, POSE + 1] = held, opened
    out[m, POSE + 2], out[m, POSE + 3] = needed - begin, to_next
    out[m, POSE + 4], out[m, POSE + 5], out[m, POSE + 6] = to_key, to_door, to_target


def errand_card(
    env_id: str,
    size: Size,
    table: tuple[Feature, ...],
    *,
    description: str,
    wins: str,
    source: str,
    oracle: Literal["exact", "upper_bound"],
) -> Card:
    """Describe a world that is won by one deed, ``wins``, as in "the agent opens the door"."""
    paid = f"1 - 0.9 t / {size.max_steps}" if size.reward == MINIGRID else "exactly 1"
    return Card(
        id=env_id,
        description=description,
        observation=EGOCENTRIC.words,
        action="Discrete(7): left, right, forward, pickup, drop, toggle, done.",
        reward=f"{paid} when {wins}, 0 before",
        termination=wins,
        truncation=f"after {size.limit} steps",
        success=wins,
        metric="success",
        oracle=oracle,
        features=table,
        tier=0,
        source=f"MiniGrid {source} (Chevalier-Boisvert et al., 2023); the 0/1 reward is ours.",
    )
