"""LineKey: a line from 0 to 1; fetch the key near the left end, leave at the right end.

The position is continuous in the source; here it is a whole number of ten-thousandths, and a step
is one of 21 lengths. That keeps the state exact on every machine, and the optimum computable.

Source: Explicable Reward Design for Reinforcement Learning Agents (Devidze, Radanovic, Kamalaruban,
Singla, 2021), LineKeyNavEnv.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from operant import finite
from operant.envs.gridworld import cells
from operant.envs.gridworld.cells import EMPTY, GOAL
from operant.envs.gridworld.draws import Draws, counter_integers, uniform
from operant.envs.gridworld.family import Family, always
from operant.envs.gridworld.features import count, flag
from operant.envs.gridworld.jit import compiled
from operant.envs.gridworld.makers import makers
from operant.envs.gridworld.views import box_view
from operant.envs.gridworld.world import (
    CARRY,
    DIRECTION,
    STEPS,
    Size,
    World,
    X,
    Y,
    cell_index,
    clear,
)
from operant.finite import FiniteMDP
from operant.types import Card, Feature, Float, Int, Obs, Oracle

if TYPE_CHECKING:
    from operant.envs.gridworld.simulator import Simulator

LEFT, RIGHT, PICK = range(3)
UNIT = 10_000
"""Positions are whole multiples of 1 / UNIT."""
START, KEY_LOW, KEY_HIGH, WAY_OUT = 5000, 1000, 2000, 9000
SHORTEST, LONGEST = 740, 760
"""Lengths of a step, both included, equally likely."""
SLIP, PRIZE = 0.1, 10.0
AT = 0
"""Memory: the position in units."""
KEY = cells.key("yellow")
WIDE = 20
"""Cells of the abstraction and of the picture, each 1 / 20 of the line."""
KEY_CELLS, GOAL_CELLS = (2, 3), (18, 19)
PAID, ENDED = 1, 2
"""Bits of what ``act`` reports."""


@compiled
def cell_of(at: int) -> int:
    """Return the number of the cell in [0, 20) that a position lies in."""
    return int(min(WIDE - 1, at * WIDE // UNIT))


@compiled
def _mark_keys(world: World, n: int, size: Size, cell: int) -> None:
    """Put a code where the picture shows the key."""
    for i in range(len(KEY_CELLS)):
        world.grid[n, cell_index(size, 1 + KEY_CELLS[i], 1)] = cell


def layout(draws: Draws) -> Callable[..., None]:  # noqa: ARG001
    """Return the level generator, which draws nothing: all episodes start alike."""

    def generate(world: World, n: int, size: Size, rng: Any) -> None:  # noqa: ARG001
        clear(world, n, size)
        _mark_keys(world, n, size, KEY)
        for i in range(len(GOAL_CELLS)):
            world.grid[n, cell_index(size, 1 + GOAL_CELLS[i], 1)] = GOAL
        world.memory[n, AT] = START
        world.agent[n, X], world.agent[n, Y] = 1 + cell_of(START), 1
        world.agent[n, DIRECTION] = 0

    return generate


def act(world: World, n: int, size: Size, action: int) -> int:
    """Step or pick; with probability 0.1 another action happens, except when leaving."""
    at = int(world.memory[n, AT])
    if action == RIGHT and at >= WAY_OUT:
        return ENDED + (PAID if world.agent[n, CARRY] == KEY else 0)
    if uniform(world.rng, n) < SLIP:
        action = (action + 1 + counter_integers(world.rng, n, 0, 2)) % 3
    if action == PICK:
        if KEY_LOW <= at <= KEY_HIGH and world.agent[n, CARRY] == EMPTY:
            world.agent[n, CARRY] = KEY
            _mark_keys(world, n, size, EMPTY)
        return 0
    step = counter_integers(world.rng, n, SHORTEST, LONGEST + 1)
    at = min(at + step, UNIT) if action == RIGHT else max(at - step, 0)
    world.memory[n, AT] = at
    world.agent[n, X] = 1 + cell_of(at)
    return 0


def outcome(
    world: World,  # noqa: ARG001 (the signature of all families)
    n: int,  # noqa: ARG001
    size: Size,  # noqa: ARG001
    action: int,  # noqa: ARG001
    front: int,
) -> tuple[float, bool, bool]:
    """Return (reward, terminated, success): leaving pays if the agent has the key."""
    paid = front & PAID != 0
    return (PRIZE if paid else 0.0), front != 0, paid


def observe(world: World, n: int, size: Size, image: npt.NDArray[np.float32]) -> None:  # noqa: ARG001
    """Write (position, key) into ``image[n]``."""
    image[n, 0] = world.memory[n, AT] / UNIT
    image[n, 1] = world.agent[n, CARRY] == KEY


def features(world: World, n: int, size: Size, m: int, out: npt.NDArray[np.float32]) -> None:  # noqa: ARG001
    """Write row n's features, in the order of :func:`feature_table`."""
    at, has_key = int(world.memory[n, AT]), world.agent[n, CARRY] == KEY
    to_key = max(KEY_LOW - at, 0) + max(at - KEY_HIGH, 0)
    to_goal = max(WAY_OUT - at, 0)
    out[m, 0] = at / UNIT
    out[m, 1] = cell_of(at)
    out[m, 2] = has_key
    out[m, 3] = 0 if has_key else to_key / UNIT
    out[m, 4] = to_goal / UNIT
    out[m, 5] = 1 if has_key else 0
    out[m, 6] = to_goal / UNIT if has_key else to_key / UNIT


def feature_table(size: Size) -> tuple[Feature, ...]:  # noqa: ARG001
    """Return the features with their ranges."""

    def length(name: str, description: str, high: float) -> Feature:
        return Feature(name=name, description=description, low=0, high=high, unit="line lengths")

    return (
        length("position", "where the agent is: 0 left end, 1 right end", 1),
        count("cell", "number of the twentieth of the line it is in", WIDE - 1, privileged=False),
        flag("has_key", "the agent carries the key", privileged=False),
        length("distance_to_key", "to the nearest place to pick the key; 0 if held", 1),
        length("distance_to_exit", "to the nearest place to leave from", 1),
        count("subgoal", "what is needed next: 0 the key, 1 the exit", 1, privileged=False),
        length("distance_to_subgoal", "the distance that belongs to `subgoal`", 1),
    )


def _slipping(kept: tuple[Float, Float, Float]) -> list[Float]:
    """Mix what the three actions lead to as slips do."""
    others = sum(kept[1:], kept[0])
    return [(1 - SLIP) * own + SLIP / 2 * (others - own) for own in kept]


def abstraction() -> FiniteMDP:
    """Return the published abstraction: 20 cells without and 20 with the key (and the outside).

    A step leads one or two cells on, equally likely. State ``20 * key + cell``; start in state 10
    or 11, equally likely. Unlike on the line, also a slip to the right leaves from the goal cells.
    """
    states = 2 * WIDE
    sure, reward = np.zeros((3, states, states)), np.zeros((3, states))
    for state in range(states):
        key, cell = divmod(state, WIDE)
        for step in (1, 2):
            sure[LEFT, state, key * WIDE + max(cell - step, 0)] += 0.5
            if cell not in GOAL_CELLS:
                sure[RIGHT, state, state + step] += 0.5
        sure[PICK, state, WIDE + cell if cell in KEY_CELLS else state] = 1
    transition = np.stack(_slipping((sure[LEFT], sure[RIGHT], sure[PICK])))
    goals = np.add.outer((0, WIDE), GOAL_CELLS).ravel()
    transition[RIGHT, goals] = 0  # leaving does not slip
    reward[RIGHT, [WIDE + cell for cell in GOAL_CELLS]] = PRIZE
    start = np.zeros(states)
    start[[10, 11]] = 0.5
    return FiniteMDP(transition=transition.swapaxes(0, 1), reward=reward.T, start=start)


def abstract_state(obs: Obs) -> Int:
    """Return the states of :func:`abstraction` that (B, 2) observations lie in, (B,)."""
    seen = np.asarray(obs, np.float64)
    # Observations are float32: rounding finds the position again, which cells begin at exactly.
    at = np.rint(seen[:, 0] * UNIT).astype(np.int64)
    cell = np.minimum(at * WIDE // UNIT, WIDE - 1)
    state: Int = cell + WIDE * (seen[:, 1] > 0.5)
    return state


def value_iteration(gamma: float) -> Float:
    """Return the optimal discounted value of the 40 states of :func:`abstraction`.

    Args:
        gamma: Discount in [0, 1).

    Raises:
        ValueError: If gamma is outside its range.
    """
    return finite.value_iteration(abstraction(), gamma=gamma).values


def _after_step(values: Float) -> tuple[Float, Float]:
    """Return the mean of (UNIT + 1,) values after a step left and after one right."""
    lengths = np.full(LONGEST - SHORTEST + 1, 1 / (LONGEST - SHORTEST + 1))
    # Beyond its ends the line goes on with the value of the end. Entry i of the means averages
    # entries i .. i + 20 of what is averaged.
    means = np.convolve(np.pad(values, LONGEST, "edge"), lengths, "valid")
    return means[: UNIT + 1], means[LONGEST + SHORTEST :][: UNIT + 1]


def best_returns(horizon: int) -> Float:
    """Return the optimal expected undiscounted return, (2, UNIT + 1): by key, by position.

    Args:
        horizon: Steps left.
    """
    values = np.zeros((2, UNIT + 1))
    places = np.arange(UNIT + 1)
    near_key = (places >= KEY_LOW) & (places <= KEY_HIGH)
    for _ in range(horizon):
        better = np.empty_like(values)
        for key in range(2):
            picked = np.where(near_key, values[1], values[key])
            worth = np.stack(_slipping((*_after_step(values[key]), picked)))
            worth[RIGHT, WAY_OUT:] = PRIZE * key
            better[key] = worth.max(axis=0)
        if np.array_equal(better, values):
            break
        values = better
    return values


def oracle(simulator: Simulator) -> Oracle:
    """Return the best expected return of row 0 from where it stands, within the time left."""
    world = simulator.world
    left = simulator.size.limit - int(world.agent[0, STEPS])
    values = best_returns(left)[int(world.agent[0, CARRY] == KEY)]
    return Oracle(
        kind="exact",
        optimal_return=float(values[world.memory[0, AT]]),
        solution_length=None,
        actions=(),
        method="dynamic programming over positions, key and remaining steps; expected over slips",
    )


def card(env_id: str, size: Size, table: tuple[Feature, ...]) -> Card:
    """Describe the world."""
    return Card(
        id=env_id,
        description=(
            "A line from 0 to 1. The agent starts at 0.5; the key can be picked between 0.1 and "
            "0.2, the way out is to the right of 0.9. A step has a length drawn from 0.0740, "
            "0.0741 .. 0.0760 and stops at the ends. With probability 0.1 one of the other two "
            "actions happens instead; only leaving never slips."
        ),
        observation=FAMILY.view.words,
        action="Discrete(3): left, right, pick.",
        reward="10 on leaving with the key, 0 otherwise",
        termination="the agent chooses right at 0.9 or beyond, with the key or without",
        truncation=f"after {size.limit} steps",
        success="the agent leaves with the key",
        metric="success",
        oracle="exact",
        features=table,
        tier=0,
        source="Explicable Reward Design for Reinforcement Learning Agents (Devidze et al., 2021).",
    )


FAMILY = Family(
    name="LineKey",
    layout=layout,
    outcome=outcome,
    features=features,
    feature_table=feature_table,
    max_steps=lambda _: 50,
    card=card,
    options={},
    dims=lambda _: (WIDE + 2, 3),
    action_names=("left", "right", "pick"),
    view=box_view(
        observe,
        lambda _: spaces.Box(0, 1, (2,), np.float32),
        np.float32,
        "Box (2,) float32: position in [0, 1] and whether the agent has the key (0 or 1).",
    ),
    act=act,
    rewards=("sparse",),
    memory=lambda _: 1,
    useful_actions=(LEFT, RIGHT, PICK),
    stochastic=always,
    oracle=oracle,
    minigrid=False,
)
make, make_vector = makers(FAMILY)
