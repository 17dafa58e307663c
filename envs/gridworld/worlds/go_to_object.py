"""GoToObject: say ``done`` beside the object that the mission names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.gridworld.cells import COLORS, DONE, DROP, FORWARD, LEFT, PICKUP, RIGHT
from operant.envs.gridworld.draws import Draws, place_agent
from operant.envs.gridworld.family import SIDE, Family, Option
from operant.envs.gridworld.features import POSE, count, pose_features, write_pose
from operant.envs.gridworld.makers import makers
from operant.envs.gridworld.views import THROUGH_WALLS
from operant.envs.gridworld.world import Size, World, X, Y, clear, column_of, row_of
from operant.envs.gridworld.worlds.objects import (
    KINDS,
    color_of,
    done_beside,
    kind_of,
    scatter,
    steps_beside,
)
from operant.types import Card, Feature

OBJECTS = 1
"""Index of the option ``objects``."""

COLOR, KIND, TARGET_AT, MEMORY = range(4)
"""Memory: the mission's words and the padded index of the target: the place where the object was
at the start, even if it is carried elsewhere."""


def layout(draws: Draws) -> Callable[..., None]:
    """Return the level generator; the draws come in the order of MiniGrid's GoToObject.

    Source: MiniGrid 3.2 ``GoToObjectEnv._gen_grid`` (Chevalier-Boisvert et al., 2023).
    """
    integers, start_agent = draws.integers, place_agent(draws)
    place = scatter(draws, kinds=len(KINDS), distinct=True, apart=False)

    def generate(world: World, n: int, size: Size, rng: Any) -> None:
        clear(world, n, size)
        objects = size.options[OBJECTS]
        place(world, n, size, rng, objects)
        start_agent(world, n, size, rng, 0, 0, size.width, size.height)
        at = world.scratch[n, integers(rng, n, 0, objects)]
        target = int(world.grid[n, at])
        world.memory[n, TARGET_AT] = at
        world.memory[n, COLOR], world.memory[n, KIND] = color_of(target), kind_of(target)

    return generate


def features(world: World, n: int, size: Size, m: int, out: npt.NDArray[np.float32]) -> None:
    """Write row n's features, in the order of :func:`feature_table`."""
    target = world.memory[n, TARGET_AT]
    write_pose(world, n, m, out)
    out[m, POSE] = column_of(size, target) - world.agent[n, X]
    out[m, POSE + 1] = row_of(size, target) - world.agent[n, Y]
    out[m, POSE + 2] = steps_beside(world, n, size, target)


def feature_table(size: Size) -> tuple[Feature, ...]:
    """Return the features with their ranges for a level size."""
    across, along = size.width - 3, size.height - 3
    place = "the place where the mission's object was at the start"
    return (
        *pose_features(size),
        count("target_dx", f"columns to {place}", across, low=-across, unit="cells"),
        count("target_dy", f"rows to {place}", along, low=-along, unit="cells"),
        count(
            "steps_to_target",
            f"fewest actions, on an open floor, to stand beside {place} (not diagonally)",
            across + along + 2,
            unit="actions",
        ),
    )


def check(size: Size) -> str:
    """Refuse more objects than leave a cell for the agent."""
    objects, most = size.options[OBJECTS], (size.width - 2) * (size.height - 2) - 1
    return f"objects must be at most {most}, got {objects}" if objects > most else ""


def mission_text(words: tuple[int, ...]) -> str:
    """Return the mission as MiniGrid words it."""
    color, kind = words
    return f"go to the {COLORS[color]} {KINDS[kind]}"


def card(env_id: str, size: Size, table: tuple[Feature, ...]) -> Card:
    """Describe one size of the world."""
    paid = f"1 - 0.9 t / {size.max_steps}" if size.reward else "exactly 1"
    return Card(
        id=env_id,
        description=(
            f"A room of {size.width}x{size.height} cells, outer walls included, with "
            f"{size.options[OBJECTS]} different keys, balls and boxes. The agent must go to the "
            "one that the mission names and say done. Objects can be carried about, but what "
            "counts is the place where the object was at the start."
        ),
        observation=FAMILY.view.words,
        action="Discrete(7): left, right, forward, pickup, drop, toggle, done.",
        reward=f"{paid} on done beside the target, else 0",
        termination="done, beside the target or not, or toggle, which is forbidden",
        truncation=f"after {size.limit} steps",
        success="done on a cell that shares a side with the one where the target was placed",
        metric="success",
        oracle="exact",
        features=table,
        tier=0,
        source="MiniGrid GoToObject (Chevalier-Boisvert et al., 2023); the 0/1 reward is ours.",
    )


FAMILY = Family(
    name="GoToObject",
    layout=layout,
    outcome=done_beside(TARGET_AT),
    features=features,
    feature_table=feature_table,
    options={"size": SIDE, "objects": Option(2, 1, 18, "number of keys, balls and boxes")},
    check=check,
    view=THROUGH_WALLS,
    memory=lambda _: MEMORY,
    scratch=lambda size: size.options[OBJECTS],
    mission={"color": len(COLORS), "kind": len(KINDS)},
    mission_text=mission_text,
    useful_actions=(LEFT, RIGHT, FORWARD, PICKUP, DROP, DONE),
    max_steps=lambda size: 5 * size.width * size.height,
    card=card,
)
make, make_vector = makers(FAMILY)
