"""Strides pay once each, and only strides pay."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

pytest.importorskip("mujoco")

import operant
from operant.envs.mujoco.robots import NAMES
from operant.envs.mujoco.sparse import GOAL, STRIDES, SparseWorld
from operant.reward_design.llm import compile_reward

ROW = np.zeros(1, np.int64)


def started(**options: Any) -> SparseWorld:
    world = SparseWorld(num=1, **options)
    world.seed([0])
    world.reset(ROW)
    return world


def walk(world: SparseWorld, positions: list[float]) -> list[float]:
    """Put the robot at positions along x, a step in each; return what they paid."""
    paid = []
    still = np.zeros((1, *world.action_space.shape), np.float32)
    for x in positions:
        world.simulation.qpos[0, 0] = x
        world.simulation.qvel[0] = 0.0
        world.step(ROW, still)
        paid.append(float(world.out.true_reward[0]))
    return paid


def test_each_line_pays_the_first_time_it_is_passed() -> None:
    """Not again after going back; two lines in one step pay twice."""
    world = started(robot="half_cheetah", stride=2.0)
    hops = [0.5, 1.5, 2.5, 1.0, 2.5, 3.5, 8.5, -3.0, 1.0]
    assert walk(world, hops) == [0, 0, 1, 0, 0, 0, 3, 0, 0]
    assert not world.out.success[0]
    assert world.out.features["to_next_line"][0] == pytest.approx(9.0, abs=0.1)


def test_the_tenth_line_is_a_success_and_stays_one() -> None:
    world = started(robot="half_cheetah", stride=1.0)
    assert sum(walk(world, [GOAL - 0.1])) == GOAL - 1
    assert not world.out.success[0]
    assert walk(world, [GOAL + 0.2]) == [1]
    assert world.out.success[0]
    walk(world, [2.0])
    assert world.out.success[0]
    world.reset(ROW)
    assert not world.out.success[0]
    assert walk(world, [1.5]) == [1]


@pytest.mark.parametrize("robot", NAMES)
def test_random_actions_score_nothing(robot: str) -> None:
    world = SparseWorld(num=8, robot=robot)
    every, rng = np.arange(8), np.random.default_rng(0)
    world.seed(range(8))
    world.reset(every)
    total, running = np.zeros(8), np.ones(8, np.bool_)
    shape = (8, *world.action_space.shape)
    for _ in range(60):
        actions = rng.uniform(-1, 1, shape) * world.action_space.high
        world.step(every, actions.astype(np.float32))
        total += world.out.true_reward * running
        running &= ~world.out.terminated
    assert total.sum() <= (1.0 if robot == "ant" else 0.0)  # some ants are thrown that far


def test_falls_end_episodes_where_gymnasiums_do() -> None:
    world = started(robot="hopper")
    world.simulation.qpos[0, 2] = 0.5
    world.step(ROW, np.zeros((1, 3), np.float32))
    assert world.out.terminated[0]
    assert not world.out.features["healthy"][0]


def test_v5s_reward_can_be_paid_instead_and_the_truth_stays() -> None:
    pair = [gym.make("SparseHopper-v0", reward=reward) for reward in ("v5", "step")]
    dense = gym.make("DelayedHopper-v0", reward="step")
    for env in (*pair, dense):
        env.reset(seed=4)
    for _ in range(10):
        action = np.full(3, 0.1, np.float32)
        (_, paid, *_, told), (_, true, *_), (_, v5, *_) = (e.step(action) for e in (*pair, dense))
        assert paid == v5 != 0.0
        assert told["true_reward"] == true == 0.0


def test_with_markov_the_way_to_the_next_line_is_seen() -> None:
    plain, seen = started(robot="ant"), started(robot="ant", markov=True)
    assert seen.observation_space.shape == (106,)
    for world in (plain, seen):
        walk(world, [1.5])
    assert isinstance(seen.out.obs, np.ndarray)
    np.testing.assert_array_equal(seen.out.obs[:, :-1], plain.out.obs)
    assert seen.out.obs[0, -1] == seen.out.features["to_next_line"][0]
    assert seen.out.obs[0, -1] == pytest.approx(0.5, abs=0.2)
    privileged = {f.name for f in plain.table if f.privileged}
    assert privileged - {f.name for f in seen.table if f.privileged} == {"to_next_line"}


@pytest.mark.parametrize("name", ["Hopper", "Walker2d", "HalfCheetah", "Ant", "Humanoid"])
def test_the_experts_reward_is_a_program_of_the_cards_features(name: str) -> None:
    card = operant.card(f"Sparse{name}-v0")
    program = compile_reward(card.expert, obs_size=0, features=card.features)
    assert "forward_velocity" in program.reads
    assert card.success.startswith(f"{GOAL} lines")


def test_the_experts_humanoid_is_paid_for_speed_more_than_for_standing() -> None:
    far, v5 = (operant.card(f"{kind}Humanoid-v0").expert for kind in ("Sparse", "Delayed"))
    assert '5 * info["forward_velocity"]' in far
    assert 'alive = 1 if info["healthy"]' in far
    assert 'alive = 5 if info["healthy"]' in v5
    assert operant.card("SparseAnt-v0").expert == operant.card("DelayedAnt-v0").expert


@pytest.mark.parametrize("reward", ["V5", "", "true"])
def test_an_unknown_reward_is_refused(reward: str) -> None:
    with pytest.raises(ValueError, match=f"reward must be 'v5' or None, got '{reward}'"):
        SparseWorld(num=1, reward=reward)


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("inf"), float("nan"), "2", True])
def test_a_stride_must_be_a_length(wrong: Any) -> None:
    with pytest.raises(ValueError, match="stride must be a length > 0"):
        SparseWorld(num=1, stride=wrong)


def test_every_robot_has_a_stride() -> None:
    assert set(STRIDES) == set(NAMES)
