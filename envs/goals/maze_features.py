"""Features that all mazes publish: where the goal is, and the way that leads there."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from operant.envs.goals.layouts import Maze
from operant.envs.goals.routes import Routes
from operant.types import Feature, Float


def way_table(maze: Maze, routes: Routes) -> tuple[Feature, ...]:
    """Return the features that :func:`way_features` computes.

    None is privileged: the map never changes, and positions and goals are observed. There is one
    goal, so there are no subgoals: the potential ``{"path_distance": -1.0}`` says what they would.

    Args:
        maze: The maze.
        routes: Its ways.
    """
    x, y = maze.half.tolist()
    across = float(np.hypot(2 * x, 2 * y))
    far = routes.longest
    words = "component of the unit vector in which the shortest way to the goal begins; 0 at it"
    return (
        Feature(name="goal_x", description="the goal, to the right", low=-x, high=x, unit="m"),
        Feature(name="goal_y", description="the goal, up", low=-y, high=y, unit="m"),
        Feature(
            name="goal_distance",
            description="straight distance to the goal, through walls",
            low=0,
            high=across,
            unit="m",
        ),
        Feature(
            name="path_distance",
            description="length of the shortest way to the goal around the walls",
            low=0,
            high=far,
            unit="m",
        ),
        Feature(name="path_x", description=f"x {words}", low=-1, high=1),
        Feature(name="path_y", description=f"y {words}", low=-1, high=1),
    )


def way_features(
    routes: Routes, points: Float, goals: Float, ahead: Float
) -> dict[str, npt.NDArray[np.float64]]:
    """Return the features of :func:`way_table` for B positions.

    Args:
        routes: The ways of the maze.
        points: (B, 2), m.
        goals: (B, 2), m.
        ahead: What ``routes.ahead`` says of the goals.
    """
    length, towards = routes.ways(points, goals, ahead)
    apart = goals - points
    return {
        "goal_x": goals[:, 0],
        "goal_y": goals[:, 1],
        "goal_distance": np.sqrt((apart * apart).sum(axis=-1)),
        "path_distance": length,
        "path_x": towards[:, 0],
        "path_y": towards[:, 1],
    }
