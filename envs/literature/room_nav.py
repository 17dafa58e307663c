"""RoomNav: four rooms of 7x7 cells, gates in thin walls, slippery moves, one rewarded way out.

Cells are numbered ``y * 7 + x`` with y upwards. Walls are edges between cells, so a level is drawn
on a grid twice as fine: cell (x, y) of the task at an odd place, the edges in between.

Source: Explicable Reward Design for Reinforcement Learning Agents (Devidze, Radanovic, Kamalaruban,
Singla, 2021), RoomsNavEnv with its terminal state. Its code has two oddities, kept behind the
option ``legacy_corner``: cell (0, 0) has an unpaid way out, and down from the goal cell (6, 6) an
index that is off by one leads to cell (0, 6).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from operant import finite
from operant.envs.gridworld.cells import GOAL, WALL
from operant.envs.gridworld.draws import Draws, counter_integers, uniform
from operant.envs.gridworld.family import Family, Option, always
from operant.envs.gridworld.features import count
from operant.envs.gridworld.jit import compiled
from operant.envs.gridworld.makers import makers
from operant.envs.gridworld.views import discrete_view
from operant.envs.gridworld.world import (
    DIRECTION,
    STEPS,
    Size,
    World,
    X,
    Y,
    clear,
    delta,
    position,
)
from operant.finite import FiniteMDP
from operant.types import Card, Feature, Float, Oracle

if TYPE_CHECKING:
    from operant.envs.gridworld.simulator import Simulator

UP, LEFT, DOWN, RIGHT = range(4)
SIDE = 7
CELLS = SIDE * SIDE
START, GOAL_STATE, EXIT = SIDE + 1, CELLS - 1, CELLS
"""State numbers of cell (1, 1), of the goal cell (6, 6) and of being outside."""
WALLED, GATES = 3, (1, 5)
"""Walls run along the near side of row and column 3; gates are where the other coordinate is one
of these."""
SLIP, PRIZE = 0.1, 10.0
PAID, LEFT_GOAL, LEFT_CORNER = 1, 2, 4
"""Bits of what ``act`` reports."""


def _successor(state: int, action: int, legacy_corner: int) -> int:
    """Return where a move leads if nothing slips: a cell, the same cell at a wall, or ``EXIT``."""
    y, x = divmod(state, SIDE)
    if legacy_corner and state == GOAL_STATE and action == DOWN:
        return GOAL_STATE - SIDE + 1
    if (state == GOAL_STATE and action in (UP, RIGHT)) or (
        legacy_corner and state == 0 and action in (LEFT, DOWN)
    ):
        return EXIT
    to_x, to_y = x + (action == RIGHT) - (action == LEFT), y + (action == UP) - (action == DOWN)
    into_row = to_y != y and max(y, to_y) == WALLED and x not in GATES
    into_column = to_x != x and max(x, to_x) == WALLED and y not in GATES
    inside = 0 <= to_x < SIDE and 0 <= to_y < SIDE
    return to_y * SIDE + to_x if inside and not into_row and not into_column else state


def _slips() -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int16]]:
    """Tabulate the cells that a move may slip to, and how many there are."""
    slips, counts = np.zeros((2, CELLS, 4, 4), np.int16), np.zeros((2, CELLS, 4), np.int16)
    for legacy, state, action in np.ndindex(2, CELLS, 4):
        others = {*NEXT[legacy, state].tolist()} - {state, int(NEXT[legacy, state, action])}
        slips[legacy, state, action, : len(others)] = sorted(others)
        counts[legacy, state, action] = len(others)
    return slips, counts


NEXT = np.array(
    [[[_successor(s, a, legacy) for a in range(4)] for s in range(CELLS)] for legacy in (0, 1)],
    np.int16,
)
"""(legacy_corner, state, action) -> state, if nothing slips."""
SLIPS, SLIP_COUNTS = _slips()
"""(legacy_corner, state, action) -> the other neighbours, padded to 4; -> how many there are."""


def _distances() -> npt.NDArray[np.int16]:
    """Return the fewest moves from every cell to the goal cell."""
    moves = np.full(CELLS + 1, CELLS, np.int16)
    moves[GOAL_STATE] = 0
    for _ in range(CELLS):
        moves[:CELLS] = np.minimum(moves[:CELLS], moves[NEXT[0]].min(axis=1) + 1)
    return moves[:CELLS]


DISTANCES = _distances()


@compiled
def state_of(world: World, n: int, size: Size) -> int:  # noqa: ARG001
    """Return the number of row n's cell, ``y * 7 + x`` with y upwards."""
    return int((SIDE - 1 - world.agent[n, Y] // 2) * SIDE + world.agent[n, X] // 2)


@compiled
def _place(world: World, n: int, state: int) -> None:
    """Put row n's agent into a cell."""
    world.agent[n, X] = 2 * (state % SIDE) + 1
    world.agent[n, Y] = 2 * (SIDE - 1 - state // SIDE) + 1


def layout(draws: Draws) -> Callable[..., None]:  # noqa: ARG001
    """Return the level generator, which draws nothing: all episodes start alike."""

    def generate(world: World, n: int, size: Size, rng: Any) -> None:  # noqa: ARG001
        clear(world, n, size)
        for state in range(CELLS):
            _place(world, n, state)
            here = position(world, n, size.stride)
            for action in range(4):
                if NEXT[0, state, action] == state:
                    # Actions count the other way round than MiniGrid's directions.
                    edge = here + delta(3 - action, size.stride)
                    post = delta(action, size.stride)  # at a right angle to it
                    for i in range(-1, 2):
                        world.grid[n, edge + i * post] = WALL
            if state == GOAL_STATE:
                world.grid[n, here] = GOAL
        _place(world, n, START)
        world.agent[n, DIRECTION] = 0

    return generate


def act(world: World, n: int, size: Size, action: int) -> int:
    """Move to the cell wanted, or with probability 0.1 to another neighbour of this one."""
    state, legacy = state_of(world, n, size), size.options[0]
    target = NEXT[legacy, state, action]
    if uniform(world.rng, n) < SLIP:
        other = counter_integers(world.rng, n, 0, SLIP_COUNTS[legacy, state, action])
        target = SLIPS[legacy, state, action, other]
    paid = PAID if state == GOAL_STATE and action == RIGHT else 0
    if target == EXIT:
        return paid + (LEFT_GOAL if state == GOAL_STATE else LEFT_CORNER)
    _place(world, n, target)
    return paid


def outcome(
    world: World,  # noqa: ARG001 (the signature of all families)
    n: int,  # noqa: ARG001
    size: Size,  # noqa: ARG001
    action: int,  # noqa: ARG001
    front: int,
) -> tuple[float, bool, bool]:
    """Return (reward, terminated, success): trying to leave by the goal's right edge pays."""
    return (PRIZE if front & PAID else 0.0), front >= LEFT_GOAL, front == PAID + LEFT_GOAL


def features(world: World, n: int, size: Size, m: int, out: npt.NDArray[np.float32]) -> None:
    """Write row n's features, in the order of :func:`feature_table`."""
    state = state_of(world, n, size)
    x, y = state % SIDE, state // SIDE
    out[m, 0] = x
    out[m, 1] = y
    out[m, 2] = (1 if x >= WALLED else 0) + (2 if y >= WALLED else 0)
    out[m, 3] = DISTANCES[state]


def feature_table(size: Size) -> tuple[Feature, ...]:  # noqa: ARG001
    """Return the features with their ranges."""
    return (
        count("agent_x", "column of the agent, 0 leftmost", SIDE - 1, unit="cells"),
        count("agent_y", "row of the agent, 0 lowest", SIDE - 1, unit="cells"),
        count("room", "0 lower left, 1 lower right, 2 upper left, 3 upper right", 3),
        count(
            "steps_to_goal",
            "fewest moves to the goal cell if nothing slips",
            int(DISTANCES.max()),
            unit="actions",
        ),
    )


def model(legacy_corner: bool = False) -> FiniteMDP:
    """Return the explicit MDP of the 49 cells, without a time limit.

    Args:
        legacy_corner: As the option of the same name.
    """
    corner = int(legacy_corner)
    transition, reward = np.zeros((4, CELLS, CELLS + 1)), np.zeros((4, CELLS))
    for state, action in np.ndindex(CELLS, 4):
        transition[action, state, NEXT[corner, state, action]] += 1 - SLIP
        others = SLIPS[corner, state, action, : SLIP_COUNTS[corner, state, action]]
        transition[action, state, others] += SLIP / len(others)
    reward[RIGHT, GOAL_STATE] = PRIZE
    return FiniteMDP(
        transition=transition[:, :, :CELLS].swapaxes(0, 1),
        reward=reward.T,
        start=np.eye(CELLS)[START],
    )


def model_from_here(simulator: Simulator) -> FiniteMDP:
    """Return the explicit MDP that starts in row 0's cell."""
    size, world = simulator.size, simulator.world
    start = np.eye(CELLS)[state_of(world, 0, size)]
    return dataclasses.replace(model(bool(size.options[0])), start=start)


def value_iteration(gamma: float, legacy_corner: bool = False) -> Float:
    """Return the optimal discounted value of the 49 cells without a time limit.

    Args:
        gamma: Discount in [0, 1).
        legacy_corner: As the option of the same name.

    Raises:
        ValueError: If gamma is outside its range.
    """
    return finite.value_iteration(model(legacy_corner), gamma=gamma).values


def oracle(simulator: Simulator) -> Oracle:
    """Return the best expected return of row 0 from where it stands, within the time left."""
    size, world = simulator.size, simulator.world
    left = size.limit - int(world.agent[0, STEPS])
    values = finite.finite_horizon(model(bool(size.options[0])), left)
    return Oracle(
        kind="exact",
        optimal_return=float(values[state_of(world, 0, size)]),
        solution_length=None,
        actions=(),
        method="dynamic programming over cells and remaining steps; expected over slips",
    )


def card(env_id: str, size: Size, table: tuple[Feature, ...]) -> Card:
    """Describe the world."""
    oddities = (
        " As in the published code, there is an unpaid way out at cell (0, 0) too, and down from "
        "cell (6, 6) leads to cell (0, 6)."
    )
    corner = " or cell (0, 0) to the left or downwards"
    return Card(
        id=env_id,
        description=(
            "Four rooms of a 7x7 grid, joined by four gates in thin walls. The agent starts in "
            "cell (1, 1) of the lower left room; the way out is at the upper right cell (6, 6). "
            "A move succeeds with probability 0.9, at a wall by staying; else it slips to one of "
            f"the other neighbours, the outside included.{oddities if size.options[0] else ''}"
        ),
        observation=FAMILY.view.words,
        action="Discrete(4): up, left, down, right.",
        reward=(
            "10 for the action right in cell (6, 6), even where it slips and the episode goes on; "
            "0 otherwise"
        ),
        termination=(
            f"the agent leaves cell (6, 6) to the right or upwards"
            f"{corner if size.options[0] else ''}"
        ),
        truncation=f"after {size.limit} steps",
        success="the agent leaves from cell (6, 6) by the action right",
        metric="success",
        oracle="exact",
        features=table,
        tier=0,
        source="Explicable Reward Design for Reinforcement Learning Agents (Devidze et al., 2021).",
    )


FAMILY = Family(
    name="RoomNav",
    layout=layout,
    outcome=outcome,
    features=features,
    feature_table=feature_table,
    max_steps=lambda _: 50,
    card=card,
    options={
        "legacy_corner": Option(
            0, 0, 1, "1: transitions at cells (0, 0) and (6, 6) as in the published code"
        )
    },
    dims=lambda _: (2 * SIDE + 1, 2 * SIDE + 1),
    action_names=("up", "left", "down", "right"),
    view=discrete_view(
        state_of, lambda _: CELLS, "Discrete(49): number of the cell, y * 7 + x with y upwards."
    ),
    act=act,
    rewards=("sparse",),
    useful_actions=(UP, LEFT, DOWN, RIGHT),
    stochastic=always,
    oracle=oracle,
    model=model_from_here,
    minigrid=False,
)
make, make_vector = makers(FAMILY)
