"""DistShift: two strips of lava between start and goal; a second layout shifts one of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.gridworld.cells import GOAL, LAVA
from operant.envs.gridworld.distances import RIGHT, steps_to_pose, steps_to_reach
from operant.envs.gridworld.draws import Draws
from operant.envs.gridworld.family import Family, Option
from operant.envs.gridworld.jit import compiled
from operant.envs.gridworld.makers import makers
from operant.envs.gridworld.outcomes import reach_goal
from operant.envs.gridworld.views import THROUGH_WALLS
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

WIDTH, HEIGHT = 9, 7
GOAL_X, GOAL_Y = WIDTH - 2, 1
STRIP_START, STRIP_END = 3, 5
"""First and last column of both strips; one is in row 1, the other in row STRIP_ROW."""
STRIP_ROW = 0
"""Index of the option."""
FAR = 25
"""Upper bound of the way to the goal: across the room (6), down and up (8), and few turns."""


def layout(draws: Draws) -> Callable[..., None]:  # noqa: ARG001 (it is always the same level)
    """Return the level generator, which draws nothing.

    Source: MiniGrid 3.2 ``DistShiftEnv._gen_grid`` (Chevalier-Boisvert et al., 2023).
    """

    def generate(world: World, n: int, size: Size, rng: Any) -> None:  # noqa: ARG001
        clear(world, n, size)
        start_in_corner(world, n)
        world.grid[n, cell_index(size, GOAL_X, GOAL_Y)] = GOAL
        for x in range(STRIP_START, STRIP_END + 1):
            world.grid[n, cell_index(size, x, 1)] = LAVA
            world.grid[n, cell_index(size, x, size.options[STRIP_ROW])] = LAVA

    return generate


@compiled
def _steps_to_goal(x: int, y: int, heading: int, strip: int) -> int:
    """Return the fewest actions to the goal with the second strip in row ``strip``.

    To the right of the strips the floor is open. Left of them or between them, one goes to a free
    row and follows it to the end, which every way leaves in the same direction. (Rows that a strip
    cuts off from the agent need not be ruled out: they are never nearer.)
    """
    if x > STRIP_END:
        return steps_to_reach(GOAL_X - x, GOAL_Y - y, heading)
    fewest, end = FAR, STRIP_END + 1
    for row in range(2, HEIGHT - 1):
        if row != strip:
            along = steps_to_pose(end - x, row - y, heading, RIGHT)
            fewest = min(fewest, along + steps_to_reach(GOAL_X - end, GOAL_Y - row, RIGHT))
    return fewest


def features(world: World, n: int, size: Size, m: int, out: npt.NDArray[np.float32]) -> None:
    """Write row n's features, in the order of :func:`feature_table`."""
    x, y, heading = world.agent[n, X], world.agent[n, Y], world.agent[n, DIRECTION]
    steps = FAR
    if world.grid[n, position(world, n, size.stride)] != LAVA:
        steps = _steps_to_goal(x, y, heading, size.options[STRIP_ROW])
    write_goal(world, n, m, GOAL_X, GOAL_Y, steps, out)
    out[m, TO_GOAL] = lava_ahead(world, n, size)


def feature_table(size: Size) -> tuple[Feature, ...]:
    """Return the features with their ranges."""
    meaning = "fewest actions to the goal around the lava; the top of the range once in lava"
    return (*goal_features(size, meaning, FAR), lava_flag())


def card(env_id: str, size: Size, table: tuple[Feature, ...]) -> Card:
    """Describe one layout of the world."""
    return goal_card(
        env_id,
        size,
        table,
        description=(
            f"A room of {size.width}x{size.height} cells, walls included, always the same: the "
            "agent starts top left, the goal is top right, a strip of lava is between them and a "
            f"second one in row {size.options[STRIP_ROW]}. Train on one layout, test on another."
        ),
        view=FAMILY.view,
        source="DistShift",
        lava=True,
    )


FAMILY = Family(
    name="DistShift",
    layout=layout,
    outcome=reach_goal,
    features=features,
    feature_table=feature_table,
    options={"strip_row": Option(2, 2, HEIGHT - 2, "row of the second strip of lava")},
    dims=lambda _: (WIDTH, HEIGHT),
    view=THROUGH_WALLS,
    max_steps=lambda _: 4 * WIDTH * HEIGHT,
    mission_text=lambda _: "get to the green goal square",
    useful_actions=WALKING,
    card=card,
)
make, make_vector = makers(FAMILY)
