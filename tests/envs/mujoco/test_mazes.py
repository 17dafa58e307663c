"""AntMaze: walls hold, starts are free, and ways are those of the map."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

pytest.importorskip("mujoco")

from operant.envs.goals.layouts import layout
from operant.envs.mujoco.goals.ant_maze import AntMaze, make
from operant.envs.mujoco.goals.goal_ant import GoalAnt
from operant.envs.mujoco.goals.goal_robot import CELL

ONE = np.array([0])
TORSO_RADIUS = 0.25


def test_walls_stop_an_ant_that_is_thrown_at_them() -> None:
    """From the U's upper left cell, at 12 m/s in 24 directions: it stays in the corridor."""
    num = 24
    world, free = AntMaze(num=num, task="long"), GoalAnt(num=num)
    rows, angles = np.arange(num), np.linspace(0, 2 * np.pi, num, endpoint=False)
    boxes = layout("UMaze", CELL).boxes
    for each in (world, free):
        each.seed([0] * num)
        each.reset(rows)
        each.simulation.qpos[:, :2] = (-4.0, 4.0)
        each.simulation.qvel[:, :2] = 12.0 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    for _ in range(20):
        for each in (world, free):
            each.step(rows, np.zeros((num, 8), np.float32))
        at = world.simulation.qpos[:, None, :2]
        deep = np.minimum(at - boxes[:, :2], boxes[:, 2:] - at).min(axis=2).max(axis=1)
        assert (deep < -0.8 * TORSO_RADIUS).all()  # the torso's middle keeps off every wall
    went = np.abs(free.simulation.qpos[:, :2] - (-4.0, 4.0)).max(axis=1)
    assert (went > 5.0).all()  # and without walls it would have gone beyond them


@pytest.mark.parametrize("maze", ["UMaze", "Medium", "Large"])
def test_episodes_start_free_of_walls_and_of_the_goal(maze: str) -> None:
    num = 40
    world = AntMaze(num=num, maze=maze)
    world.seed(range(num))
    world.reset(np.arange(num))
    for row in range(num):
        data = world.simulation.data(row)
        walls = [c for c in data.contact if world.robot.model.geom_bodyid[c.geom].min() == 0]
        assert all(0 in c.geom for c in walls)  # geom 0 is the floor
    assert (world.out.features["path_distance"] > 3 * CELL).all()
    around = world.out.features["path_distance"] - world.out.features["goal_distance"]
    assert (around > -1e-9).all()
    assert (around > 5).any()
    row, column = world.maze.grid(world.memory["goal"])
    assert not world.maze.walls[row, column].any()


def test_the_way_is_the_maps_and_shrinks_as_the_ant_goes_along_it() -> None:
    world = AntMaze(task="long")
    world.reset(ONE)
    world.memory["goal"][0] = (-4.0, -4.0)
    world.memory["ahead"][:] = world._routes.ahead(world.memory["goal"])
    ways = []
    for x, y in ((-4, 4), (0, 4), (4, 4), (4, 0), (4, -4), (0, -4), (-4, -4)):
        world.simulation.qpos[0, :2] = x, y
        world._features(ONE)
        ways.append(float(world.out.features["path_distance"][0]))
    assert ways[-1] == 0.0
    assert all(b < a - 2 for a, b in itertools.pairwise(ways))
    # corners at (3, 3) and (3, -3) are kept at 1 m: two legs of (7, 1) and one of 6
    assert ways[0] == pytest.approx(2 * np.hypot(7, 1) + 6)


def test_where_the_ant_is_is_observed_so_no_feature_of_it_is_privileged() -> None:
    table = {feature.name: feature for feature in AntMaze().table}
    for name in ("x_position", "y_position", "distance_from_origin", "path_distance", "path_x"):
        assert not table[name].privileged


def test_starts_and_goals_come_from_the_seed() -> None:
    env: Any = make()
    first, _ = env.reset(seed=5)
    other, _ = env.reset(seed=6)
    again, _ = env.reset(seed=5)
    for key in first:
        np.testing.assert_array_equal(first[key], again[key])
        assert not np.array_equal(first[key], other[key])


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="maze must be one of"):
        make(maze="Tiny")
    with pytest.raises(ValueError, match="apart must lie in"):
        make(apart=40)
