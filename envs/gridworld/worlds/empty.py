"""Empty: walk to the goal in the far corner."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.gridworld.cells import GOAL
from operant.envs.gridworld.distances import steps_to_reach
from operant.envs.gridworld.draws import Draws, place_agent
from operant.envs.gridworld.family import SIDE, Family, Option
from operant.envs.gridworld.makers import makers
from operant.envs.gridworld.outcomes import reach_goal
from operant.envs.gridworld.views import THROUGH_WALLS
from operant.envs.gridworld.world import DIRECTION, Size, World, X, Y, cell_index, clear
from operant.envs.gridworld.worlds.goals import (
    WALKING,
    goal_card,
    goal_features,
    open_floor,
    start_in_corner,
    write_goal,
)
from operant.types import Card, Feature

RANDOM_START = 1
"""Index of the option."""


def layout(draws: Draws) -> Callable[..., None]:
    """Return the level generator; the draws come in the order of MiniGrid's Empty.

    Source: MiniGrid 3.2 ``EmptyEnv._gen_grid`` (Chevalier-Boisvert et al., 2023).
    """
    start_agent = place_agent(draws)

    def generate(world: World, n: int, size: Size, rng: Any) -> None:
        clear(world, n, size)
        world.grid[n, cell_index(size, size.width - 2, size.height - 2)] = GOAL
        if size.options[RANDOM_START]:
            start_agent(world, n, size, rng, 0, 0, size.width, size.height)
        else:
            start_in_corner(world, n)

    return generate


def features(world: World, n: int, size: Size, m: int, out: npt.NDArray[np.float32]) -> None:
    """Write row n's features, in the order of :func:`feature_table`."""
    goal_x, goal_y = size.width - 2, size.height - 2
    dx, dy = goal_x - world.agent[n, X], goal_y - world.agent[n, Y]
    steps = steps_to_reach(dx, dy, world.agent[n, DIRECTION])
    write_goal(world, n, m, goal_x, goal_y, steps, out)


def feature_table(size: Size) -> tuple[Feature, ...]:
    """Return the features with their ranges for a level size."""
    return goal_features(size, "fewest actions to the goal", open_floor(size))


def card(env_id: str, size: Size, table: tuple[Feature, ...]) -> Card:
    """Describe one size of the world."""
    start = "anywhere" if size.options[RANDOM_START] else "in the opposite corner"
    return goal_card(
        env_id,
        size,
        table,
        description=(
            f"An empty room of {size.width}x{size.height} cells, walls included, with a goal in "
            f"the bottom right corner. The agent starts {start}."
        ),
        view=FAMILY.view,
        source="Empty",
    )


FAMILY = Family(
    name="Empty",
    layout=layout,
    outcome=reach_goal,
    features=features,
    feature_table=feature_table,
    options={
        "size": SIDE,
        "random_start": Option(0, 0, 1, "flag: the agent starts anywhere, facing anywhere"),
    },
    view=THROUGH_WALLS,
    max_steps=lambda size: 4 * size.width * size.height,
    mission_text=lambda _: "get to the green goal square",
    useful_actions=WALKING,
    card=card,
)
make, make_vector = makers(FAMILY)
