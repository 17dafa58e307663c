"""PutNear: carry one named object next to another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.gridworld.cells import (
    COLORS,
    DROP,
    EMPTY,
    FORWARD,
    LEFT,
    PICKUP,
    RIGHT,
    TOGGLE,
    WALL,
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
from operant.envs.gridworld.worlds.objects import (
    KINDS,
    color_of,
    kind_of,
    nearness,
    scatter,
    thing,
)
from operant.types import Card, Feature

OBJECTS = 1
"""Index of the option ``objects``."""

MOVE_COLOR, MOVE_KIND, TARGET_COLOR, TARGET_KIND, OBJECT_AT, TARGET_AT, MEMORY = range(7)
"""Memory: the mission's words; the padded indices of the object to move (-1 while carried) and of
the place where the other was at the start."""


def layout(draws: Draws) -> Callable[..., None]:
    """Return the level generator; the draws come in the order of MiniGrid's PutNear.

    Source: MiniGrid 3.2 ``PutNearEnv._gen_grid`` (Chevalier-Boisvert et al., 2023).
    """
    integers, start_agent = draws.integers, place_agent(draws)
    place = scatter(draws, kinds=len(KINDS), distinct=True, apart=True)

    def generate(world: World, n: int, size: Size, rng: Any) -> None:
        clear(world, n, size)
        objects = size.options[OBJECTS]
        place(world, n, size, rng, objects)
        start_agent(world, n, size, rng, 0, 0, size.width, size.height)
        moved = integers(rng, n, 0, objects)
        target = integers(rng, n, 0, objects)
        while target == moved:
            target = integers(rng, n, 0, objects)
        at, there = world.scratch[n, moved], world.scratch[n, target]
        loose, fixed = int(world.grid[n, at]), int(world.grid[n, there])
        world.memory[n, MOVE_COLOR], world.memory[n, MOVE_KIND] = color_of(loose), kind_of(loose)
        world.memory[n, TARGET_COLOR] = color_of(fixed)
        world.memory[n, TARGET_KIND] = kind_of(fixed)
        world.memory[n, OBJECT_AT], world.memory[n, TARGET_AT] = at, there

    return generate


@compiled
def object_to_move(world: World, n: int) -> int:
    """Return the code of the object that row n's mission wants moved."""
    return thing(world.memory[n, MOVE_KIND], world.memory[n, MOVE_COLOR])


def track(world: World, n: int, size: Size, action: int, front: int) -> None:  # noqa: ARG001
    """Follow the object to move; a box that is opened vanishes without leaving its place."""
    if world.agent[n, CARRY] == object_to_move(world, n):
        world.memory[n, OBJECT_AT] = -1
    elif world.memory[n, OBJECT_AT] < 0:
        world.memory[n, OBJECT_AT] = front_index(world, n, size)


def outcome(world: World, n: int, size: Size, action: int, front: int) -> tuple[float, bool, bool]:
    """Return (reward, terminated, success): one pickup, of the right object, and one drop.

    An attempt to drop ends the episode even where nothing can be put down.

    Source: MiniGrid 3.2 ``PutNearEnv.step`` (Chevalier-Boisvert et al., 2023).
    """
    held, here = world.agent[n, CARRY], front_index(world, n, size)
    if held != EMPTY:
        return 0.0, action == DROP or held != object_to_move(world, n), False
    if action != DROP or front != EMPTY or world.grid[n, here] == EMPTY:
        return 0.0, False, False
    if nearness(size, here, world.memory[n, TARGET_AT]) <= 1:
        return success_reward(world, n, size), True, True
    return 0.0, True, False


@compiled
def steps_to_drop(world: World, n: int, size: Size, dx: int, dy: int) -> int:
    """Return the fewest actions, on an open floor, to face a cell where the object may lie.

    Args:
        world: Levels.
        n: Row.
        size: Constants of the level.
        dx: Columns from the agent to the target's place.
        dy: Rows from the agent to it.
    """
    heading, target = world.agent[n, DIRECTION], world.memory[n, TARGET_AT]
    fewest = 2 * (size.width + size.height)
    for down in range(-1, 2):
        for right in range(-1, 2):
            cell = target + down * size.stride + right
            inside = world.grid[n, cell] != WALL
            # The target's own place is free only where it was a box and has been opened.
            if inside and (cell != target or world.grid[n, cell] == EMPTY):
                fewest = min(fewest, steps_to_face(dx + right, dy + down, heading))
    return fewest


def features(world: World, n: int, size: Size, m: int, out: npt.NDArray[np.float32]) -> None:
    """Write row n's features, in the order of :func:`feature_table`."""
    x, y, heading = world.agent[n, X], world.agent[n, Y], world.agent[n, DIRECTION]
    at, target = world.memory[n, OBJECT_AT], world.memory[n, TARGET_AT]
    dx, dy = column_of(size, target) - x, row_of(size, target) - y
    held, lost, placed, to_object = at < 0, False, False, 0
    if not held:
        object_dx, object_dy = column_of(size, at) - x, row_of(size, at) - y
        lost = world.grid[n, at] != object_to_move(world, n)
        placed = max(abs(object_dx - dx), abs(object_dy - dy)) <= 1
        to_object = steps_to_face(object_dx, object_dy, heading)
    to_target = 0 if placed else steps_to_drop(world, n, size, dx, dy)
    subgoal = 1 if held or placed else 0
    write_pose(world, n, m, out)
    out[m, POSE] = held
    out[m, POSE + 1] = lost
    out[m, POSE + 2] = dx
    out[m, POSE + 3] = dy
    out[m, POSE + 4] = subgoal
    out[m, POSE + 5] = to_object
    out[m, POSE + 6] = to_target
    out[m, POSE + 7] = to_target if subgoal == 1 else to_object


def feature_table(size: Size) -> tuple[Feature, ...]:
    """Return the features with their ranges for a level size."""
    across, along = size.width - 3, size.height - 3
    far = across + along + 3
    place = "the place where the target was at the start"
    return (
        *pose_features(size),
        flag("has_object", "the agent carries the object to move", privileged=False),
        flag("object_lost", "the object to move was a box and is gone: it was opened"),
        count("target_dx", f"columns to {place}", across, low=-across, unit="cells"),
        count("target_dy", f"rows to {place}", along, low=-along, unit="cells"),
        count("subgoal", "what is needed next: 0 take the object, 1 drop it near the target", 1),
        count(
            "steps_to_object",
            "fewest actions, on an open floor, to face the object to move; 0 while held",
            far,
            unit="actions",
        ),
        count(
            "steps_to_target",
            f"fewest actions, on an open floor, to face a free cell next to {place}; 0 once the "
            "object lies there",
            far,
            unit="actions",
        ),
        count("steps_to_subgoal", "the distance that belongs to `subgoal`", far, unit="actions"),
    )


def check(size: Size) -> str:
    """Refuse more objects than always find places apart: each keeps up to nine cells free."""
    objects, floor = size.options[OBJECTS], (size.width - 2) * (size.height - 2)
    most = (floor - 1) // 9 + 1
    return f"objects must be at most {most}, got {objects}" if objects > most else ""


def mission_text(words: tuple[int, ...]) -> str:
    """Return the mission as MiniGrid words it."""
    color, kind, target_color, target_kind = words
    moved, target = f"{COLORS[color]} {KINDS[kind]}", f"{COLORS[target_color]} {KINDS[target_kind]}"
    return f"put the {moved} near the {target}"


def card(env_id: str, size: Size, table: tuple[Feature, ...]) -> Card:
    """Describe one size of the world."""
    paid = f"1 - 0.9 t / {size.max_steps}" if size.reward else "exactly 1"
    return Card(
        id=env_id,
        description=(
            f"A room of {size.width}x{size.height} cells, outer walls included, with "
            f"{size.options[OBJECTS]} different keys, balls and boxes, no two of them next to each "
            "other. The agent must pick up the one and put it down near the other that the "
            "mission names, with no second try. Opening a box destroys it."
        ),
        observation=FAMILY.view.words,
        action="Discrete(7): left, right, forward, pickup, drop, toggle, done.",
        reward=f"{paid} on putting the object down near the target, else 0",
        termination=(
            "the agent picks up a wrong object, or drops the right one: near the target, "
            "elsewhere, or in vain where there is no room"
        ),
        truncation=f"after {size.limit} steps",
        success=(
            "the agent puts the mission's object on one of the 3x3 cells around the place where "
            "the target was at the start"
        ),
        metric="success",
        oracle="exact",
        features=table,
        tier=0,
        source="MiniGrid PutNear (Chevalier-Boisvert et al., 2023); the 0/1 reward is ours.",
    )


FAMILY = Family(
    name="PutNear",
    layout=layout,
    track=track,
    outcome=outcome,
    features=features,
    feature_table=feature_table,
    options={"size": SIDE, "objects": Option(2, 2, 18, "number of keys, balls and boxes")},
    check=check,
    view=THROUGH_WALLS,
    memory=lambda _: MEMORY,
    scratch=lambda size: size.options[OBJECTS],
    mission={
        "move_color": len(COLORS),
        "move_kind": len(KINDS),
        "target_color": len(COLORS),
        "target_kind": len(KINDS),
    },
    mission_text=mission_text,
    useful_actions=(LEFT, RIGHT, FORWARD, PICKUP, DROP, TOGGLE),
    max_steps=lambda size: 5 * size.width,
    card=card,
)
make, make_vector = makers(FAMILY)
