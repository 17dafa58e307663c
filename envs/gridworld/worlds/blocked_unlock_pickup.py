"""BlockedUnlockPickup: as UnlockPickup, with a ball in front of the door."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.gridworld.cells import COLORS, DONE, FIRST_BALL, FIRST_BOX, FIRST_KEY, locked_door
from operant.envs.gridworld.distances import RIGHT
from operant.envs.gridworld.draws import Draws
from operant.envs.gridworld.family import Family
from operant.envs.gridworld.features import flag
from operant.envs.gridworld.makers import makers
from operant.envs.gridworld.world import Size, World
from operant.envs.gridworld.worlds.errand import (
    CLEAR,
    ERRAND,
    blocked,
    follow,
    remember,
    taking,
)
from operant.envs.gridworld.worlds.errand_features import (
    ERRAND_FEATURES,
    errand_card,
    errand_features,
    write_errand,
)
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

WORDS = 1
"""Columns of the memory for the mission's words: the box's colour."""


def layout(draws: Draws) -> Callable[..., None]:
    """Return the level generator; the draws come in the order of MiniGrid's BlockedUnlockPickup.

    Source: MiniGrid 3.2 ``BlockedUnlockPickupEnv._gen_grid`` (Chevalier-Boisvert et al., 2023).
    """
    rooms, place, start = draw_rooms(draws), place_object(draws), start_in_room(draws)
    draw = draw_color(draws)

    def generate(world: World, n: int, size: Size, rng: Any) -> None:
        rooms(world, n, size, rng, SIDE)
        box_color = draw(rng, n)
        box = place(world, n, size, rng, SIDE, 1, 0, FIRST_BOX + box_color)
        color = draw(rng, n)
        door = world.scratch[n, slot(2, 0, 0, RIGHT)]
        world.grid[n, door] = locked_door(color)
        world.grid[n, door - 1] = FIRST_BALL + draw(rng, n)
        key = place(world, n, size, rng, SIDE, 0, 0, FIRST_KEY + color)
        start(world, n, size, rng, SIDE, 0, 0)
        world.memory[n, 0] = box_color
        remember(world, n, WORDS, key, door, door - 1, box)

    return generate


def track(world: World, n: int, size: Size, action: int, front: int) -> None:
    """Follow the key and the box."""
    follow(world, n, size, action, front, WORDS)


def features(world: World, n: int, size: Size, m: int, out: npt.NDArray[np.float32]) -> None:
    """Write row n's features, in the order of :func:`feature_table`."""
    write_errand(world, n, size, SIDE, WORDS, CLEAR, m, out)
    out[m, ERRAND_FEATURES] = blocked(world, n, WORDS)


def feature_table(size: Size) -> tuple[Feature, ...]:
    """Return the features with their ranges."""
    return (
        *errand_features(size, CLEAR, "box", hidden=False),
        flag("blocked", "something lies in the place from which the door opens"),
    )


def card(env_id: str, size: Size, table: tuple[Feature, ...]) -> Card:
    """Describe the world."""
    return errand_card(
        env_id,
        size,
        table,
        description=(
            "Two rooms of 4x4 cells, joined by a locked door with a ball in front of it. The agent "
            "starts on the left, where the key lies as well, and has to pick up the box in the "
            "room on the right. Hands hold one thing at a time, so the ball has to be put down "
            "somewhere else before the key is taken. Toggling the box destroys it, and then the "
            "level is lost."
        ),
        wins="the agent picks up the box",
        source="BlockedUnlockPickup",
        oracle="exact",
    )


FAMILY = Family(
    name="BlockedUnlockPickup",
    layout=layout,
    track=track,
    outcome=taking(FIRST_BOX, FIRST_BOX + len(COLORS) - 1),
    features=features,
    feature_table=feature_table,
    options=MappingProxyType({}),
    dims=lambda _: (2 * SIDE - 1, SIDE),
    max_steps=lambda _: 16 * SIDE**2,
    memory=lambda _: WORDS + ERRAND,
    scratch=lambda size: slots(size, SIDE),
    mission=MappingProxyType({"color": len(COLORS)}),
    mission_text=lambda words: f"pick up the {COLORS[words[0]]} box",
    useful_actions=tuple(range(DONE)),
    card=card,
)
make, make_vector = makers(FAMILY)
