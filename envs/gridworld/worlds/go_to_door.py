"""GoToDoor: say ``done`` beside the door of the mission's colour."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.gridworld.cells import (
    COLORS,
    DONE,
    EMPTY,
    FORWARD,
    LEFT,
    RIGHT,
    SORTED_COLORS,
    TRIPLES,
    closed_door,
)
from operant.envs.gridworld.draws import Draws, place_agent
from operant.envs.gridworld.family import Family
from operant.envs.gridworld.features import POSE, count, pose_features, write_pose
from operant.envs.gridworld.makers import makers
from operant.envs.gridworld.views import THROUGH_WALLS
from operant.envs.gridworld.world import (
    CARRY,
    STEPS,
    Size,
    World,
    X,
    Y,
    cell_index,
    column_of,
    fill,
    row_of,
    wall_rectangle,
)
from operant.envs.gridworld.worlds.objects import done_beside, steps_beside
from operant.types import Card, Feature

COLOR, TARGET_AT, MEMORY = range(3)
"""Memory: the mission's word and the padded index of its door."""

DOORS = 4
"""Doors of a room, one per wall; their indices are the scratch of level generation."""


def layout(draws: Draws) -> Callable[..., None]:
    """Return the level generator; the draws come in the order of MiniGrid's GoToDoor.

    The room has a random size and lies in the grid's upper left corner; there is empty floor
    beyond its right and lower walls, where the agent sees but cannot go: opening a door ends the
    episode.

    Source: MiniGrid 3.2 ``GoToDoorEnv._gen_grid`` (Chevalier-Boisvert et al., 2023).
    """
    integers, start_agent = draws.integers, place_agent(draws)

    def hang_doors(world: World, n: int, rng: Any) -> None:
        """Put four doors of different colours where scratch says."""
        for door in range(DOORS):
            cell, repeated = 0, True
            while repeated:
                cell = closed_door(SORTED_COLORS[integers(rng, n, 0, len(COLORS))])
                repeated = False
                for other in range(door):
                    repeated = repeated or world.grid[n, world.scratch[n, other]] == cell
            world.grid[n, world.scratch[n, door]] = cell

    hang = draws.inline(hang_doors)

    def generate(world: World, n: int, size: Size, rng: Any) -> None:
        fill(world, n, size, EMPTY)
        width = integers(rng, n, 5, size.width + 1)
        height = integers(rng, n, 5, size.height + 1)
        wall_rectangle(world, n, size, 0, 0, width, height)
        world.scratch[n, 0] = cell_index(size, integers(rng, n, 2, width - 2), 0)
        world.scratch[n, 1] = cell_index(size, integers(rng, n, 2, width - 2), height - 1)
        world.scratch[n, 2] = cell_index(size, 0, integers(rng, n, 2, height - 2))
        world.scratch[n, 3] = cell_index(size, width - 1, integers(rng, n, 2, height - 2))
        hang(world, n, rng)
        world.agent[n, CARRY], world.agent[n, STEPS] = EMPTY, 0
        start_agent(world, n, size, rng, 0, 0, width, height)
        target = world.scratch[n, integers(rng, n, 0, DOORS)]
        world.memory[n, COLOR] = TRIPLES[world.grid[n, target], 1]
        world.memory[n, TARGET_AT] = target

    return generate


def features(world: World, n: int, size: Size, m: int, out: npt.NDArray[np.float32]) -> None:
    """Write row n's features, in the order of :func:`feature_table`."""
    door = world.memory[n, TARGET_AT]
    write_pose(world, n, m, out)
    out[m, POSE] = column_of(size, door) - world.agent[n, X]
    out[m, POSE + 1] = row_of(size, door) - world.agent[n, Y]
    out[m, POSE + 2] = steps_beside(world, n, size, door)


def feature_table(size: Size) -> tuple[Feature, ...]:
    """Return the features with their ranges for a level size."""
    across, along = size.width - 2, size.height - 2
    return (
        *pose_features(size),
        count("target_dx", "columns to the mission's door", across, low=-across, unit="cells"),
        count("target_dy", "rows to the mission's door", along, low=-along, unit="cells"),
        count(
            "steps_to_target",
            "fewest actions to stand before the mission's door",
            across + along + 1,
            unit="actions",
        ),
    )


def mission_text(words: tuple[int, ...]) -> str:
    """Return the mission as MiniGrid words it."""
    return f"go to the {COLORS[words[0]]} door"


def card(env_id: str, size: Size, table: tuple[Feature, ...]) -> Card:
    """Describe one size of the world."""
    paid = f"1 - 0.9 t / {size.max_steps}" if size.reward else "exactly 1"
    return Card(
        id=env_id,
        description=(
            "A room of random width and height, between 5 and "
            f"{size.width} cells with its walls, with a door of another colour in each wall. The "
            "agent must go to the one that the mission names and say done; it must not open any."
        ),
        observation=FAMILY.view.words,
        action="Discrete(7): left, right, forward, pickup, drop, toggle, done.",
        reward=f"{paid} on done before the target door, else 0",
        termination="done, before the target door or not, or toggle, which is forbidden",
        truncation=f"after {size.limit} steps",
        success="done on the cell before the mission's door, facing anywhere",
        metric="success",
        oracle="exact",
        features=table,
        tier=0,
        source="MiniGrid GoToDoor (Chevalier-Boisvert et al., 2023); the 0/1 reward is ours.",
    )


FAMILY = Family(
    name="GoToDoor",
    layout=layout,
    outcome=done_beside(TARGET_AT),
    features=features,
    feature_table=feature_table,
    view=THROUGH_WALLS,
    memory=lambda _: MEMORY,
    scratch=lambda _: DOORS,
    mission={"color": len(COLORS)},
    mission_text=mission_text,
    useful_actions=(LEFT, RIGHT, FORWARD, DONE),
    max_steps=lambda size: 4 * size.width * size.height,
    card=card,
)
make, make_vector = makers(FAMILY)
