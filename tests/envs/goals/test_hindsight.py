"""Stable-Baselines3's hindsight replay works on goal worlds as they are."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from operant.envs.goals.point_maze import make, make_vector
from operant.errors import OperantError

pytestmark = pytest.mark.integration  # trains


def trained(algorithm: Any, env: gym.Env[Any, Any], steps: int, **more: Any) -> Any:
    from stable_baselines3 import HerReplayBuffer

    model = algorithm(
        "MultiInputPolicy",
        env,
        replay_buffer_class=HerReplayBuffer,
        replay_buffer_kwargs={"n_sampled_goal": 4, "goal_selection_strategy": "future", **more},
        learning_starts=150,
        batch_size=64,
        policy_kwargs={"net_arch": [16]},
        seed=0,
        device="cpu",
    )
    return model.learn(steps)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("env_id", "algorithm", "options"),
    [
        ("PointMaze-UMaze-v0", "SAC", {"continuing": True}),
        ("PointMaze-Open-v0", "DDPG", {"reward": "cost"}),
        ("GoalReacher-v0", "SAC", {"continuing": True, "reward": "cost"}),
        ("GoalAnt-v0", "SAC", {}),
    ],
)
def test_learning_with_hindsight(env_id: str, algorithm: str, options: dict[str, Any]) -> None:
    """Relabelled rewards are what the env would have paid, and some of them are successes."""
    import stable_baselines3

    if not env_id.startswith("Point"):
        pytest.importorskip("mujoco")
    env: Any = gym.make(env_id, max_episode_steps=50, **options)
    model = trained(getattr(stable_baselines3, algorithm), env, 300, copy_info_dict=True)
    batch = model.replay_buffer.sample(256)
    seen = {key: value.numpy() for key, value in batch.next_observations.items()}
    near = np.hypot(*(seen["achieved_goal"] - seen["desired_goal"]).T) <= env.unwrapped.tolerance
    expected = near - 1.0 if "reward" in options else near * 1.0
    agree = batch.rewards.numpy()[:, 0] == expected
    assert agree.mean() > 0.98  # tensors are float32: at the very rim a goal may change sides
    assert near.any()
    assert not near.all()


@pytest.mark.parametrize("vector", [False, True])
def test_hindsight_cannot_relabel_what_many_steps_earn(vector: bool) -> None:
    options: dict[str, Any] = {"reward": "delayed", "continuing": True}
    env: Any = make_vector(num_envs=2, **options) if vector else make(**options)
    env.reset(seed=0)
    goal = np.zeros((2, 2))
    with pytest.raises(OperantError, match="leave reward='delayed', continuing=True or hindsight"):
        env.compute_reward(goal, goal, {})
    env.close()


def test_hindsight_relabels_a_delayed_reward_that_one_step_earns() -> None:
    env: Any = make(reward="delayed")
    assert env.compute_reward(np.zeros(2), np.zeros(2), {}) == 1.0
    env.close()


def test_rows_of_a_batch_offer_the_same_reward() -> None:
    envs: Any = make_vector(num_envs=3, continuing=True)
    obs, _ = envs.reset(seed=0)
    for _ in range(20):
        obs, reward, *_ = envs.step(envs.action_space.sample())
        again = envs.compute_reward(obs["achieved_goal"], obs["desired_goal"], None)
        np.testing.assert_array_equal(again, reward)
