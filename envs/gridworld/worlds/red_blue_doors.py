"""RedBlueDoors: open the red door, then the blue one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.gridworld import cells
from operant.envs.gridworld.cells import CLOSED, FORWARD, LEFT, OPEN, RIGHT, TOGGLE
from operant.envs.gridworld.distances import LEFT as WEST
from operant.envs.gridworld.distances import RIGHT as EAST
from operant.envs.gridworld.distances import steps_to_pose, turns
from operant.envs.gridworld.draws import Draws, place_agent
from operant.envs.gridworld.family import Family, success_reward
from operant.envs.gridworld.features import POSE, count, flag, pose_features, write_pose
from operant.envs.gridworld.jit import compiled
from operant.envs.gridworld.makers import makers
from operant.envs.gridworld.world import (
    DIRECTION,
    Size,
    World,
    X,
    Y,
    cell_index,
    clear,
    wall_rectangle,
)
from operant.types import Card, Feature

RED_OPEN, BLUE_OPEN = cells.door("red", OPEN), cells.door("blue", OPEN)
RED_CLOSED, BLUE_CLOSED = cells.door("red", CLOSED), cells.door("blue", CLOSED)

RED_Y, BLUE_Y, MEMORY = range(3)
"""Memory: the rows of the doors; their columns follow from the size."""


@compiled
def red_column(size: Size) -> int:
    """Return the column of the red door: that of the middle room's left wall."""
    return size.height // 2


@compiled
def blue_column(size: Size) -> int:
    """Return the column of the blue door: that of the middle room's right wall."""
    return size.height // 2 + size.height - 1


@compiled
def red_is_open(world: World, n: int, size: Size) -> bool:
    """Tell whether row n's red door stands open."""
    return bool(
        world.grid[n, cell_index(size, red_column(size), world.memory[n, RED_Y])] == RED_OPEN
    )


@compiled
def blue_is_open(world: World, n: int, size: Size) -> bool:
    """Tell whether row n's blue door stands open."""
    at = cell_index(size, blue_column(size), world.memory[n, BLUE_Y])
    return bool(world.grid[n, at] == BLUE_OPEN)


def layout(draws: Draws) -> Callable[..., None]:
    """Return the level generator; the draws come in the order of MiniGrid's RedBlueDoors.

    Source: MiniGrid 3.2 ``RedBlueDoorEnv._gen_grid`` (Chevalier-Boisvert et al., 2023).
    """
    integers, start_agent = draws.integers, place_agent(draws)

    def generate(world: World, n: int, size: Size, rng: Any) -> None:
        clear(world, n, size)
        side, left = size.height, red_column(size)
        wall_rectangle(world, n, size, left, 0, side, side)
        start_agent(world, n, size, rng, left, 0, left + side, side)
        red, blue = integers(rng, n, 1, side - 1), integers(rng, n, 1, side - 1)
        world.grid[n, cell_index(size, left, red)] = RED_CLOSED
        world.grid[n, cell_index(size, blue_column(size), blue)] = BLUE_CLOSED
        world.memory[n, RED_Y], world.memory[n, BLUE_Y] = red, blue

    return generate


def outcome(
    world: World,
    n: int,
    size: Size,
    action: int,  # noqa: ARG001 (the signature of every outcome)
    front: int,  # noqa: ARG001
) -> tuple[float, bool, bool]:
    """Return (reward, terminated, success): opening the blue door ends the episode.

    The action that opened it left the red door alone, so that is still as it was before.

    Source: MiniGrid 3.2 ``RedBlueDoorEnv.step`` (Chevalier-Boisvert et al., 2023).
    """
    if not blue_is_open(world, n, size):
        return 0.0, False, False
    if red_is_open(world, n, size):
        return success_reward(world, n, size), True, True
    return 0.0, True, False


@compiled
def steps_to_red(world: World, n: int, size: Size) -> int:
    """Return the fewest actions to face the closed red door, from the agent's side of it."""
    x, y, heading = world.agent[n, X], world.agent[n, Y], world.agent[n, DIRECTION]
    door_x, door_y = red_column(size), world.memory[n, RED_Y]
    if x > door_x:
        return steps_to_pose(door_x + 1 - x, door_y - y, heading, WEST)
    return steps_to_pose(door_x - 1 - x, door_y - y, heading, EAST)


@compiled
def steps_to_blue(world: World, n: int, size: Size) -> int:
    """Return the fewest actions to face the blue door; a closed red door counts as open."""
    x, y, heading = world.agent[n, X], world.agent[n, Y], world.agent[n, DIRECTION]
    door_x, door_y = red_column(size), world.memory[n, RED_Y]
    spent = 0
    if x <= door_x:
        # Through the red doorway first, which one leaves in the direction of the blue door.
        if x < door_x:
            spent = steps_to_pose(door_x - 1 - x, door_y - y, heading, EAST) + 2
        else:
            spent = turns(heading, EAST) + 1
        x, y, heading = door_x + 1, door_y, EAST
    dx, dy = blue_column(size) - 1 - x, world.memory[n, BLUE_Y] - y
    return spent + steps_to_pose(dx, dy, heading, EAST)


def features(world: World, n: int, size: Size, m: int, out: npt.NDArray[np.float32]) -> None:
    """Write row n's features, in the order of :func:`feature_table`."""
    red_open = red_is_open(world, n, size)
    to_red = 0 if red_open else steps_to_red(world, n, size)
    to_blue = steps_to_blue(world, n, size)
    write_pose(world, n, m, out)
    out[m, POSE] = red_open
    out[m, POSE + 1] = blue_is_open(world, n, size)
    out[m, POSE + 2] = red_open
    out[m, POSE + 3] = to_red
    out[m, POSE + 4] = to_blue
    out[m, POSE + 5] = to_blue if red_open else to_red


def feature_table(size: Size) -> tuple[Feature, ...]:
    """Return the features with their ranges for a level size."""
    # Two runs of height cells and two of half and all of it across, and a few turns.
    far = 4 * size.height
    return (
        *pose_features(size),
        flag("red_open", "the red door stands open"),
        flag("blue_open", "the blue door stands open"),
        count("subgoal", "what is needed next: 0 an open red door, 1 an open blue door", 1),
        count(
            "steps_to_red",
            "fewest actions to face the red door; 0 if it is open",
            far,
            unit="actions",
        ),
        count(
            "steps_to_blue",
            "fewest actions to face the blue door, with the red one taken as open",
            far,
            unit="actions",
        ),
        count("steps_to_subgoal", "the distance that belongs to `subgoal`", far, unit="actions"),
    )


def dims(options: Mapping[str, int]) -> tuple[int, int]:
    """Return (width, height): the middle room is square, half of one is on either side."""
    return 2 * options["size"], options["size"]


def mission_text(words: tuple[int, ...]) -> str:  # noqa: ARG001
    """Return the mission as MiniGrid words it; it is always the same."""
    return "open the red door then the blue door"


def card(env_id: str, size: Size, table: tuple[Feature, ...]) -> Card:
    """Describe one size of the world."""
    paid = f"1 - 0.9 t / {size.max_steps}" if size.reward else "exactly 1"
    return Card(
        id=env_id,
        description=(
            f"A grid of {size.width}x{size.height} cells. The agent starts in a square room with "
            "a closed red door in its left wall and a closed blue one in its right wall. It must "
            "open the red door first; it may close it again, but it must stand open when the blue "
            "one is opened."
        ),
        observation=FAMILY.view.words,
        action="Discrete(7): left, right, forward, pickup, drop, toggle, done.",
        reward=f"{paid} on opening the blue door while the red one is open, else 0",
        termination="the agent opens the blue door",
        truncation=f"after {size.limit} steps",
        success="the agent opens the blue door while the red one is open",
        metric="success",
        oracle="exact",
        features=table,
        tier=0,
        source="MiniGrid RedBlueDoors (Chevalier-Boisvert et al., 2023); the 0/1 reward is ours.",
    )


FAMILY = Family(
    name="RedBlueDoors",
    layout=layout,
    outcome=outcome,
    features=features,
    feature_table=feature_table,
    dims=dims,
    memory=lambda _: MEMORY,
    mission_text=mission_text,
    useful_actions=(LEFT, RIGHT, FORWARD, TOGGLE),
    max_steps=lambda size: 20 * size.height * size.height,
    card=card,
)
make, make_vector = makers(FAMILY)
