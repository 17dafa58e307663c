"""Coverage: see as much of a field as possible; ground that was seen before pays nothing again.

A step pays the weight of what it newly covers, so the return is a submodular function of the
visited cells, less what the start covers.

Source: Submodular Reinforcement Learning (Prajapat, Mutny, Zeilinger, Krause, 2024) for the task,
the bimodal weights, and the start and time limit of the larger field. Ours: a visit covers a cross
of five cells. The published code covers a cell with its right, lower and lower right neighbours,
which is the option ``block``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from operant.envs.gridworld.cells import EMPTY, code
from operant.envs.gridworld.draws import Draws
from operant.envs.gridworld.family import Family, Option
from operant.envs.gridworld.features import count
from operant.envs.gridworld.jit import compiled
from operant.envs.gridworld.makers import makers
from operant.envs.gridworld.views import box_view
from operant.envs.gridworld.world import (
    DIRECTION,
    STEPS,
    Size,
    World,
    X,
    Y,
    cell_index,
    clear,
    delta,
)
from operant.envs.literature.compass import MOVES, SLIP, go, slips, taken
from operant.envs.literature.coverage_bounds import Field, greedy_walk, upper_bound
from operant.types import Card, Feature, Oracle

if TYPE_CHECKING:
    from operant.envs.gridworld.simulator import Simulator

SIDE, START, MARKOV, RANDOMNESS, BIMODAL, BLOCK = range(6)
"""Indices of the options."""
STAY = 0
ACTIONS = ("stay", *MOVES)
COVERED = code("floor", "green")
FOOTPRINTS = np.array(
    [
        [(0, 0), (1, 0), (0, 1), (-1, 0), (0, -1)],  # a cross
        [(0, 0), (1, 0), (0, 1), (1, 1), (0, 0)],  # the block of the published code: four
    ]
)
"""(footprint, cell, 2): offsets (x, y) of what a visit covers."""
CELLS = np.array([5, 4])
"""Cells of each footprint."""
TOTAL = SLIP + 1
"""Memory: the number of covered cells; the grid says the same."""


@compiled
def weight(size: Size, x: int, y: int) -> float:
    """Return what covering cell (x, y) of the field is worth, 0 <= x, y < side."""
    if size.options[BIMODAL] == 0:
        return 1.0
    last = size.options[SIDE] - 1
    return 1.0 / (1.0 + math.exp(-(2.0 * x / last - 1.0) * (2.0 * y / last - 1.0)))


@compiled
def is_new(world: World, n: int, size: Size, x: int, y: int, i: int) -> bool:
    """Tell whether a visit at (x, y) of the level would newly cover cell i of its footprint."""
    footprint = size.options[BLOCK]
    at = cell_index(size, x + FOOTPRINTS[footprint, i, 0], y + FOOTPRINTS[footprint, i, 1])
    return bool(world.grid[n, at] == EMPTY)


@compiled
def cover(world: World, n: int, size: Size) -> int:
    """Cover what row n's agent sees; return a bit per cell of the footprint that was new."""
    x, y, footprint, fresh = world.agent[n, X], world.agent[n, Y], size.options[BLOCK], 0
    for i in range(CELLS[footprint]):
        if is_new(world, n, size, x, y, i):
            at = cell_index(size, x + FOOTPRINTS[footprint, i, 0], y + FOOTPRINTS[footprint, i, 1])
            world.grid[n, at] = COVERED
            world.memory[n, TOTAL] += 1
            fresh |= 1 << i
    return fresh


def layout(draws: Draws) -> Callable[..., None]:  # noqa: ARG001
    """Return the level generator; it draws nothing."""

    def generate(world: World, n: int, size: Size, rng: Any) -> None:  # noqa: ARG001
        clear(world, n, size)
        side, start = size.options[SIDE], size.options[START]
        world.agent[n, X], world.agent[n, Y] = 1 + start % side, 1 + start // side
        world.agent[n, DIRECTION] = 0
        world.memory[n, SLIP], world.memory[n, TOTAL] = 0, 0
        cover(world, n, size)

    return generate


def act(world: World, n: int, size: Size, action: int) -> int:
    """Move or stay and cover; return the newly covered cells of the footprint as bits."""
    happens = taken(world, n, action)
    if happens != STAY:
        go(world, n, size, happens - 1)
    return cover(world, n, size)


def outcome(
    world: World,
    n: int,
    size: Size,
    action: int,  # noqa: ARG001 (the signature of all families)
    front: int,
) -> tuple[float, bool, bool]:
    """Return (reward, terminated, success): the weight of what is newly covered."""
    gain, footprint = 0.0, size.options[BLOCK]
    for i in range(CELLS[footprint]):
        if (front >> i) & 1:
            x = world.agent[n, X] + FOOTPRINTS[footprint, i, 0]
            y = world.agent[n, Y] + FOOTPRINTS[footprint, i, 1]
            gain += weight(size, x - 1, y - 1)
    return gain, False, False


def features(world: World, n: int, size: Size, m: int, out: npt.NDArray[np.float32]) -> None:
    """Write row n's features, in the order of :func:`feature_table`."""
    x, y = world.agent[n, X], world.agent[n, Y]
    out[m, 0] = x - 1
    out[m, 1] = y - 1
    out[m, 2] = world.memory[n, TOTAL]
    for direction in range(len(MOVES)):
        to_x, to_y = x + delta(direction, 0), y + delta((direction + 3) & 3, 0)
        fresh = 0
        if 1 <= to_x < size.width - 1 and 1 <= to_y < size.height - 1:
            for i in range(CELLS[size.options[BLOCK]]):
                if is_new(world, n, size, to_x, to_y, i):
                    fresh += 1
        out[m, 3 + direction] = fresh


def feature_table(size: Size) -> tuple[Feature, ...]:
    """Return the features with their ranges for a field."""
    side, hidden = size.options[SIDE], size.options[MARKOV] == 0
    most = int(CELLS[size.options[BLOCK]])
    fresh = "cells that a step {} would newly cover; 0 if it leads nowhere"
    return (
        count("agent_x", "column of the agent", side - 1, unit="cells", privileged=False),
        count("agent_y", "row of the agent", side - 1, unit="cells", privileged=False),
        count("covered", "covered cells", side * side, unit="cells", privileged=hidden),
        *(
            count(f"new_{move}", fresh.format(move), most, unit="cells", privileged=hidden)
            for move in MOVES
        ),
    )


def _observe(world: World, n: int, size: Size, image: npt.NDArray[np.uint8]) -> None:
    """Write the planes agent and, unless hidden, covered."""
    for y in range(size.options[SIDE]):
        for x in range(size.options[SIDE]):
            image[n, y, x, 0] = x + 1 == world.agent[n, X] and y + 1 == world.agent[n, Y]
            if size.options[MARKOV]:
                image[n, y, x, 1] = world.grid[n, cell_index(size, x + 1, y + 1)] == COVERED


def _space(size: Size) -> spaces.Box:
    shape = (size.options[SIDE], size.options[SIDE], 1 + size.options[MARKOV])
    return spaces.Box(0, 1, shape, np.uint8)


def oracle(simulator: Simulator) -> Oracle:
    """Return an upper bound on the return of the steps left, and a greedy walk (without slips)."""
    size, world = simulator.size, simulator.world
    side, steps = size.options[SIDE], size.limit - int(world.agent[0, STEPS])
    worth = np.zeros((side, side))
    for y, x in np.ndindex(side, side):
        if world.grid[0, cell_index(size, x + 1, y + 1)] == EMPTY:
            worth[y, x] = weight(size, x, y)
    footprint = size.options[BLOCK]
    field = Field(worth, FOOTPRINTS[footprint, : CELLS[footprint]])
    covered, moves = greedy_walk(field, world.agent[0, X] - 1, world.agent[0, Y] - 1, steps)
    return Oracle(
        kind="upper_bound",
        optimal_return=upper_bound(field, steps),
        solution_length=None,
        actions=() if size.options[RANDOMNESS] else tuple(1 + move for move in moves),
        method=f"sum of the best gains of {steps} steps; a greedy walk without slips: {covered:g}",
    )


def card(env_id: str, size: Size, table: tuple[Feature, ...]) -> Card:
    """Describe one field."""
    side, percent = size.options[SIDE], size.options[RANDOMNESS]
    seen = "its right, lower and lower right" if size.options[BLOCK] else "the four adjacent"
    ground = "1 / (1 + exp(-u v)), u and v its place in [-1, 1]" if size.options[BIMODAL] else "1"
    slipping = f" {percent} % of the actions are replaced by random ones." if percent else ""
    hidden = "" if size.options[MARKOV] else " (not shown: the reward depends on the past)"
    return Card(
        id=env_id,
        description=(
            f"A field of {side}x{side} cells without obstacles. A visit covers the cell and {seen} "
            f"cells; what is covered stays so{hidden}. The agent starts at cell "
            f"{size.options[START]}, counted row by row; what it covers there pays nothing."
            f"{slipping}"
        ),
        observation=FAMILY.view.words,
        action="Discrete(5): stay, right, down, left, up; at an edge a move does nothing.",
        reward=(
            "the weight of the newly covered cells, so that the return is a submodular function of "
            f"the visited cells (less the start's part); the weight of a cell is {ground}"
        ),
        termination="never",
        truncation=f"after {size.limit} steps",
        success="not defined (always False): the return is what counts",
        metric="return",
        oracle="upper_bound",
        features=table,
        tier=0,
        source="Submodular Reinforcement Learning (Prajapat et al., 2024); the cross is ours.",
    )


def no_such_start(size: Size) -> str:
    """Complain about a start outside the field."""
    cells = size.options[SIDE] ** 2
    return "" if size.options[START] < cells else f"start must be less than {cells}"


def stochastic(size: Size) -> bool:
    """Tell whether some actions are replaced by random ones."""
    return size.options[RANDOMNESS] > 0


FAMILY = Family(
    name="Coverage",
    layout=layout,
    act=act,
    drift=slips(RANDOMNESS, len(ACTIONS)),
    outcome=outcome,
    rewards=("true",),
    features=features,
    feature_table=feature_table,
    max_steps=lambda size: 5 + 5 * size.options[SIDE] // 2,
    card=card,
    options={
        "size": Option(10, 2, 128, "cells along each side of the field"),
        "start": Option(0, 0, 128 * 128 - 1, "number of the first cell, row by row"),
        "markov": Option(1, 0, 1, "show what is covered"),
        "randomness": Option(0, 0, 100, "percentage of steps with a random action"),
        "bimodal": Option(0, 0, 1, "weights that are high in two opposite corners"),
        "block": Option(0, 0, 1, "cover a 2x2 block instead of a cross"),
    },
    dims=lambda options: (options["size"] + 2, options["size"] + 2),
    check=no_such_start,
    action_names=ACTIONS,
    view=box_view(
        _observe,
        _space,
        np.uint8,
        "Box (side, side, 2) uint8, indexed [row, column, plane]: agent, covered; with "
        "markov=False only the first plane.",
    ),
    memory=lambda _: TOTAL + 1,
    useful_actions=tuple(range(len(ACTIONS))),
    stochastic=stochastic,
    oracle=oracle,
    minigrid=False,
)
make, make_vector = makers(FAMILY)
