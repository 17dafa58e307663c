"""What worlds whose only task is to walk to a goal share: features and the card."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from operant.envs.gridworld.cells import FORWARD, LAVA, LEFT, RIGHT
from operant.envs.gridworld.family import MINIGRID
from operant.envs.gridworld.features import POSE, count, flag, pose_features, write_pose
from operant.envs.gridworld.jit import compiled
from operant.envs.gridworld.views import View
from operant.envs.gridworld.world import DIRECTION, Size, World, X, Y, front_index
from operant.types import Card, Feature

WALKING = (LEFT, RIGHT, FORWARD)
"""Useful actions where nothing can be carried or opened."""
TO_GOAL = POSE + 3
"""Number of columns that :func:`write_goal` fills, pose included."""


@compiled
def start_in_corner(world: World, n: int) -> None:
    """Put row n's agent into the top left corner, facing right."""
    world.agent[n, X] = world.agent[n, Y] = 1
    world.agent[n, DIRECTION] = 0


@compiled
def lava_ahead(world: World, n: int, size: Size) -> bool:
    """Tell whether a step forward would be the last."""
    return bool(world.grid[n, front_index(world, n, size)] == LAVA)


@compiled
def write_goal(
    world: World,
    n: int,
    m: int,
    goal_x: int,
    goal_y: int,
    steps: int,
    out: npt.NDArray[np.float32],
) -> None:
    """Write the pose, the goal's offset and ``steps`` to it into ``out[m, :TO_GOAL]``."""
    write_pose(world, n, m, out)
    out[m, POSE] = goal_x - world.agent[n, X]
    out[m, POSE + 1] = goal_y - world.agent[n, Y]
    out[m, POSE + 2] = steps


def goal_features(size: Size, meaning: str, far: int) -> tuple[Feature, ...]:
    """Return the table of what :func:`write_goal` writes.

    Args:
        size: Constants of the level.
        meaning: What ``steps_to_goal`` counts.
        far: Its largest value, in actions.
    """
    wide, tall = size.width - 3, size.height - 3
    return (
        *pose_features(size),
        count("goal_dx", "columns to go, rightwards if positive", wide, low=-wide, unit="cells"),
        count("goal_dy", "rows to go, downwards if positive", tall, low=-tall, unit="cells"),
        count("steps_to_goal", meaning, far, unit="actions"),
    )


def open_floor(size: Size) -> int:
    """Return the most actions that a walk over an open floor can need: two runs and two turns."""
    return size.width + size.height - 4


def lava_flag() -> Feature:
    """Return the feature that says what :func:`lava_ahead` does."""
    return flag("lava_ahead", "the cell in front is lava", privileged=False)


def goal_card(
    env_id: str,
    size: Size,
    table: tuple[Feature, ...],
    *,
    description: str,
    view: View,
    source: str,
    lava: bool = False,
) -> Card:
    """Describe a deterministic world whose task is to reach the goal and, if any, to avoid lava."""
    paid = f"1 - 0.9 t / {size.max_steps}" if size.reward == MINIGRID else "exactly 1"
    return Card(
        id=env_id,
        description=description,
        observation=view.words,
        action="Discrete(7): left, right, forward, pickup, drop, toggle, done.",
        reward=f"{paid} on stepping onto the goal, 0 otherwise",
        termination="the agent steps onto the goal" + (" or into lava" if lava else ""),
        truncation=f"after {size.limit} steps",
        success="the agent stands on the goal",
        metric="success",
        oracle="exact",
        features=table,
        tier=0,
        source=f"MiniGrid {source} (Chevalier-Boisvert et al., 2023); the 0/1 reward is ours.",
    )
