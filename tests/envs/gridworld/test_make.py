"""What users type: gym.make and gym.make_vec with their keyword arguments."""

from __future__ import annotations

import json

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AutoresetMode

import operant

IDS = ["SparseKey-v0", *(f"SparseKey-{n}x{n}-v0" for n in (5, 6, 8, 16))]


@pytest.mark.parametrize("env_id", IDS)
def test_specs_can_be_written_down(env_id: str) -> None:
    spec = gym.spec(env_id)
    text = spec.to_json()
    again = EnvSpec.from_json(text)
    assert again == spec
    assert json.loads(text)["vector_entry_point"].startswith("operant.")
    made = gym.make(
        EnvSpec.from_json(gym.make(env_id, layout="minigrid", max_steps=9).spec.to_json())
    )
    assert made.unwrapped.simulator.size.max_steps == 9
    assert made.unwrapped.simulator.numpy_streams is not None


def test_the_bare_id_is_8x8() -> None:
    named, sized = gym.make("SparseKey-v0"), gym.make("SparseKey-8x8-v0")
    np.testing.assert_array_equal(named.reset(seed=4)[0]["image"], sized.reset(seed=4)[0]["image"])
    assert named.unwrapped.simulator.size == sized.unwrapped.simulator.size
    assert named.unwrapped.simulator.size.max_steps == 640


def steps_until_truncated(env) -> int:
    env.reset(seed=0)
    for step in range(1, 1000):
        *_, terminated, truncated, _ = env.step(6)
        assert not terminated
        if truncated:
            return step
    raise AssertionError("never truncated")


def test_time_limits() -> None:
    assert steps_until_truncated(gym.make("SparseKey-5x5-v0")) == 250
    assert steps_until_truncated(gym.make("SparseKey-5x5-v0", max_steps=7)) == 7
    assert steps_until_truncated(gym.make("SparseKey-5x5-v0", max_episode_steps=6)) == 6


@pytest.mark.parametrize(
    ("kwargs", "limit"),
    [
        ({"max_steps": 7}, 7),
        ({"max_episode_steps": 6}, 6),
        ({"max_steps": 9, "max_episode_steps": 6}, 6),
    ],
)
def test_vector_time_limits(kwargs: dict, limit: int) -> None:
    env = gym.make_vec("SparseKey-5x5-v0", num_envs=2, **kwargs)
    env.reset(seed=0)
    flags = [env.step(np.array([6, 6]))[3].all() for _ in range(limit)]
    assert flags == [False] * (limit - 1) + [True]
    assert f"after {limit} steps" in env.unwrapped.card.truncation


@pytest.mark.parametrize("vectorization_mode", [None, "vector_entry_point", "sync"])
def test_make_vec_modes_agree(vectorization_mode) -> None:
    env = gym.make_vec(
        "SparseKey-6x6-v0", num_envs=3, vectorization_mode=vectorization_mode, reward="minigrid"
    )
    native = vectorization_mode != "sync"
    assert isinstance(env.unwrapped, gym.vector.SyncVectorEnv) != native
    obs, _ = env.reset(seed=5)
    scalar = gym.make("SparseKey-6x6-v0")
    for row in range(3):
        np.testing.assert_array_equal(obs["image"][row], scalar.reset(seed=5 + row)[0]["image"])
    assert env.single_observation_space == scalar.observation_space
    assert env.single_action_space == scalar.action_space


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_autoreset_mode_by_enum_or_value(mode: AutoresetMode) -> None:
    for given in (mode, mode.value):
        env = gym.make_vec("SparseKey-5x5-v0", num_envs=2, autoreset_mode=given)
        assert env.metadata["autoreset_mode"] is mode
    assert gym.make_vec("SparseKey-5x5-v0", num_envs=2).metadata["autoreset_mode"] is (
        AutoresetMode.NEXT_STEP
    )


def finished(env) -> float:
    env.reset(seed=3)
    *_, last = [env.step(action) for action in env.unwrapped.oracle().actions]
    return last[1]


def test_reward_modes() -> None:
    length = len_of_solution()
    assert finished(gym.make("SparseKey-6x6-v0")) == 1.0
    assert finished(gym.make("SparseKey-6x6-v0", reward="minigrid")) == 1.0 - 0.9 * (length / 360)
    assert "exactly 1" in operant.card("SparseKey-6x6-v0").reward
    assert "0.9 t / 360" in gym.make("SparseKey-6x6-v0", reward="minigrid").unwrapped.card.reward


def len_of_solution() -> int:
    env = gym.make("SparseKey-6x6-v0").unwrapped
    env.reset(seed=3)
    return env.oracle().solution_length


def test_gymnasiums_recorders_understand_the_vector_env() -> None:
    env = gym.wrappers.vector.RecordEpisodeStatistics(
        gym.make_vec("SparseKey-5x5-v0", num_envs=2, max_steps=5, autoreset_mode="SameStep")
    )
    env.reset(seed=0)
    for _ in range(5):
        infos = env.step(np.array([6, 6]))[-1]
    assert infos["episode"]["l"].tolist() == [5, 5]
    assert infos["episode"]["r"].tolist() == [0.0, 0.0]


def test_other_sizes_need_no_id() -> None:
    env = gym.make("SparseKey-v0", size=11)
    obs, _ = env.reset(seed=0)
    assert obs in env.observation_space
    assert env.unwrapped.oracle().solution_length > 0
    assert env.unwrapped.card.features[7].high == 10
