"""A world of your own, in one file: pick the apple, carry it home."""

from __future__ import annotations

import gymnasium as gym

from operant.envs.gridworld.cells import FORWARD, GOAL, LEFT, PICKUP, RIGHT, ball
from operant.envs.gridworld.distances import steps_to_face, steps_to_reach
from operant.envs.gridworld.draws import free_cell, place_agent
from operant.envs.gridworld.family import Family
from operant.envs.gridworld.features import POSE, count, pose_features, write_pose
from operant.envs.gridworld.makers import makers
from operant.envs.gridworld.world import (
    CARRY,
    DIRECTION,
    X,
    Y,
    cell_index,
    clear,
    column_of,
    row_of,
)
from operant.types import Card

APPLE = ball("red")
APPLE_X, APPLE_Y, MEMORY = range(3)


def layout(draws):
    """Return what draws a level: walls, home, an apple, an agent."""
    free, start_agent = free_cell(draws), place_agent(draws)

    def generate(world, n, size, rng):
        clear(world, n, size)
        world.grid[n, cell_index(size, size.width - 2, size.height - 2)] = GOAL
        at = free(world, n, size, rng, 0, 0, size.width, size.height)
        world.grid[n, at] = APPLE
        world.memory[n, APPLE_X], world.memory[n, APPLE_Y] = column_of(size, at), row_of(size, at)
        start_agent(world, n, size, rng, 0, 0, size.width, size.height)

    return generate


def outcome(world, n, size, action, front):  # noqa: ARG001
    """Return (reward, terminated, success) of the step just taken."""
    home = action == FORWARD and front == GOAL and world.agent[n, CARRY] == APPLE
    return 1.0 if home else 0.0, home, home


def features(world, n, size, m, out):
    """Write what rewards can speak about, in the order of the feature table."""
    write_pose(world, n, m, out)
    x, y, heading = world.agent[n, X], world.agent[n, Y], world.agent[n, DIRECTION]
    if world.agent[n, CARRY] == APPLE:
        subgoal, steps = 1, steps_to_reach(size.width - 2 - x, size.height - 2 - y, heading)
    else:
        dx, dy = world.memory[n, APPLE_X] - x, world.memory[n, APPLE_Y] - y
        subgoal, steps = 0, steps_to_face(dx, dy, heading) + 1
    out[m, POSE] = subgoal
    out[m, POSE + 1] = steps


def feature_table(size):
    """Say what the features mean, and in which range they lie."""
    far = size.width + size.height
    return (
        *pose_features(size),
        count("subgoal", "what is needed next: 0 the apple, 1 home", 1),
        count("steps_to_subgoal", "fewest actions to have it or be there", far, unit="actions"),
    )


def card(env_id, size, table):
    """Tell a reader what the world is."""
    return Card(
        id=env_id,
        description="An open room with one apple. Pick it up and carry it to the corner.",
        observation=FAMILY.view.words,
        action="Discrete(4): left, right, forward, pickup.",
        reward="1 on entering the corner with the apple, 0 before",
        termination="the agent enters the corner with the apple",
        truncation=f"after {size.limit} steps",
        success="the agent is in the corner with the apple",
        metric="success",
        oracle="exact",
        features=table,
    )


FAMILY = Family(
    name="Orchard",
    layout=layout,
    outcome=outcome,
    features=features,
    feature_table=feature_table,
    memory=lambda _: MEMORY,
    max_steps=lambda size: 4 * size.width * size.height,
    card=card,
    action_names=("left", "right", "forward", "pickup"),
    useful_actions=(LEFT, RIGHT, FORWARD, PICKUP),
    rewards=("sparse",),
    minigrid=False,
)
make, make_vector = makers(FAMILY)
gym.register(
    "Orchard-v0",
    entry_point=f"{__name__}:make",
    vector_entry_point=f"{__name__}:make_vector",
    kwargs={"size": 8},
)
