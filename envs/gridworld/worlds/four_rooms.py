"""FourRooms: four rooms in a square, joined by gaps; agent and goal are anywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.gridworld.cells import EMPTY, GOAL, WALL
from operant.envs.gridworld.distances import DOWN, LEFT, RIGHT, UP, steps_to_pose, steps_to_reach
from operant.envs.gridworld.draws import Draws, free_cell, place_agent
from operant.envs.gridworld.family import Family
from operant.envs.gridworld.features import count
from operant.envs.gridworld.jit import compiled, outlined
from operant.envs.gridworld.makers import makers
from operant.envs.gridworld.outcomes import reach_goal
from operant.envs.gridworld.world import (
    DIRECTION,
    Size,
    World,
    X,
    Y,
    cell_index,
    clear,
    column_of,
    row_of,
)
from operant.envs.gridworld.worlds.goals import (
    TO_GOAL,
    WALKING,
    goal_card,
    goal_features,
    write_goal,
)
from operant.types import Card, Feature

SIDE, MIDDLE = 19, 9
GOAL_X, GOAL_Y, GAPS, REST, MEMORY = 0, 1, 2, 10, 18
"""Memory: column and row of the goal and of each gap; then the fewest actions to the goal from
beyond each gap, going on clockwise, and the same counterclockwise.

Rooms are numbered clockwise from the top left, and gap k is between rooms k and k + 1; so one
passes it clockwise in direction k (0 right, 1 down, 2 left, 3 up).
"""
FAR = 60
"""Upper bound of a way to the goal: through at most three rooms, less than 20 actions in each."""


@compiled
def _room(x: int, y: int, clockwise: bool) -> int:
    """Return the room of a cell; for a gap, the one that a walk in this sense comes from."""
    if not clockwise:  # the mirror image along the diagonal through rooms 0 and 2
        x, y = y, x
    room = 3
    if x <= MIDDLE and y < MIDDLE:
        room = 0
    elif x > MIDDLE and y <= MIDDLE:
        room = 1
    elif x >= MIDDLE and y > MIDDLE:
        room = 2
    return room if clockwise else -room & 3


@compiled
def _way(world: World, n: int, x: int, y: int, heading: int, clockwise: bool) -> tuple[int, int]:
    """Return the fewest actions (to beyond the next gap or 0 if there is none, to the goal).

    A gap can only be entered and left straight, so one pose in each is part of every way.
    """
    goal_x, goal_y = world.memory[n, GOAL_X], world.memory[n, GOAL_Y]
    room = _room(x, y, clockwise)
    gap = room if clockwise else (room - 1) & 3
    onward = gap if clockwise else gap ^ 2
    if room != _room(goal_x, goal_y, clockwise) or x == MIDDLE or y == MIDDLE:
        dx, dy = world.memory[n, GAPS + 2 * gap] - x, world.memory[n, GAPS + 2 * gap + 1] - y
        beyond = steps_to_pose(dx, dy, heading, onward) + 1
        return beyond, beyond + world.memory[n, (REST if clockwise else REST + 4) + gap]
    if goal_x == MIDDLE or goal_y == MIDDLE:
        return 0, steps_to_pose(goal_x - x, goal_y - y, heading, onward)
    return 0, steps_to_reach(goal_x - x, goal_y - y, heading)


@outlined
def _measure(world: World, n: int, clockwise: bool) -> None:
    """Note how far the goal is from beyond each gap, going round the rooms in one sense."""
    rest, back = (REST, -1) if clockwise else (REST + 4, 1)
    room = _room(world.memory[n, GOAL_X], world.memory[n, GOAL_Y], clockwise)
    gap = (room - 1) & 3 if clockwise else room  # the one that leads into the goal's room
    for _ in range(3):
        onward = gap if clockwise else gap ^ 2
        x = world.memory[n, GAPS + 2 * gap] + (onward == RIGHT) - (onward == LEFT)
        y = world.memory[n, GAPS + 2 * gap + 1] + (onward == DOWN) - (onward == UP)
        _, world.memory[n, rest + gap] = _way(world, n, x, y, onward, clockwise)
        gap = (gap + back) & 3
    world.memory[n, rest + gap] = FAR  # the one that leads out of it


def layout(draws: Draws) -> Callable[..., None]:
    """Return the level generator; the draws come in the order of MiniGrid's FourRooms.

    Source: MiniGrid 3.2 ``FourRoomsEnv._gen_grid`` (Chevalier-Boisvert et al., 2023).
    """
    integers, free, start_agent = draws.integers, free_cell(draws), place_agent(draws)

    def generate(world: World, n: int, size: Size, rng: Any) -> None:
        clear(world, n, size)
        for i in range(SIDE):
            world.grid[n, cell_index(size, MIDDLE, i)] = WALL
            world.grid[n, cell_index(size, i, MIDDLE)] = WALL
        for gap in range(4):
            world.memory[n, GAPS + 2 * gap] = world.memory[n, GAPS + 2 * gap + 1] = MIDDLE
        world.memory[n, GAPS + 2 * RIGHT + 1] = integers(rng, n, 1, MIDDLE)
        world.memory[n, GAPS + 2 * UP] = integers(rng, n, 1, MIDDLE)
        world.memory[n, GAPS + 2 * DOWN] = integers(rng, n, MIDDLE + 1, SIDE - 1)
        world.memory[n, GAPS + 2 * LEFT + 1] = integers(rng, n, MIDDLE + 1, SIDE - 1)
        for gap in range(4):
            x, y = world.memory[n, GAPS + 2 * gap], world.memory[n, GAPS + 2 * gap + 1]
            world.grid[n, cell_index(size, x, y)] = EMPTY
        start_agent(world, n, size, rng, 0, 0, SIDE, SIDE)
        goal = free(world, n, size, rng, 0, 0, SIDE, SIDE)
        world.grid[n, goal] = GOAL
        world.memory[n, GOAL_X], world.memory[n, GOAL_Y] = column_of(size, goal), row_of(size, goal)
        _measure(world, n, True)
        _measure(world, n, False)

    return generate


def features(world: World, n: int, size: Size, m: int, out: npt.NDArray[np.float32]) -> None:  # noqa: ARG001
    """Write row n's features, in the order of :func:`feature_table`."""
    x, y, heading = world.agent[n, X], world.agent[n, Y], world.agent[n, DIRECTION]
    goal_x, goal_y = world.memory[n, GOAL_X], world.memory[n, GOAL_Y]
    to_beyond, to_goal = 0, 0
    if x != goal_x or y != goal_y:
        to_goal = 2 * FAR
        for sense in range(2):
            beyond, total = _way(world, n, x, y, heading, sense == 0)
            if total < to_goal:
                to_beyond, to_goal = beyond, total
    write_goal(world, n, m, goal_x, goal_y, to_goal, out)
    out[m, TO_GOAL] = to_beyond == 0
    out[m, TO_GOAL + 1] = to_goal if to_beyond == 0 else to_beyond


def feature_table(size: Size) -> tuple[Feature, ...]:
    """Return the features with their ranges for a level size."""
    return (
        *goal_features(size, "fewest actions to the goal", FAR),
        count("subgoal", "what is needed next: 0 to pass a gap, 1 the goal", 1),
        count(
            "steps_to_subgoal",
            "fewest actions, on a shortest way, to stand beyond the next gap, or on the goal",
            FAR,
            unit="actions",
        ),
    )


def card(env_id: str, size: Size, table: tuple[Feature, ...]) -> Card:
    """Describe the world."""
    return goal_card(
        env_id,
        size,
        table,
        description=(
            f"A grid of {size.width}x{size.height} cells, outer walls included, with four rooms of "
            "8x8. One gap in each inner wall joins them to a ring; agent, goal and gaps are "
            "somewhere else in each level."
        ),
        view=FAMILY.view,
        source="FourRooms",
    )


FAMILY = Family(
    name="FourRooms",
    layout=layout,
    outcome=reach_goal,
    features=features,
    feature_table=feature_table,
    options={},
    dims=lambda _: (SIDE, SIDE),
    memory=lambda _: MEMORY,
    max_steps=lambda _: 100,
    mission_text=lambda _: "reach the goal",
    useful_actions=WALKING,
    card=card,
)
make, make_vector = makers(FAMILY)
