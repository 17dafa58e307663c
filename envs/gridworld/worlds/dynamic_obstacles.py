"""DynamicObstacles: reach the goal through balls that wander about."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.gridworld import cells
from operant.envs.gridworld.cells import ACTIONS, EMPTY, FORWARD, GOAL
from operant.envs.gridworld.draws import Draws, free_cell
from operant.envs.gridworld.family import Family, Option, always
from operant.envs.gridworld.features import count, flag
from operant.envs.gridworld.jit import compiled
from operant.envs.gridworld.makers import makers
from operant.envs.gridworld.outcomes import reach_goal
from operant.envs.gridworld.views import THROUGH_WALLS
from operant.envs.gridworld.world import (
    Size,
    World,
    X,
    Y,
    cell_index,
    column_of,
    front_index,
    position,
    row_of,
)
from operant.envs.gridworld.worlds import empty
from operant.envs.gridworld.worlds.goals import (
    TO_GOAL,
    WALKING,
    goal_card,
    goal_features,
    open_floor,
)
from operant.types import Card, Feature

OBSTACLES = 2
"""Index of the option; those before it are Empty's."""
BLOCKED, BALLS = 0, 1
"""Memory: whether the front cell was blocked before the balls last moved; then column and row of
each ball, in the order in which they move."""
BALL = cells.ball("blue")
TRIES = 101
"""How many places MiniGrid draws for a ball before it lets it rest."""
NEAR = 2
"""A ball this many cells away, or fewer, can be next to the agent after the next step."""


@compiled
def blocked_ahead(world: World, n: int, size: Size) -> bool:
    """Tell whether forward, chosen now, is a collision."""
    front = world.grid[n, front_index(world, n, size)]
    return bool(front != EMPTY and front != GOAL)


def layout(draws: Draws) -> Callable[..., None]:
    """Return the level generator; the draws come in the order of MiniGrid's DynamicObstacles.

    Source: MiniGrid 3.2 ``DynamicObstaclesEnv._gen_grid`` (Chevalier-Boisvert et al., 2023).
    """
    empty_room, free = draws.outline(empty.layout(draws)), free_cell(draws)

    def generate(world: World, n: int, size: Size, rng: Any) -> None:
        empty_room(world, n, size, rng)
        world.memory[n, BLOCKED] = 0
        for ball in range(BALLS, BALLS + 2 * size.options[OBSTACLES], 2):
            at = free(world, n, size, rng, 0, 0, size.width, size.height)
            world.grid[n, at] = BALL
            world.memory[n, ball] = column_of(size, at)
            world.memory[n, ball + 1] = row_of(size, at)

    return generate


def drift(draws: Draws) -> Callable[..., None]:
    """Return what moves the balls: each in turn to a random free cell among its neighbours.

    Source: MiniGrid 3.2 ``DynamicObstaclesEnv.step`` (Chevalier-Boisvert et al., 2023).
    """
    integers = draws.integers

    def move(world: World, n: int, size: Size, action: int, rng: Any) -> None:  # noqa: ARG001
        world.memory[n, BLOCKED] = blocked_ahead(world, n, size)
        here = position(world, n, size.stride)
        for ball in range(BALLS, BALLS + 2 * size.options[OBSTACLES], 2):
            old_x, old_y = world.memory[n, ball], world.memory[n, ball + 1]
            for _ in range(TRIES):
                x = integers(rng, n, old_x - 1, old_x + 2)
                y = integers(rng, n, old_y - 1, old_y + 2)
                at = cell_index(size, x, y)
                if world.grid[n, at] == EMPTY and at != here:
                    world.grid[n, at] = BALL
                    world.grid[n, cell_index(size, old_x, old_y)] = EMPTY
                    world.memory[n, ball], world.memory[n, ball + 1] = x, y
                    break

    return move


def outcome(world: World, n: int, size: Size, action: int, front: int) -> tuple[float, bool, bool]:
    """Return (reward, terminated, success).

    A collision is judged by the cells as they were when the action was chosen: walking at a ball
    that moves out of the way costs 1 too (the agent still takes the step), and a ball that moves
    into the way only blocks it.

    Source: MiniGrid 3.2 ``DynamicObstaclesEnv.step`` (Chevalier-Boisvert et al., 2023).
    """
    if action == FORWARD and world.memory[n, BLOCKED]:
        return -1.0, True, False
    return reach_goal(world, n, size, action, front)


_empty_features = compiled(empty.features)


def features(world: World, n: int, size: Size, m: int, out: npt.NDArray[np.float32]) -> None:
    """Write row n's features, in the order of :func:`feature_table`."""
    _empty_features(world, n, size, m, out)
    nearest, near = size.width, 0
    for ball in range(BALLS, BALLS + 2 * size.options[OBSTACLES], 2):
        dx = world.memory[n, ball] - world.agent[n, X]
        dy = world.memory[n, ball + 1] - world.agent[n, Y]
        apart = max(abs(dx), abs(dy))
        nearest = min(nearest, apart)
        near += apart <= NEAR
    out[m, TO_GOAL] = blocked_ahead(world, n, size)
    out[m, TO_GOAL + 1] = nearest
    out[m, TO_GOAL + 2] = near


def feature_table(size: Size) -> tuple[Feature, ...]:
    """Return the features with their ranges for a level."""
    return (
        *goal_features(size, "fewest actions to the goal, without the balls", open_floor(size)),
        flag("blocked_ahead", "in front is a ball or wall: forward collides", privileged=False),
        count(
            "nearest_ball",
            "king's moves from the agent to the nearest ball",
            size.width - 3,
            low=1,
            unit="cells",
        ),
        count("balls_near", f"balls within {NEAR} king's moves", size.options[OBSTACLES]),
    )


def check(size: Size) -> str:
    """Complain about more balls than MiniGrid puts into a room."""
    most = size.width // 2 + 1
    if size.options[OBSTACLES] > most:
        return (
            f"obstacles must be in [1, {most}] for size {size.width}, got {size.options[OBSTACLES]}"
        )
    return ""


def card(env_id: str, size: Size, table: tuple[Feature, ...]) -> Card:
    """Describe one size of the world."""
    start = "anywhere" if size.options[empty.RANDOM_START] else "in the opposite corner"
    described = goal_card(
        env_id,
        size,
        table,
        description=(
            f"A room of {size.width}x{size.height} cells, walls included, with a goal in the "
            f"bottom right corner and {size.options[OBSTACLES]} balls, each of which moves to a "
            f"random free cell next to it before every action. The agent starts {start}."
        ),
        view=FAMILY.view,
        source="DynamicObstacles",
    )
    collision = "going forward at a ball or wall that was in front when the action was chosen"
    return dataclasses.replace(
        described,
        action="Discrete(3): left, right, forward.",
        reward=f"{described.reward}; -1 for {collision}",
        termination=f"{described.termination}, or a collision: {collision}",
        oracle="none",
    )


FAMILY = Family(
    name="DynamicObstacles",
    layout=layout,
    drift=drift,
    outcome=outcome,
    features=features,
    feature_table=feature_table,
    options={
        **empty.FAMILY.options,
        "obstacles": Option(4, 1, 65, "number of balls, at most size // 2 + 1"),
    },
    check=check,
    memory=lambda size: BALLS + 2 * size.options[OBSTACLES],
    action_names=ACTIONS[: FORWARD + 1],
    view=THROUGH_WALLS,
    max_steps=lambda size: 4 * size.width * size.height,
    mission_text=lambda _: "get to the green goal square",
    useful_actions=WALKING,
    stochastic=always,
    card=card,
)
make, make_vector = makers(FAMILY)
