"""Memory: look at the object in the first room, then find the same one at the end of the hall."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.gridworld import cells
from operant.envs.gridworld.cells import FORWARD, LEFT, PICKUP, RIGHT, TOGGLE, WALL
from operant.envs.gridworld.distances import DOWN, UP, steps_to_pose, steps_to_reach, turns
from operant.envs.gridworld.distances import LEFT as WEST
from operant.envs.gridworld.distances import RIGHT as EAST
from operant.envs.gridworld.draws import Draws
from operant.envs.gridworld.dynamics import act
from operant.envs.gridworld.family import Family, Option, success_reward
from operant.envs.gridworld.features import POSE, count, flag, pose_features, write_pose
from operant.envs.gridworld.jit import compiled
from operant.envs.gridworld.makers import makers
from operant.envs.gridworld.world import (
    DIRECTION,
    VIEW,
    Size,
    World,
    X,
    Y,
    cell_index,
    clear,
)
from operant.types import Card, Feature

SIDE, RANDOM_LENGTH = range(2)
"""Options."""
KINDS = (cells.key("green"), cells.ball("green"))
"""Objects, by the number that MiniGrid draws."""
CUE, HALL_END, MATCH, CUE_SEEN, MEMORY = range(5)
"""Memory: number of the cue's kind; last column of the hall; the rows from the hall to the matching
object's side (-1 or 1); whether the cue has been in view."""

DOORWAY = 4
"""Column of the opening in the first room's wall; the room has columns 1 to 3."""


def layout(draws: Draws) -> Callable[..., None]:
    """Return the level generator; the draws come in the order of MiniGrid's Memory.

    Source: MiniGrid 3.2 ``MemoryEnv._gen_grid`` (Chevalier-Boisvert et al., 2023).
    """
    integers = draws.integers

    def generate(world: World, n: int, size: Size, rng: Any) -> None:
        clear(world, n, size)
        middle, end = size.height // 2, size.width - 3
        if size.options[RANDOM_LENGTH]:
            end = integers(rng, n, DOORWAY, size.width - 2)
        _draw_walls(world, n, size, middle, end)
        world.agent[n, X], world.agent[n, Y] = integers(rng, n, 1, end + 1), middle
        world.agent[n, DIRECTION] = EAST
        cue = integers(rng, n, 0, 2)
        lower = integers(rng, n, 0, 2)  # the kind of the lower object; the upper is the other
        world.grid[n, cell_index(size, 1, middle - 1)] = KINDS[cue]
        world.grid[n, cell_index(size, end + 1, middle - 2)] = KINDS[1 - lower]
        world.grid[n, cell_index(size, end + 1, middle + 2)] = KINDS[lower]
        world.memory[n, CUE], world.memory[n, HALL_END] = cue, end
        world.memory[n, MATCH] = 1 if cue == lower else -1
        world.memory[n, CUE_SEEN] = world.agent[n, X] == 1

    return generate


@compiled
def _draw_walls(world: World, n: int, size: Size, middle: int, end: int) -> None:
    """Wall off the room on the left, the hall along the middle row, the corridor at its end."""
    for x in range(1, DOORWAY + 1):
        world.grid[n, cell_index(size, x, middle - 2)] = WALL
        world.grid[n, cell_index(size, x, middle + 2)] = WALL
    for x in range(DOORWAY, max(end, DOORWAY + 1)):
        world.grid[n, cell_index(size, x, middle - 1)] = WALL
        world.grid[n, cell_index(size, x, middle + 1)] = WALL
    for y in range(size.height):
        if y != middle:
            world.grid[n, cell_index(size, end, y)] = WALL
        world.grid[n, cell_index(size, end + 2, y)] = WALL


def act_without_hands(world: World, n: int, size: Size, action: int) -> int:
    """Act as usual, but pickup does what toggle does: objects cannot be taken along.

    Source: MiniGrid 3.2 ``MemoryEnv.step`` (Chevalier-Boisvert et al., 2023).
    """
    return act(world, n, size, TOGGLE if action == PICKUP else action)


def outcome(world: World, n: int, size: Size, action: int, front: int) -> tuple[float, bool, bool]:  # noqa: ARG001
    """Return (reward, terminated, success): standing next to one of the two objects decides."""
    side = world.agent[n, Y] - size.height // 2
    if world.agent[n, X] != world.memory[n, HALL_END] + 1 or side == 0:
        return 0.0, False, False
    if side == world.memory[n, MATCH]:
        return success_reward(world, n, size), True, True
    return 0.0, True, False


@compiled
def cue_in_view(x: int, y: int, heading: int, middle: int) -> bool:
    """Tell whether an agent in the room, the hall or at its end sees the cue at (1, middle - 1).

    Light passes through the doorway and spreads in the room, so this is a matter of the view's
    extent: VIEW cells ahead, half of that to the sides.
    """
    if heading == WEST:
        return x <= VIEW
    if heading == EAST:
        return x == 1
    # From further right than the doorway, walls are all there is to either side.
    return x <= DOORWAY and (heading == UP or y < middle)


def track(world: World, n: int, size: Size, action: int, front: int) -> None:  # noqa: ARG001
    """Note when the cue comes into view."""
    agent = world.agent
    if cue_in_view(agent[n, X], agent[n, Y], agent[n, DIRECTION], size.height // 2):
        world.memory[n, CUE_SEEN] = 1


@compiled
def steps_to_see(x: int, y: int, heading: int, middle: int) -> int:
    """Return the fewest actions until the cue is in view."""
    if cue_in_view(x, y, heading, middle):
        return 0
    steps = turns(heading, WEST) + max(x - VIEW, 0)
    return min(steps, turns(heading, UP)) if x <= DOORWAY else steps


@compiled
def steps_to_match(x: int, y: int, heading: int, middle: int, fork: int, match: int) -> int:
    """Return the fewest actions to the cell beside the matching object, (fork, middle + match).

    Exact: in the room, stepping to the middle row first or last takes equally many turns.
    """
    if x == fork:
        return steps_to_reach(0, middle + match - y, heading)
    if y == middle:
        return steps_to_pose(fork - x, 0, heading, DOWN if match > 0 else UP) + 1
    # To the row, then two more turns: into the hall and out of it.
    return turns(heading, DOWN if y < middle else UP) + 1 + (fork - x) + 1 + 2


def features(world: World, n: int, size: Size, m: int, out: npt.NDArray[np.float32]) -> None:
    """Write row n's features, in the order of :func:`feature_table`."""
    write_pose(world, n, m, out)
    x, y, heading = world.agent[n, X], world.agent[n, Y], world.agent[n, DIRECTION]
    middle, fork = size.height // 2, world.memory[n, HALL_END] + 1
    match, seen = world.memory[n, MATCH], world.memory[n, CUE_SEEN]
    to_match = steps_to_match(x, y, heading, middle, fork, match)
    subgoal, to_subgoal = 0, steps_to_see(x, y, heading, middle)
    if seen:
        subgoal, to_subgoal = 1 + (x == fork), to_match
    out[m, POSE] = world.memory[n, CUE]
    out[m, POSE + 1] = cue_in_view(x, y, heading, middle)
    out[m, POSE + 2] = seen
    out[m, POSE + 3] = match
    out[m, POSE + 4] = fork - x
    out[m, POSE + 5] = subgoal
    out[m, POSE + 6] = to_match
    out[m, POSE + 7] = to_subgoal


def feature_table(size: Size) -> tuple[Feature, ...]:
    """Return the features with their ranges for a level size."""
    far = size.width + 4  # one straight run and few turns
    return (
        *pose_features(size),
        count("cue", "the object in the first room: 0 a key, 1 a ball", 1),
        flag("cue_visible", "the object in the first room is in view", privileged=False),
        flag("cue_seen", "it has been in view"),
        count("matching_side", "where the matching object is: -1 above, 1 below", 1, low=-1),
        count("columns_to_fork", "columns to the end of the hall", size.width - 3, unit="cells"),
        count(
            "subgoal", "what is needed next: 0 see the cue, 1 the hall's end, 2 the right side", 2
        ),
        count("steps_to_match", "fewest actions to the matching end", far, unit="actions"),
        count(
            "steps_to_subgoal",
            "fewest actions to see the cue; once seen, `steps_to_match`",
            far,
            unit="actions",
        ),
    )


def check(size: Size) -> str:
    """Return a complaint about sizes without a middle row."""
    side = size.options[SIDE]
    return "" if side % 2 else f"size must be odd, so that the hall has a middle row; got {side}"


def card(env_id: str, size: Size, table: tuple[Feature, ...]) -> Card:
    """Describe one size of the world."""
    paid = f"1 - 0.9 t / {size.max_steps}" if size.reward else "exactly 1"
    length = "of random length" if size.options[RANDOM_LENGTH] else f"to column {size.width - 3}"
    return Card(
        id=env_id,
        description=(
            f"A grid of {size.width}x{size.height} cells: a small room on the left with a green "
            f"key or ball, and a hall {length} that ends in a fork with a key on one side and a "
            "ball on the other. The agent starts in the room or the hall, looking right, and must "
            "go to the object that equals the one in the room."
        ),
        observation=FAMILY.view.words,
        action=(
            "Discrete(7): left, right, forward, pickup (acts as toggle), drop, toggle, done; "
            "only the first three do anything."
        ),
        reward=f"{paid} on stepping beside the matching object, 0 otherwise",
        termination="the agent steps beside either object at the fork",
        truncation=f"after {size.limit} steps",
        success="the agent stands beside the matching object",
        metric="success",
        oracle="exact",
        features=table,
        tier=0,
        source="MiniGrid Memory (Chevalier-Boisvert et al., 2023); the 0/1 reward is ours.",
    )


def mission_text(words: tuple[int, ...]) -> str:  # noqa: ARG001 (always the same)
    """Return MiniGrid's mission."""
    return "go to the matching object at the end of the hallway"


FAMILY = Family(
    name="Memory",
    options={
        "size": Option(13, 7, 127, "cells along each side, outer walls included; odd"),
        "random_length": Option(0, 0, 1, "draw the length of the hall anew for each level"),
    },
    check=check,
    layout=layout,
    act=act_without_hands,
    track=track,
    outcome=outcome,
    features=features,
    feature_table=feature_table,
    memory=lambda _: MEMORY,
    max_steps=lambda size: 5 * size.width * size.width,
    card=card,
    mission_text=mission_text,
    useful_actions=(LEFT, RIGHT, FORWARD),
)
make, make_vector = makers(FAMILY)
