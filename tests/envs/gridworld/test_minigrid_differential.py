"""MiniGrid itself judges the engine: same seed, same actions, no difference."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from minigrid.core.constants import COLOR_NAMES
from minigrid.core.grid import Grid
from minigrid.core.world_object import Ball, Door, Floor, Goal, Key, Lava, Wall
from minigrid.minigrid_env import MiniGridEnv, MissionSpace

import operant  # noqa: F401 (registers the ids)
from operant.envs.gridworld import cells
from operant.envs.gridworld.dynamics import act
from operant.envs.gridworld.vision import ROWS, observe, spread
from operant.envs.gridworld.world import (
    CARRY,
    DIRECTION,
    VIEW,
    Size,
    X,
    Y,
    cell_index,
    new_world,
)


def assert_same_obs(ours: dict, theirs: dict, where: object) -> None:
    same = ours["image"].tobytes() == theirs["image"].tobytes()  # np.testing costs more than a step
    assert same, (where, ours["image"], theirs["image"])
    assert ours["image"].dtype == theirs["image"].dtype == np.uint8
    assert ours["image"].shape == theirs["image"].shape
    assert ours["direction"] == theirs["direction"], where


def compare(size: int, seeds: range, actions: int) -> dict[str, int]:
    """Play both envs side by side; every second stretch of actions follows the solver."""
    ours = gym.make(f"SparseKey-{size}x{size}-v0", layout="minigrid", reward="minigrid")
    theirs = gym.make(f"MiniGrid-DoorKey-{size}x{size}-v0")
    seen = {"terminated": 0, "truncated": 0, "door_open": 0, "has_key": 0}
    for seed in seeds:
        rng = np.random.default_rng(seed)
        obs, info = ours.reset(seed=seed)
        assert_same_obs(obs, theirs.reset(seed=seed)[0], seed)
        plan: list[int] = []
        for t in range(actions):
            if t % 50 == 25:
                plan = list(ours.unwrapped.oracle().actions)[::-1]
            action = plan.pop() if plan else int(rng.integers(7))
            obs, reward, terminated, truncated, info = ours.step(action)
            expected = theirs.step(action)
            assert_same_obs(obs, expected[0], (seed, t))
            assert np.float64(reward) == np.float64(expected[1]), (seed, t)
            assert (terminated, truncated) == expected[2:4], (seed, t)
            seen["has_key"] += int(info["features"]["has_key"])
            seen["door_open"] += int(info["features"]["door_open"])
            if terminated or truncated:
                seen["terminated"] += terminated
                seen["truncated"] += truncated
                obs, _ = ours.reset()
                assert_same_obs(obs, theirs.reset()[0], (seed, t, "autoreset"))
                plan = []
    return seen


@pytest.mark.parametrize("quarter", range(4))  # so that parallel workers share it
def test_200_seeds_of_500_actions_equal_minigrid_doorkey_8x8(quarter: int) -> None:
    seen = compare(8, range(50 * quarter, 50 * quarter + 50), 500)
    assert min(seen["terminated"], seen["door_open"], seen["has_key"]) > 50, seen


@pytest.mark.parametrize(("size", "seeds"), [(5, 20), (6, 20), (16, 4)])
def test_other_sizes_equal_minigrid(size: int, seeds: int) -> None:
    seen = compare(size, range(seeds), 500)
    assert seen["door_open"] > 0, seen


def test_time_limit_and_goal_on_the_last_step() -> None:
    ours = gym.make("SparseKey-5x5-v0", layout="minigrid", reward="minigrid", max_steps=40)
    theirs = gym.make("MiniGrid-DoorKey-5x5-v0", max_steps=40)
    for seed in range(10):
        ours.reset(seed=seed)
        theirs.reset(seed=seed)
        plan = ours.unwrapped.oracle().actions
        padded = [6] * (40 - len(plan)) + list(plan)
        for action in padded:
            got, expected = ours.step(action), theirs.step(action)
            assert got[1:4] == expected[1:4]
        assert got[2]
        assert got[3]
        assert got[1] == pytest.approx(0.1)


def two_sweeps(seen: int, transparent: int) -> tuple[int, int]:
    """One row of visibility as MiniGrid sweeps it: rightwards, then leftwards, in place."""
    mask = [bool(seen >> i & 1) for i in range(VIEW)]
    below = [False] * VIEW
    for order, side in ((range(VIEW - 1), 1), (range(VIEW - 1, 0, -1), -1)):
        for i in order:
            if mask[i] and transparent >> i & 1:
                mask[i + side] = below[i + side] = below[i] = True
    return (sum(bit << i for i, bit in enumerate(row)) for row in (mask, below))


def test_row_table_equals_two_sweeps_exhaustively() -> None:
    for seen in range(128):
        for transparent in range(128):
            visible, following = two_sweeps(seen, transparent)
            assert spread(seen, transparent) == (visible, following)
            assert ROWS[seen, transparent] == visible | following << 7


class Arena(MiniGridEnv):
    """A MiniGrid env whose grid the test fills."""

    def __init__(self, side: int) -> None:
        space = MissionSpace(mission_func=lambda: "")
        super().__init__(mission_space=space, grid_size=side, max_steps=10_000)
        self.mission = ""

    def _gen_grid(self, width: int, height: int) -> None:
        self.grid = Grid(width, height)
        self.grid.wall_rect(0, 0, width, height)
        self.agent_pos, self.agent_dir = (1, 1), 0


def build(kind: str, color: str):
    """Return MiniGrid's object of a kind."""
    if kind.startswith("door"):
        return Door(color, is_open=kind == "door-open", is_locked=kind == "door-locked")
    return {"wall": Wall, "goal": Goal, "lava": Lava}.get(kind, lambda: None)() or {
        "key": Key,
        "ball": Ball,
        "floor": Floor,
    }[kind](color)


KINDS = ["empty", "wall", "goal", "lava", "floor", "key", "ball"]
DOORS = ["door-open", "door-closed", "door-locked"]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_random_grids_random_loads_all_actions(data: st.DataObject) -> None:
    side = data.draw(st.integers(4, 9))
    size = Size(side, side, side + 12, 10_000, 10_000, 0)
    theirs = Arena(side)
    theirs.reset()
    world = new_world(1, size, 1)
    kinds = st.sampled_from(KINDS * 2 + DOORS + ["empty"] * 10)
    cell = st.tuples(kinds, st.sampled_from(COLOR_NAMES))
    for y in range(1, side - 1):
        for x in range(1, side - 1):
            kind, color = data.draw(cell)
            if (x, y) == (1, 1):
                kind = "empty"
            theirs.grid.set(x, y, None if kind == "empty" else build(kind, color))
            triple = (1, 0, 0) if kind == "empty" else theirs.grid.get(x, y).encode()
            name, tint = cells.OBJECTS[triple[0]], cells.COLORS[triple[1]]
            packed = cells.EMPTY if kind == "empty" else cells.code(name, tint, triple[2])
            world.grid[0, cell_index(size, x, y)] = packed
    load = data.draw(st.sampled_from([None, "key", "ball"]))
    color = data.draw(st.sampled_from(COLOR_NAMES))
    theirs.carrying = build(load, color) if load else None
    heading = data.draw(st.integers(0, 3))
    theirs.agent_dir = heading
    world.agent[0, X] = world.agent[0, Y] = 1
    world.agent[0, DIRECTION] = heading
    world.agent[0, CARRY] = cells.code(load, color) if load else cells.EMPTY
    image = np.zeros((1, VIEW, VIEW, 3), np.uint8)
    for action in data.draw(st.lists(st.integers(0, 6), min_size=20, max_size=60)):
        obs, *_ = theirs.step(action)
        act(world, 0, size.stride, action)
        observe(world, 0, size.stride, image, ROWS)
        np.testing.assert_array_equal(image[0], obs["image"])
        assert world.agent[0, DIRECTION] == obs["direction"]
        assert (world.agent[0, X], world.agent[0, Y]) == tuple(int(v) for v in theirs.agent_pos)


def test_python_reference_equals_compiled_functions() -> None:
    """The readable functions, run uncompiled, do what the compiled ones do."""
    env = gym.make("SparseKey-6x6-v0")
    env.reset(seed=0)
    simulator = env.unwrapped.simulator
    twin = type(simulator.world)(*(array.copy() for array in simulator.world))
    views = np.zeros((2, VIEW, VIEW, 3), np.uint8)
    for action in np.random.default_rng(0).integers(0, 7, 200):
        compiled = act(simulator.world, 0, simulator.size.stride, int(action))
        plain = act.py_func(twin, 0, simulator.size.stride, int(action))
        assert compiled == plain
        observe(simulator.world, 0, simulator.size.stride, views[:1], ROWS)
        observe.py_func(twin, 0, simulator.size.stride, views[1:], ROWS)
        np.testing.assert_array_equal(views[0], views[1])
        np.testing.assert_array_equal(simulator.world.agent, twin.agent)
        np.testing.assert_array_equal(simulator.world.grid, twin.grid)
