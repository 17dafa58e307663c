"""PointMaze: its envs, its predicate, and that a person's way through it succeeds."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import operant
from operant.envs.goals.errands import Errands
from operant.envs.goals.layouts import MAPS, layout
from operant.envs.goals.point_maze import PUSH, STEP_TIME, PointMaze, make, make_vector
from operant.envs.goals.table import ROWS
from operant.reward_design.llm import compile_reward
from operant.testing import check_env, check_vector_env

IDS = [row.id for row in ROWS]
ONE = np.array([0])


def pilot(features: dict[str, Any]) -> np.ndarray:
    """Push along the way, and against what else moves."""
    want = 0.8 * np.array([features["path_x"], features["path_y"]])
    speed = np.array([features["x_velocity"], features["y_velocity"]])
    return np.clip((want - speed) / (PUSH * STEP_TIME), -1, 1).astype(np.float32)


def play(env: gym.Env[Any, Any], seed: int) -> tuple[list[float], dict[str, Any], bool]:
    """Let the pilot drive an episode; return rewards, the last info, and if it terminated."""
    _, info = env.reset(seed=seed)
    rewards: list[float] = []
    while True:
        _, reward, terminated, truncated, info = env.step(pilot(info["features"]))
        rewards.append(reward)
        if terminated or truncated:
            return rewards, info, terminated


@pytest.mark.integration  # starts an interpreter for each id
@pytest.mark.parametrize("env_id", IDS)
def test_every_id_keeps_every_rule(env_id: str) -> None:
    check_env(env_id, steps=400)
    check_vector_env(env_id, num_envs=4, steps=120)


@pytest.mark.integration  # plays thousands of steps
@pytest.mark.parametrize("options", [{"continuing": True}, {"reward": "cost"}, {"task": "long"}])
def test_options_keep_every_rule(options: dict[str, Any]) -> None:
    check_env(lambda **more: make(**options, **more), steps=150, subprocess=False)
    check_vector_env(
        lambda num_envs, **more: make_vector(num_envs=num_envs, **options, **more),
        scalar=lambda: make(**options),
        num_envs=3,
        steps=120,
    )


@pytest.mark.integration  # imports torch
@pytest.mark.parametrize("env_id", IDS)
def test_stable_baselines_takes_it_for_a_goal_env(env_id: str) -> None:
    from stable_baselines3.common.env_checker import check_env as sb3_check_env

    sb3_check_env(gym.make(env_id, continuing=True), warn=False)
    sb3_check_env(gym.make(env_id, reward="cost"), warn=False)


@pytest.mark.parametrize("env_id", IDS)
def test_a_pilot_who_follows_the_way_arrives(env_id: str) -> None:
    env = gym.make(env_id)
    for seed in range(10):
        rewards, info, terminated = play(env, seed)
        assert terminated
        assert info["success"]
        assert sum(rewards) == rewards[-1] == 1.0


def test_the_longest_errand_of_each_maze_fits_into_its_time() -> None:
    for row in ROWS:
        rewards, _, terminated = play(gym.make(row.id, task="long"), 0)
        assert terminated, row.id
        assert len(rewards) < 0.9 * row.kwargs["max_steps"]


def placed(at: tuple[float, float], goal: tuple[float, float], **options: Any) -> PointMaze:
    """Return a world whose puck lies still in the open at a place of our choice."""
    world = PointMaze(maze="Open", apart=1, **options)
    world.reset(ONE)
    world._at[0], world._goal[0], world._speed[0] = at, goal, 0.0
    world._show(ONE)
    return world


def push(world: PointMaze, x: float, y: float = 0.0) -> None:
    world.step(ONE, np.array([[x, y]], np.float32))


def test_arriving_is_success_and_almost_arriving_is_not() -> None:
    world = placed((-0.5, 0.0), (0.5, 0.0))
    for _ in range(20):
        push(world, 1.0)
        if world.out.terminated[0]:
            break
    near = abs(world.out.features["goal_distance"][0])
    assert world.out.success[0]
    assert world.out.true_reward[0] == 1
    assert near <= 0.45
    world = placed((-0.5, 0.451), (0.5, 0.0))  # passes by 1 mm too far
    closest = np.inf
    for _ in range(20):
        push(world, 1.0)
        closest = min(closest, world.out.features["goal_distance"][0])
        assert not world.out.success[0]
        assert not world.out.terminated[0]
        assert world.out.true_reward[0] == 0
    assert closest < 0.47  # so it was no easy miss


def test_continuing_episodes_pay_at_every_step_at_the_goal() -> None:
    world = placed((0.5, 0.0), (0.5, 0.0), continuing=True)
    for _ in range(3):
        push(world, 0.0)
        assert world.out.true_reward[0] == 1
        assert world.out.success[0]
        assert not world.out.terminated[0]


def test_costs_are_paid_beside_the_true_reward() -> None:
    world = placed((-1.0, 0.0), (0.5, 0.0), reward="cost")
    push(world, 0.0)
    assert (world.out.reward[0], world.out.true_reward[0]) == (-1, 0)
    world = placed((0.5, 0.0), (0.5, 0.0), reward="cost")
    push(world, 0.0)
    assert (world.out.reward[0], world.out.true_reward[0]) == (0, 1)


def test_a_push_is_an_acceleration_and_speed_has_a_top() -> None:
    world = placed((-2.0, 0.0), (2.0, 1.0))
    push(world, 0.5)
    assert world.out.features["x_velocity"][0] == pytest.approx(0.1)
    assert world.out.features["x"][0] == pytest.approx(-2.0 + 0.01)
    for _ in range(14):
        push(world, 9.0)  # no more than 1
    assert world.out.features["x_velocity"][0] == pytest.approx(2.0)
    for _ in range(30):
        push(world, 1.0)
    assert world.out.features["x"][0] == 2.4  # at the wall, half a puck before it
    assert world.out.features["x_velocity"][0] == 0.0


@pytest.mark.parametrize("name", MAPS)
def test_errands_are_as_long_as_promised(name: str) -> None:
    maze = layout(name)
    errands, stream = Errands(maze, "any", 4), np.random.default_rng(0)
    for _ in range(200):
        start, goal = errands.draw(stream)
        ends = [np.abs(maze.places - point).max(axis=1) for point in (start, goal)]
        assert all(off.min() <= 0.25 for off in ends)
        assert maze.steps[ends[0].argmin(), ends[1].argmin()] >= 4
    start, goal = Errands(maze, "long", 1).draw(stream)
    assert maze.walls.shape == (len(MAPS[name]), len(MAPS[name][0]))
    assert np.abs(maze.places[maze.ends[0]] - start).max() <= 0.25


@pytest.mark.parametrize("env_id", IDS)
def test_no_step_of_the_pilot_beats_the_oracle(env_id: str) -> None:
    env: Any = gym.make(env_id)
    for seed in range(5):
        env.reset(seed=seed)
        fewest = int(env.oracle().method.split()[5])
        rewards, _, _ = play(env, seed)
        assert fewest <= len(rewards)
        assert env.oracle().optimal_return in (0.0, 1.0)
    forever = PointMaze(continuing=True, max_steps=50)
    forever.reset(ONE)
    assert 1 < forever.oracle(0).optimal_return < 50


def test_the_persons_reward_compiles_and_rewards_the_way() -> None:
    card = operant.card("PointMaze-Medium-v0")
    program = compile_reward(card.expert, obs_size=0, features=card.features)
    env = gym.make("PointMaze-Medium-v0")
    _, info = env.reset(seed=3)
    way, before, total = info["features"]["path_distance"], info["features"], 0.0
    steps = 0
    while True:
        steps += 1
        _, _, terminated, _, info = env.step(pilot(before))
        now = info["features"]
        told = {f"prev_{name}": value for name, value in before.items()} | now
        total += program(None, None, None, told)
        before = now
        if terminated:
            break
    assert total == pytest.approx(way - before["path_distance"] + 1 - 0.01 * steps)


def test_the_way_is_a_potential() -> None:
    design = operant.make_design("potential", potential={"path_distance": -1.0})
    env = operant.shape(gym.make("PointMaze-UMaze-v0", continuing=True), design, gamma=1.0)
    _, info = env.reset(seed=1)
    start, paid = info["features"]["path_distance"], 0.0
    for _ in range(40):
        _, reward, *_, info = env.step(pilot(info["features"]))
        paid += reward - info["true_reward"]
    assert paid == pytest.approx(start - info["features"]["path_distance"])
    assert paid > 1


def test_bad_arguments_are_named() -> None:
    for options, words in (
        ({"maze": "Spiral"}, "maze must be one of Open, UMaze"),
        ({"task": "short"}, "task must be one of 'any', 'long'"),
        ({"apart": 7}, r"apart must lie in \[1, 6\] cells"),
        ({"tolerance": 0.0}, "tolerance must be"),
        ({"tolerance": float("nan")}, "tolerance must be"),
        ({"max_steps": 0}, "max_steps"),
        ({"reward": "dense"}, "reward must be one of 'step', 'delayed', 'cost'"),
    ):
        with pytest.raises(ValueError, match=words):
            make(**options)


def test_pictures_show_puck_goal_and_walls() -> None:
    env = gym.make("PointMaze-Large-v0", render_mode="rgb_array")
    env.reset(seed=0)
    frame: Any = env.render()
    assert frame.shape == (9 * 48, 12 * 48, 3)
    assert frame.dtype == np.uint8
    assert (frame[5, 5] == (70, 78, 92)).all()
    blue = (frame == (38, 98, 190)).all(axis=2).sum()
    assert 40 < blue < 200
    for _ in range(10):
        env.step(np.array([1.0, 1.0], np.float32))
    assert not np.array_equal(frame, env.render())
