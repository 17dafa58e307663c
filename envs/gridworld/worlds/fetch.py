"""Fetch: pick up the object that the mission names, and no other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.gridworld.cells import (
    COLORS,
    EMPTY,
    FLAGS,
    FORWARD,
    LEFT,
    PICKUP,
    PORTABLE,
    RIGHT,
)
from operant.envs.gridworld.distances import steps_to_face
from operant.envs.gridworld.draws import Draws, place_agent
from operant.envs.gridworld.family import SIDE, Family, Option, success_reward
from operant.envs.gridworld.features import POSE, count, flag, pose_features, write_pose
from operant.envs.gridworld.jit import compiled
from operant.envs.gridworld.makers import makers
from operant.envs.gridworld.views import THROUGH_WALLS
from operant.envs.gridworld.world import (
    CARRY,
    DIRECTION,
    Size,
    World,
    X,
    Y,
    clear,
    column_of,
    front_index,
    row_of,
)
from operant.envs.gridworld.worlds.objects import KINDS, color_of, kind_of, scatter, thing
from operant.types import Card, Feature

OBJECTS = 1
"""Index of the option ``objects``."""

PHRASE, COLOR, KIND, FIRST_OBJECT = range(4)
"""Memory: the mission's words, then the padded index of each object."""

PHRASES = ("get a", "go get a", "fetch a", "go fetch a", "you must fetch a")


def layout(draws: Draws) -> Callable[..., None]:
    """Return the level generator; the draws come in the order of MiniGrid's Fetch.

    Source: MiniGrid 3.2 ``FetchEnv._gen_grid`` (Chevalier-Boisvert et al., 2023).
    """
    integers, start_agent = draws.integers, place_agent(draws)
    place = scatter(draws, kinds=2, distinct=False, apart=False)

    def generate(world: World, n: int, size: Size, rng: Any) -> None:
        clear(world, n, size)
        objects = size.options[OBJECTS]
        place(world, n, size, rng, objects)
        for i in range(objects):
            world.memory[n, FIRST_OBJECT + i] = world.scratch[n, i]
        start_agent(world, n, size, rng, 0, 0, size.width, size.height)
        chosen = world.scratch[n, integers(rng, n, 0, objects)]
        wanted = int(world.grid[n, chosen])
        world.memory[n, PHRASE] = integers(rng, n, 0, len(PHRASES))
        world.memory[n, COLOR], world.memory[n, KIND] = color_of(wanted), kind_of(wanted)

    return generate


@compiled
def wanted_thing(world: World, n: int) -> int:
    """Return the code of the objects that row n's mission names."""
    return thing(world.memory[n, KIND], world.memory[n, COLOR])


def outcome(
    world: World,
    n: int,
    size: Size,
    action: int,  # noqa: ARG001 (the signature of every outcome)
    front: int,  # noqa: ARG001
) -> tuple[float, bool, bool]:
    """Return (reward, terminated, success): holding anything ends the episode.

    Source: MiniGrid 3.2 ``FetchEnv.step`` (Chevalier-Boisvert et al., 2023).
    """
    held = world.agent[n, CARRY]
    if held == wanted_thing(world, n):
        return success_reward(world, n, size), True, True
    return 0.0, held != EMPTY, False


def features(world: World, n: int, size: Size, m: int, out: npt.NDArray[np.float32]) -> None:
    """Write row n's features, in the order of :func:`feature_table`."""
    x, y, heading = world.agent[n, X], world.agent[n, Y], world.agent[n, DIRECTION]
    wanted, ahead = wanted_thing(world, n), world.grid[n, front_index(world, n, size)]
    fewest, to_x, to_y = 2 * (size.width + size.height), 0, 0
    for column in range(FIRST_OBJECT, FIRST_OBJECT + size.options[OBJECTS]):
        at = world.memory[n, column]
        if world.grid[n, at] == wanted:
            dx, dy = column_of(size, at) - x, row_of(size, at) - y
            steps = steps_to_face(dx, dy, heading)
            if steps < fewest:
                fewest, to_x, to_y = steps, dx, dy
    if world.agent[n, CARRY] == wanted:
        fewest, to_x, to_y = 0, 0, 0
    write_pose(world, n, m, out)
    out[m, POSE] = ahead == wanted
    out[m, POSE + 1] = ahead != wanted and FLAGS[ahead] & PORTABLE != 0
    out[m, POSE + 2] = to_x
    out[m, POSE + 3] = to_y
    out[m, POSE + 4] = fewest


def feature_table(size: Size) -> tuple[Feature, ...]:
    """Return the features with their ranges for a level size."""
    across, along = size.width - 3, size.height - 3
    nearest = "the nearest object that the mission names; 0 once it is held"
    return (
        *pose_features(size),
        flag("faces_target", "the agent faces an object that the mission names", privileged=False),
        flag("faces_other", "the agent faces an object that it must not take", privileged=False),
        count("target_dx", f"columns to {nearest}", across, low=-across, unit="cells"),
        count("target_dy", f"rows to {nearest}", along, low=-along, unit="cells"),
        count(
            "steps_to_target",
            f"fewest actions, on an open floor, to face {nearest}",
            across + along + 3,
            unit="actions",
        ),
    )


def check(size: Size) -> str:
    """Refuse more objects than leave a cell for the agent."""
    objects, most = size.options[OBJECTS], (size.width - 2) * (size.height - 2) - 1
    return f"objects must be at most {most}, got {objects}" if objects > most else ""


def mission_text(words: tuple[int, ...]) -> str:
    """Return the mission as MiniGrid words it."""
    phrase, color, kind = words
    return f"{PHRASES[phrase]} {COLORS[color]} {KINDS[kind]}"


def card(env_id: str, size: Size, table: tuple[Feature, ...]) -> Card:
    """Describe one size of the world."""
    paid = f"1 - 0.9 t / {size.max_steps}" if size.reward else "exactly 1"
    return Card(
        id=env_id,
        description=(
            f"A room of {size.width}x{size.height} cells, outer walls included, with "
            f"{size.options[OBJECTS]} keys and balls of six colours. The mission names kind and "
            "colour of one of them. The first object that the agent picks up ends the episode. "
            "With three objects or more, a rare level has no solution: two of the wrong kind can "
            "shut the agent or the target into a corner."
        ),
        observation=FAMILY.view.words,
        action="Discrete(7): left, right, forward, pickup, drop, toggle, done.",
        reward=f"{paid} on picking up an object that the mission names, else 0",
        termination="the agent picks up an object, the right one or not",
        truncation=f"after {size.limit} steps",
        success="the agent picks up an object of the mission's kind and colour",
        metric="success",
        oracle="exact",
        features=table,
        tier=0,
        source="MiniGrid Fetch (Chevalier-Boisvert et al., 2023); the 0/1 reward is ours.",
    )


FAMILY = Family(
    name="Fetch",
    layout=layout,
    outcome=outcome,
    features=features,
    feature_table=feature_table,
    options={"size": SIDE, "objects": Option(3, 1, 32, "number of keys and balls")},
    check=check,
    view=THROUGH_WALLS,
    memory=lambda size: FIRST_OBJECT + size.options[OBJECTS],
    scratch=lambda size: size.options[OBJECTS],
    mission={"phrase": len(PHRASES), "color": len(COLORS), "kind": 2},
    mission_text=mission_text,
    useful_actions=(LEFT, RIGHT, FORWARD, PICKUP),
    max_steps=lambda size: 5 * size.width * size.height,
    card=card,
)
make, make_vector = makers(FAMILY)
