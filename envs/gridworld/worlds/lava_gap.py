"""LavaGap: a column of lava with one gap between the agent and the goal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.gridworld.cells import EMPTY, GOAL, LAVA
from operant.envs.gridworld.distances import RIGHT, steps_to_pose, steps_to_reach
from operant.envs.gridworld.draws import Draws
from operant.envs.gridworld.family import Family
from operant.envs.gridworld.features import count
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
    position,
)
from operant.envs.gridworld.worlds.goals import (
    TO_GOAL,
    WALKING,
    goal_card,
    goal_features,
    lava_ahead,
    lava_flag,
    start_in_corner,
    write_goal,
)
from operant.types import Card, Feature

GAP_X, GAP_Y, MEMORY = range(3)
"""Memory: column and row of the gap."""
FAR = 3
"""Upper bound of the way to the goal, in sides: three straight runs with few turns between them."""


def layout(draws: Draws) -> Callable[..., None]:
    """Return the level generator; the draws come in the order of MiniGrid's LavaGap.

    Source: MiniGrid 3.2 ``LavaGapEnv._gen_grid`` (Chevalier-Boisvert et al., 2023).
    """
    integers = draws.integers

    def generate(world: World, n: int, size: Size, rng: Any) -> None:
        clear(world, n, size)
        start_in_corner(world, n)
        world.grid[n, cell_index(size, size.width - 2, size.height - 2)] = GOAL
        gap_x = integers(rng, n, 2, size.width - 2)
        gap_y = integers(rng, n, 1, size.height - 1)
        for y in range(1, size.height - 1):
            world.grid[n, cell_index(size, gap_x, y)] = LAVA
        world.grid[n, cell_index(size, gap_x, gap_y)] = EMPTY
        world.memory[n, GAP_X], world.memory[n, GAP_Y] = gap_x, gap_y

    return generate


def features(world: World, n: int, size: Size, m: int, out: npt.NDArray[np.float32]) -> None:
    """Write row n's features, in the order of :func:`feature_table`."""
    x, y, heading = world.agent[n, X], world.agent[n, Y], world.agent[n, DIRECTION]
    goal_x, goal_y = size.width - 2, size.height - 2
    gap_x, gap_y = world.memory[n, GAP_X], world.memory[n, GAP_Y]
    subgoal, to_beyond = 1, 0
    if x <= gap_x:
        # The gap can only be entered and left straight, so this pose is part of every way.
        subgoal, to_beyond = 0, steps_to_pose(gap_x - x, gap_y - y, heading, RIGHT) + 1
        x, y, heading = gap_x + 1, gap_y, RIGHT
    to_goal = to_beyond + steps_to_reach(goal_x - x, goal_y - y, heading)
    to_subgoal = to_goal if subgoal == 1 else to_beyond
    if world.grid[n, position(world, n, size.stride)] == LAVA:
        to_goal = to_subgoal = FAR * size.width
    write_goal(world, n, m, goal_x, goal_y, to_goal, out)
    out[m, TO_GOAL] = subgoal
    out[m, TO_GOAL + 1] = to_subgoal
    out[m, TO_GOAL + 2] = lava_ahead(world, n, size)


def feature_table(size: Size) -> tuple[Feature, ...]:
    """Return the features with their ranges for a level size."""
    far, lost = FAR * size.width, "the top of the range once in lava"
    return (
        *goal_features(size, f"fewest actions to the goal through the gap; {lost}", far),
        count("subgoal", "what is needed next: 0 to pass the gap, 1 the goal", 1),
        count(
            "steps_to_subgoal",
            f"fewest actions to stand beyond the gap, or on the goal; {lost}",
            far,
            unit="actions",
        ),
        lava_flag(),
    )


def card(env_id: str, size: Size, table: tuple[Feature, ...]) -> Card:
    """Describe one size of the world."""
    return goal_card(
        env_id,
        size,
        table,
        description=(
            f"A room of {size.width}x{size.height} cells, walls included. A column of lava with "
            "one gap, both somewhere else in each level, divides it: the agent starts on the left, "
            "the goal is in the bottom right corner."
        ),
        view=FAMILY.view,
        source="LavaGap",
        lava=True,
    )


FAMILY = Family(
    name="LavaGap",
    layout=layout,
    outcome=reach_goal,
    features=features,
    feature_table=feature_table,
    memory=lambda _: MEMORY,
    max_steps=lambda size: 4 * size.width * size.height,
    mission_text=lambda _: "avoid the lava and get to the green goal square",
    useful_actions=WALKING,
    card=card,
)
make, make_vector = makers(FAMILY)
