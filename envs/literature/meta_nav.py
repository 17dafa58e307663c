"""MetaNav: the same hidden goal for several rounds; find it in the first, go straight in the rest.

An env episode is a trial of several rounds. The position goes back to the start after each round,
the goal stays for the trial, and nothing but a paid step tells where it is. An agent must therefore
carry what it learned from round to round, in a recurrent state for instance.

Source: RL^2: Fast Reinforcement Learning via Slow Reinforcement Learning (Duan et al., 2016);
VariBAD: A Very Good Method for Bayes-Adaptive Deep RL via Meta-Learning (Zintgraf et al., 2020).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from operant.envs.gridworld.cells import GOAL, WALL
from operant.envs.gridworld.draws import Draws
from operant.envs.gridworld.family import Family, Option
from operant.envs.gridworld.features import count, flag
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
    column_of,
    delta,
    position,
    row_of,
)
from operant.envs.literature.sweep import MAX_SIDE, bayes_optimal_return
from operant.types import Card, Feature, Oracle

if TYPE_CHECKING:
    from operant.envs.gridworld.simulator import Simulator

UP, LEFT, DOWN, RIGHT, STAY = range(5)
SIDE, ROUNDS, ROUND_STEPS = range(3)
"""Indices of the options ``size``, ``rounds`` and ``round_steps``."""
GOAL_AT, PAID, FOUND, ROUND, ROUND_STEP, MEMORY = range(6)
"""Memory: padded index of the goal; whether the last step was paid; whether any was; rounds
finished; steps taken in this one."""


def layout(draws: Draws) -> Callable[..., None]:
    """Return the level generator: a goal anywhere but in the corner where the agent starts."""
    integers = draws.integers

    def generate(world: World, n: int, size: Size, rng: Any) -> None:
        clear(world, n, size)
        side = size.options[SIDE]
        cell = integers(rng, n, 1, side * side)
        goal = cell_index(size, 1 + cell % side, 1 + cell // side)
        world.grid[n, goal] = GOAL
        world.memory[n, GOAL_AT] = goal
        world.memory[n, PAID], world.memory[n, FOUND], world.memory[n, ROUND] = 0, 0, 0
        _start_round(world, n)

    return generate


@compiled
def _start_round(world: World, n: int) -> None:
    """Put row n's agent into its corner."""
    world.agent[n, X], world.agent[n, Y], world.agent[n, DIRECTION] = 1, 1, 0
    world.memory[n, ROUND_STEP] = 0


def act(world: World, n: int, size: Size, action: int) -> int:
    """Move to the neighbouring cell or stay, and return the code of the cell where that leads."""
    if action != STAY:
        # Actions count the other way round than MiniGrid's directions.
        ahead = position(world, n, size.stride) + delta(3 - action, size.stride)
        if world.grid[n, ahead] != WALL:
            world.agent[n, X], world.agent[n, Y] = column_of(size, ahead), row_of(size, ahead)
    return int(world.grid[n, position(world, n, size.stride)])


def track(world: World, n: int, size: Size, action: int, front: int) -> None:  # noqa: ARG001
    """Note whether the step is paid, and send the agent back when a round is over."""
    world.memory[n, PAID] = 1 if front == GOAL else 0
    if front == GOAL:
        world.memory[n, FOUND] = 1
    world.memory[n, ROUND_STEP] += 1
    if world.memory[n, ROUND_STEP] == size.options[ROUND_STEPS]:
        # The time limit ends the last round; without one, as for planners, it stays the last.
        world.memory[n, ROUND] = min(world.memory[n, ROUND] + 1, size.options[ROUNDS])
        _start_round(world, n)


def outcome(
    world: World,  # noqa: ARG001 (the signature of all families)
    n: int,  # noqa: ARG001
    size: Size,  # noqa: ARG001
    action: int,  # noqa: ARG001
    front: int,
) -> tuple[float, bool, bool]:
    """Return (reward, terminated, success): every step that ends on the goal pays."""
    return (1.0 if front == GOAL else 0.0), False, front == GOAL


def observe(world: World, n: int, size: Size, image: npt.NDArray[np.float32]) -> None:
    """Write (x, y, last reward, time in the round, round) into ``image[n]``, all in [0, 1]."""
    last = size.options[SIDE] - 1
    image[n, 0] = (world.agent[n, X] - 1) / last
    image[n, 1] = (world.agent[n, Y] - 1) / last
    image[n, 2] = world.memory[n, PAID]
    image[n, 3] = world.memory[n, ROUND_STEP] / size.options[ROUND_STEPS]
    image[n, 4] = world.memory[n, ROUND] / size.options[ROUNDS]


def features(world: World, n: int, size: Size, m: int, out: npt.NDArray[np.float32]) -> None:
    """Write row n's features, in the order of :func:`feature_table`."""
    goal = world.memory[n, GOAL_AT]
    x, y = world.agent[n, X] - 1, world.agent[n, Y] - 1
    goal_x, goal_y = column_of(size, goal) - 1, row_of(size, goal) - 1
    out[m, 0] = x
    out[m, 1] = y
    out[m, 2] = world.memory[n, ROUND]
    out[m, 3] = world.memory[n, ROUND_STEP]
    out[m, 4] = world.memory[n, FOUND]
    out[m, 5] = goal_x
    out[m, 6] = goal_y
    out[m, 7] = abs(goal_x - x) + abs(goal_y - y)


def feature_table(size: Size) -> tuple[Feature, ...]:
    """Return the features with their ranges."""
    last, steps = size.options[SIDE] - 1, size.options[ROUND_STEPS]
    return (
        count("agent_x", "column of the agent", last, unit="cells", privileged=False),
        count("agent_y", "row of the agent", last, unit="cells", privileged=False),
        count("round", "rounds finished in this trial", size.options[ROUNDS], privileged=False),
        count("round_step", "steps taken in this round", steps - 1, unit="steps", privileged=False),
        flag("goal_found", "the agent has been on the goal in this trial"),
        count("goal_x", "column of the goal", last, unit="cells"),
        count("goal_y", "row of the goal", last, unit="cells"),
        count("steps_to_goal", "fewest moves to the goal", 2 * last, unit="actions"),
    )


def oracle(simulator: Simulator) -> Oracle:
    """Return the optimum of row 0's trial from its current state, for an agent told the goal.

    ``sweep.bayes_optimal_return`` is the optimum of one that is not told.
    """
    size, agent = simulator.size, simulator.world.agent[0]
    goal = int(simulator.world.memory[0, GOAL_AT])
    goal_x, goal_y = column_of(size, goal), row_of(size, goal)
    x, y, in_round = int(agent[X]), int(agent[Y]), int(simulator.world.memory[0, ROUND_STEP])
    actions: list[int] = []
    paid, arrived = 0, False
    for step in range(in_round + 1, in_round + 1 + size.limit - int(agent[STEPS])):
        if x != goal_x:
            action = RIGHT if goal_x > x else LEFT
        elif y != goal_y:
            action = DOWN if goal_y > y else UP
        else:
            action = STAY
        x, y = x + (action == RIGHT) - (action == LEFT), y + (action == DOWN) - (action == UP)
        actions.append(action)
        arrived = (x, y) == (goal_x, goal_y)
        paid += arrived
        if step % size.options[ROUND_STEPS] == 0:
            x, y = 1, 1
    return Oracle(
        kind="exact",
        optimal_return=float(paid),
        solution_length=len(actions) if arrived else None,
        actions=tuple(actions),
        method="shortest ways to the known goal; a bound for agents that must find it",
    )


def told_return(size: Size) -> float:
    """Return the mean over goals of what an agent earns that is told the goal."""
    side, steps = size.options[SIDE], size.options[ROUND_STEPS]
    paid = [max(0, steps - x - y + 1) for x in range(side) for y in range(side)][1:]
    return size.options[ROUNDS] * sum(paid) / len(paid)


def check(size: Size) -> str:
    """Complain about a time limit beyond the end of the trial."""
    trial = size.options[ROUNDS] * size.options[ROUND_STEPS]
    if size.max_steps > trial:
        return f"max_steps must lie in [1, {trial}], the length of a trial; got {size.max_steps}"
    return ""


def card(env_id: str, size: Size, table: tuple[Feature, ...]) -> Card:
    """Describe one size of the world."""
    side, rounds, steps = size.options[:3]
    best = (
        f"; the best that has to find it earns {bayes_optimal_return(side, rounds, steps):.2f} "
        "(Bayes-optimal, exact)"
        if side <= MAX_SIDE
        else ""
    )
    return Card(
        id=env_id,
        description=(
            f"A trial of {rounds} rounds of {steps} steps on {side}x{side} open cells. The agent "
            "starts every round in the upper left corner. The goal is any other cell with equal "
            "probability, hidden, and the same in all rounds of a trial. On average over goals an "
            f"agent that is told the goal earns {told_return(size):.2f} in a trial{best}."
        ),
        observation=FAMILY.view.words,
        action="Discrete(5): up, left, down, right, stay.",
        reward="1 for every step that ends on the goal, 0 otherwise",
        termination="never; a trial always has its full length",
        truncation=f"after {size.limit} steps",
        success="the agent stands on the goal at the end of the trial",
        metric="return",
        oracle="exact",
        features=table,
        tier=0,
        source=(
            "RL^2 (Duan et al., 2016), VariBAD (Zintgraf et al., 2020); the oracle is that of the "
            "level, that is of an agent told the goal."
        ),
    )


FAMILY = Family(
    name="MetaNav",
    layout=layout,
    outcome=outcome,
    features=features,
    feature_table=feature_table,
    max_steps=lambda size: size.options[ROUNDS] * size.options[ROUND_STEPS],
    card=card,
    options={
        "size": Option(5, 2, 16, "open cells along each side"),
        "rounds": Option(4, 1, 100, "rounds of a trial"),
        "round_steps": Option(15, 2, 1000, "steps of a round"),
    },
    dims=lambda options: (options["size"] + 2, options["size"] + 2),
    check=check,
    action_names=("up", "left", "down", "right", "stay"),
    view=box_view(
        observe,
        lambda _: spaces.Box(0, 1, (5,), np.float32),
        np.float32,
        "Box (5,) float32 in [0, 1]: column and row over (side - 1), reward of the last step, "
        "steps of this round over its length, rounds finished over their number.",
    ),
    act=act,
    track=track,
    rewards=("sparse",),
    memory=lambda _: MEMORY,
    useful_actions=(UP, LEFT, DOWN, RIGHT, STAY),
    oracle=oracle,
    minigrid=False,
)
make, make_vector = makers(FAMILY)
