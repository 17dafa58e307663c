"""Unlock: two rooms and a locked door between them; find the key and open it."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.gridworld.cells import DOOR_FLAG, FIRST_KEY, FLAGS, OPEN, TOGGLE, locked_door
from operant.envs.gridworld.distances import RIGHT
from operant.envs.gridworld.draws import Draws
from operant.envs.gridworld.family import Family, success_reward
from operant.envs.gridworld.features import POSE, count, flag, pose_features, write_pose
from operant.envs.gridworld.makers import makers
from operant.envs.gridworld.world import Size, World, front_index
from operant.envs.gridworld.worlds.errand import (
    DOOR_AT,
    ERRAND,
    GONE,
    HELD,
    KEY_AT,
    SPOT,
    door_state,
    follow,
    remember,
    steps_to_door,
    steps_to_thing,
)
from operant.envs.gridworld.worlds.errand_features import errand_card
from operant.envs.gridworld.worlds.rooms import (
    SIDE,
    draw_color,
    draw_rooms,
    place_object,
    slot,
    slots,
    start_in_room,
)
from operant.types import Card, Feature


def layout(draws: Draws) -> Callable[..., None]:
    """Return the level generator; the draws come in the order of MiniGrid's Unlock.

    Source: MiniGrid 3.2 ``UnlockEnv._gen_grid`` (Chevalier-Boisvert et al., 2023).
    """
    rooms, place, start = draw_rooms(draws), place_object(draws), start_in_room(draws)
    draw = draw_color(draws)

    def generate(world: World, n: int, size: Size, rng: Any) -> None:
        rooms(world, n, size, rng, SIDE)
        color = draw(rng, n)
        door = world.scratch[n, slot(2, 0, 0, RIGHT)]
        world.grid[n, door] = locked_door(color)
        key = place(world, n, size, rng, SIDE, 0, 0, FIRST_KEY + color)
        start(world, n, size, rng, SIDE, 0, 0)
        remember(world, n, 0, key, door, door - 1, GONE)

    return generate


def track(world: World, n: int, size: Size, action: int, front: int) -> None:
    """Follow the key."""
    follow(world, n, size, action, front, 0)


def outcome(world: World, n: int, size: Size, action: int, front: int) -> tuple[float, bool, bool]:
    """Return (reward, terminated, success): opening the door wins.

    Source: MiniGrid 3.2 ``UnlockEnv.step`` (Chevalier-Boisvert et al., 2023).
    """
    if action != TOGGLE or not FLAGS[front] & DOOR_FLAG:
        return 0.0, False, False
    if door_state(world, n, front_index(world, n, size)) != OPEN:
        return 0.0, False, False
    return success_reward(world, n, size), True, True


def features(world: World, n: int, size: Size, m: int, out: npt.NDArray[np.float32]) -> None:
    """Write row n's features, in the order of :func:`feature_table`."""
    key, door = world.memory[n, KEY_AT], world.memory[n, DOOR_AT]
    held = key == HELD
    to_key = steps_to_thing(world, n, size, key)
    to_door = steps_to_door(world, n, size, door, world.memory[n, SPOT])
    write_pose(world, n, m, out)
    out[m, POSE], out[m, POSE + 1] = held, held
    out[m, POSE + 2] = to_door if held else to_key
    out[m, POSE + 3], out[m, POSE + 4] = to_key, to_door


def feature_table(size: Size) -> tuple[Feature, ...]:
    """Return the features with their ranges."""
    far = size.width + size.height
    return (
        *pose_features(size),
        flag("has_key", "the agent carries the key", privileged=False),
        count("subgoal", "what is needed next: 0 the key, 1 an open door", 1, privileged=False),
        count("steps_to_subgoal", "the distance that belongs to `subgoal`", far, unit="actions"),
        count(
            "steps_to_key",
            "fewest actions to face the key, on an open floor; 0 if held",
            far,
            unit="actions",
        ),
        count(
            "steps_to_door",
            "fewest actions to face the door, on an open floor",
            far,
            unit="actions",
        ),
    )


def card(env_id: str, size: Size, table: tuple[Feature, ...]) -> Card:
    """Describe the world."""
    return errand_card(
        env_id,
        size,
        table,
        description=(
            "Two rooms of 4x4 cells, joined by a locked door. The agent starts on the left, where "
            "the key lies as well, and has to open the door."
        ),
        wins="the agent opens the door",
        source="Unlock",
        oracle="exact",
    )


FAMILY = Family(
    name="Unlock",
    layout=layout,
    track=track,
    outcome=outcome,
    features=features,
    feature_table=feature_table,
    options=MappingProxyType({}),
    dims=lambda _: (2 * SIDE - 1, SIDE),
    max_steps=lambda _: 8 * SIDE**2,
    memory=lambda _: ERRAND,
    scratch=lambda size: slots(size, SIDE),
    mission_text=lambda _: "open the door",
    card=card,
)
make, make_vector = makers(FAMILY)
