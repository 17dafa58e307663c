"""Chain: a small reward in the wrong direction, a large one in the right one.

Source: Exploration-Guided Reward Shaping for Reinforcement Learning under Sparse Rewards (Devidze,
Kamalaruban, Singla, 2022) has chains with a distractor. The sizes and that both ends end the
episode are ours; :func:`published` is the chain of its code, as an explicit MDP.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from operant.envs.gridworld.cells import EMPTY, GOAL, code
from operant.envs.gridworld.draws import Draws
from operant.envs.gridworld.family import Family, Option
from operant.envs.gridworld.features import count
from operant.envs.gridworld.makers import makers
from operant.envs.gridworld.views import discrete_view
from operant.envs.gridworld.world import DIRECTION, STEPS, Size, World, X, Y, cell_index, clear
from operant.finite import FiniteMDP
from operant.types import Card, Feature, Oracle

if TYPE_CHECKING:
    from operant.envs.gridworld.simulator import Simulator

LEFT, RIGHT = range(2)
LENGTH = 0
"""Index of the option ``length``."""
PRIZE, DISTRACTION = 1.0, 0.1
"""What the right and the left end pay."""
BAIT = code("floor", "yellow")


def layout(draws: Draws) -> Callable[..., None]:  # noqa: ARG001
    """Return the level generator, which draws nothing: all episodes start in the middle."""

    def generate(world: World, n: int, size: Size, rng: Any) -> None:  # noqa: ARG001
        clear(world, n, size)
        world.grid[n, cell_index(size, 1, 1)] = BAIT
        world.grid[n, cell_index(size, size.options[LENGTH], 1)] = GOAL
        world.agent[n, X], world.agent[n, Y] = 1 + size.options[LENGTH] // 2, 1
        world.agent[n, DIRECTION] = 0

    return generate


def act(world: World, n: int, size: Size, action: int) -> int:
    """Move one state to the left or right and return the code of the cell entered."""
    world.agent[n, X] += 1 if action == RIGHT else -1
    return int(world.grid[n, cell_index(size, world.agent[n, X], 1)])


def outcome(
    world: World,  # noqa: ARG001 (the signature of all families)
    n: int,  # noqa: ARG001
    size: Size,  # noqa: ARG001
    action: int,  # noqa: ARG001
    front: int,
) -> tuple[float, bool, bool]:
    """Return (reward, terminated, success): both ends pay and end the episode."""
    if front == GOAL:
        return PRIZE, True, True
    return (DISTRACTION if front == BAIT else 0.0), front != EMPTY, False


def state_of(world: World, n: int, size: Size) -> int:  # noqa: ARG001
    """Return the number of row n's state, 0 at the left end."""
    return int(world.agent[n, X]) - 1


def features(world: World, n: int, size: Size, m: int, out: npt.NDArray[np.float32]) -> None:
    """Write row n's features, in the order of :func:`feature_table`."""
    state = world.agent[n, X] - 1
    out[m, 0] = state
    out[m, 1] = size.options[LENGTH] - 1 - state
    out[m, 2] = state


def feature_table(size: Size) -> tuple[Feature, ...]:
    """Return the features with their ranges for a length."""
    last = size.options[LENGTH] - 1
    return (
        count("position", "number of the state, 0 at the left end", last, privileged=False),
        count("steps_to_goal", "moves to the right end", last, unit="actions", privileged=False),
        count(
            "steps_to_distractor", "moves to the left end", last, unit="actions", privileged=False
        ),
    )


def oracle(simulator: Simulator) -> Oracle:
    """Return the optimum of row 0 from where it stands: the best end within the time left."""
    size, agent = simulator.size, simulator.world.agent[0]
    to_left = int(agent[X]) - 1
    to_right = size.options[LENGTH] - 1 - to_left
    left = size.limit - int(agent[STEPS])
    action, steps, best = (
        (RIGHT, to_right, PRIZE) if to_right <= left else (LEFT, to_left, DISTRACTION)
    )
    within = steps <= left
    return Oracle(
        kind="exact",
        optimal_return=best if within else 0.0,
        solution_length=to_right if to_right <= left else None,
        actions=(action,) * steps if within else (),
        method="distances to both ends",
    )


def published() -> FiniteMDP:
    """Return the source's chain: 61 cells, a reward that lasts at the right end, slips.

    It starts in cell 40, 20 cells from the right end, where staying by the action right pays 1 at
    every step. The action left in the left-most cell ends the episode; left in cell 25, 15 cells
    from the start, pays 0.01 and distracts. With probability 0.05 the action is replaced by one
    drawn uniformly. The source has a time limit of 40 steps and a discount of 0.99.
    """
    cells, start, bait, slip = 61, 40, 25, 0.05
    sure, paid = np.zeros((2, cells, cells)), np.zeros((2, cells))
    for cell in range(cells):
        if cell > 0:
            sure[LEFT, cell, cell - 1] = 1
        sure[RIGHT, cell, min(cell + 1, cells - 1)] = 1
    paid[RIGHT, cells - 1], paid[LEFT, bait] = 1.0, 0.01
    transition = (1 - slip) * sure + slip * sure.mean(axis=0)
    return FiniteMDP(
        transition=transition.swapaxes(0, 1), reward=paid.T, start=np.eye(cells)[start]
    )


def card(env_id: str, size: Size, table: tuple[Feature, ...]) -> Card:
    """Describe one length of the world."""
    length = size.options[LENGTH]
    return Card(
        id=env_id,
        description=(
            f"A chain of {length} states; the agent starts in state {length // 2}. The right end "
            f"pays {PRIZE:g}; the left end is a distractor that pays {DISTRACTION:g}."
        ),
        observation=FAMILY.view.words,
        action="Discrete(2): left, right.",
        reward=(
            f"{PRIZE:g} on reaching state {length - 1}, {DISTRACTION:g} on reaching state 0, "
            "0 otherwise"
        ),
        termination="the agent reaches either end",
        truncation=f"after {size.limit} steps",
        success=f"the agent reaches state {length - 1}",
        metric="success",
        oracle="exact",
        features=table,
        tier=0,
        source=(
            "After the chains of Exploration-Guided Reward Shaping (Devidze et al., 2022); sizes "
            "and rewards are ours."
        ),
    )


FAMILY = Family(
    name="Chain",
    layout=layout,
    outcome=outcome,
    features=features,
    feature_table=feature_table,
    max_steps=lambda size: size.options[LENGTH],
    card=card,
    options={"length": Option(40, 3, 1000, "states of the chain, both ends included")},
    dims=lambda options: (options["length"] + 2, 3),
    action_names=("left", "right"),
    view=discrete_view(
        state_of, lambda size: size.options[LENGTH], "Discrete: number of the state, 0 leftmost."
    ),
    act=act,
    rewards=("sparse",),
    useful_actions=(LEFT, RIGHT),
    oracle=oracle,
    minigrid=False,
)
make, make_vector = makers(FAMILY)
