"""LavaCrossing and SimpleCrossing: rivers of lava, or walls, with one opening each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import VectorEnv

from operant.envs.gridworld.cells import EMPTY, GOAL, LAVA, WALL
from operant.envs.gridworld.distances import DOWN, RIGHT, steps_to_pose, steps_to_reach
from operant.envs.gridworld.draws import Draws
from operant.envs.gridworld.family import Family, Option
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

CROSSINGS, IS_LAVA = 1, 2
"""Indices of options."""
GAP_X, GAP_Y, ONWARD, REST, FIELDS = range(5)
"""Memory: for each opening, in the order in which they must be passed, its column and row, the
direction (``RIGHT`` or ``DOWN``) of the passage, and the fewest actions from beyond it to the goal.
"""
FAR = 2
"""Upper bound of the way through one room, in sides."""


@compiled
def _beds(size: Size) -> int:
    """Return how many columns (and rows) a river can take: 2, 4, ... up to size - 3."""
    return (size.width - 3) // 2


@outlined
def _draw_rivers(world: World, n: int, size: Size) -> int:
    """Fill the beds named by the first CROSSINGS entries of the scratch, and sort these.

    Entry r stands for column ``2 + 2 r``, or, from r = beds on, for row ``2 + 2 (r - beds)``.

    Returns:
        How many rivers run down columns.
    """
    beds, columns = _beds(size), 0
    obstacle = LAVA if size.options[IS_LAVA] else WALL
    for k in range(size.options[CROSSINGS]):
        river = world.scratch[n, k]
        columns += river < beds
        line = 2 + 2 * (river % beds)
        for i in range(1, size.width - 1):
            at = cell_index(size, line, i) if river < beds else cell_index(size, i, line)
            world.grid[n, at] = obstacle
        slot = k
        while slot > 0 and world.scratch[n, slot - 1] > river:
            world.scratch[n, slot] = world.scratch[n, slot - 1]
            slot -= 1
        world.scratch[n, slot] = river
    return int(columns)


def _open_path(draws: Draws) -> Callable[..., None]:
    """Return ``(world, n, size, rng, columns)``: opens the rivers one by one, from start to goal.

    The scratch holds the rivers in order, then from ``2 beds`` on the directions of the passages.
    """
    integers = draws.integers

    def open_path(world: World, n: int, size: Size, rng: Any, columns: int) -> None:
        beds, number = _beds(size), size.options[CROSSINGS]
        left = top = 0
        column, row = 0, columns
        for k in range(number):
            # The banks of the room that the path has come to.
            right = 2 + 2 * world.scratch[n, column] if column < columns else size.width - 1
            bottom = size.height - 1
            if row < number:
                bottom = 2 + 2 * (world.scratch[n, row] - beds)
            onward = world.scratch[n, 2 * beds + k]
            x, y = right, bottom
            if onward == RIGHT:
                y = integers(rng, n, top + 1, bottom)
                left, column = right, column + 1
            else:
                x = integers(rng, n, left + 1, right)
                top, row = bottom, row + 1
            world.grid[n, cell_index(size, x, y)] = EMPTY
            world.memory[n, FIELDS * k + GAP_X] = x
            world.memory[n, FIELDS * k + GAP_Y] = y
            world.memory[n, FIELDS * k + ONWARD] = onward

    return open_path


@outlined
def _measure(world: World, n: int, size: Size) -> None:
    """Note how far the goal is from beyond each opening.

    The openings join the rooms to one chain, and each is entered and left straight; so every way to
    the goal leads through these poses, one room after the other.
    """
    x, y, onward, rest = size.width - 2, size.height - 2, -1, 0
    for k in range(size.options[CROSSINGS] - 1, -1, -1):
        here = FIELDS * k
        through = world.memory[n, here + ONWARD]
        gap_x, gap_y = world.memory[n, here + GAP_X], world.memory[n, here + GAP_Y]
        dx, dy = x - gap_x - (through == RIGHT), y - gap_y - (through == DOWN)
        if onward < 0:
            rest = steps_to_reach(dx, dy, through)
        else:
            rest += steps_to_pose(dx, dy, through, onward) + 1
        world.memory[n, here + REST] = rest
        x, y, onward = gap_x, gap_y, through


def layout(draws: Draws) -> Callable[..., None]:
    """Return the level generator; the draws come in the order of MiniGrid's Crossing.

    Source: MiniGrid 3.2 ``CrossingEnv._gen_grid`` (Chevalier-Boisvert et al., 2023).
    """
    shuffle, open_path = draws.shuffle, draws.outline(_open_path(draws))

    def generate(world: World, n: int, size: Size, rng: Any) -> None:
        beds, number = _beds(size), size.options[CROSSINGS]
        clear(world, n, size)
        start_in_corner(world, n)
        world.grid[n, cell_index(size, size.width - 2, size.height - 2)] = GOAL
        for river in range(2 * beds):
            world.scratch[n, river] = river
        shuffle(world, n, rng, 0, 2 * beds)
        columns = _draw_rivers(world, n, size)
        for k in range(number):
            world.scratch[n, 2 * beds + k] = RIGHT if k < columns else DOWN
        shuffle(world, n, rng, 2 * beds, number)
        open_path(world, n, size, rng, columns)
        _measure(world, n, size)

    return generate


@compiled
def _openings_behind(world: World, n: int, size: Size) -> int:
    """Return how many openings row n's agent has passed."""
    passed = 0
    for k in range(size.options[CROSSINGS]):
        along = X if world.memory[n, FIELDS * k + ONWARD] == RIGHT else Y
        beyond = world.agent[n, along] > world.memory[n, FIELDS * k + GAP_X + along]
        passed += beyond
    return int(passed)


def features(world: World, n: int, size: Size, m: int, out: npt.NDArray[np.float32]) -> None:
    """Write row n's features, in the order of :func:`feature_table`."""
    x, y, heading = world.agent[n, X], world.agent[n, Y], world.agent[n, DIRECTION]
    goal_x, goal_y = size.width - 2, size.height - 2
    number, subgoal = size.options[CROSSINGS], _openings_behind(world, n, size)
    if world.grid[n, position(world, n, size.stride)] == LAVA:
        to_goal = to_subgoal = FAR * size.width * (number + 1)
    elif subgoal == number:
        to_goal = to_subgoal = steps_to_reach(goal_x - x, goal_y - y, heading)
    else:
        gap = FIELDS * subgoal
        dx, dy = world.memory[n, gap + GAP_X] - x, world.memory[n, gap + GAP_Y] - y
        to_subgoal = steps_to_pose(dx, dy, heading, world.memory[n, gap + ONWARD]) + 1
        to_goal = to_subgoal + world.memory[n, gap + REST]
    write_goal(world, n, m, goal_x, goal_y, to_goal, out)
    out[m, TO_GOAL] = subgoal
    out[m, TO_GOAL + 1] = to_subgoal
    out[m, TO_GOAL + 2] = lava_ahead(world, n, size)


def feature_table(size: Size) -> tuple[Feature, ...]:
    """Return the features with their ranges for a level size."""
    number = size.options[CROSSINGS]
    far = FAR * size.width * (number + 1)
    lost = "; the top of the range once in lava" if size.options[IS_LAVA] else ""
    return (
        *goal_features(size, f"fewest actions to the goal through the openings{lost}", far),
        count("subgoal", f"openings behind the agent; {number}: the goal is next", number),
        count(
            "steps_to_subgoal",
            f"fewest actions to stand beyond the next opening, or on the goal{lost}",
            far,
            unit="actions",
        ),
        lava_flag(),
    )


def check(size: Size) -> str:
    """Complain about sides and numbers of rivers that MiniGrid has no levels for."""
    side, number = size.width, size.options[CROSSINGS]
    if side % 2 == 0:
        return f"size must be odd, because rivers run along even lines; got {side}"
    if number > side - 3:
        return f"crossings must be in [1, {side - 3}] for size {side}, got {number}"
    return ""


def card(env_id: str, size: Size, table: tuple[Feature, ...]) -> Card:
    """Describe one size of the world."""
    rivers = "rivers of lava" if size.options[IS_LAVA] else "walls"
    return goal_card(
        env_id,
        size,
        table,
        description=(
            f"A room of {size.width}x{size.height} cells, outer walls included, crossed by "
            f"{size.options[CROSSINGS]} straight {rivers} with one opening each. The agent starts "
            "top left, the goal is bottom right; lines and openings differ from level to level."
        ),
        view=FAMILY.view,
        source="Crossing",
        lava=bool(size.options[IS_LAVA]),
    )


def _family(mission: str) -> Family:
    """Return the family: one world under two missions, which name the obstacle."""
    return Family(
        name="Crossing",
        layout=layout,
        outcome=reach_goal,
        features=features,
        feature_table=feature_table,
        options={
            "size": Option(9, 5, 127, "cells along each side, outer walls included; odd"),
            "crossings": Option(1, 1, 124, "rivers, at most size - 3"),
            "lava": Option(1, 0, 1, "flag: the rivers are lava, else walls"),
        },
        check=check,
        memory=lambda size: FIELDS * size.options[CROSSINGS],
        scratch=lambda size: size.width - 3 + size.options[CROSSINGS],
        max_steps=lambda size: 4 * size.width * size.height,
        mission_text=lambda _: mission,
        useful_actions=WALKING,
        card=card,
    )


FAMILY = _family("avoid the lava and get to the green goal square")
WALLS = _family("find the opening and get to the green goal square")


_MAKERS = makers(WALLS), makers(FAMILY)


def make(*, lava: int = 1, **kwargs: Any) -> gym.Env[Any, Any]:
    """Build a scalar env; see :class:`~operant.envs.gridworld.makers.MakeScalar`."""
    return _MAKERS[bool(lava)][0](lava=lava, **kwargs)


def make_vector(*, lava: int = 1, **kwargs: Any) -> VectorEnv[Any, Any, Any]:
    """Build a batched env; see :class:`~operant.envs.gridworld.makers.MakeVector`."""
    return _MAKERS[bool(lava)][1](lava=lava, **kwargs)
