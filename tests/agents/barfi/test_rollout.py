"""What is collected: both rewards apart, and true successors."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

import operant
from operant.agents.barfi.policy import SoftmaxPolicy
from operant.agents.barfi.rollout import Batch, BatchCollector
from operant.reward_design.base import RewardDesign
from operant.types import RewardTerms, Transition


class LeftPays(RewardDesign):
    def step(self, t: Transition) -> RewardTerms:
        return RewardTerms.sum_of(env=t.reward, left=3.0 * (t.action == 1))


def collected(env: Any, steps: int) -> Batch:
    spaces = env.single_observation_space, env.single_action_space
    policy = SoftmaxPolicy(*spaces, [4], seed=0)
    return BatchCollector(env, policy, seed=0).collect(steps)


def room() -> Any:
    return gym.make_vec("RoomNav-v0", num_envs=64, autoreset_mode="SameStep", max_steps=70)


@pytest.mark.integration
def test_auxiliary_is_what_the_design_adds() -> None:
    batch = collected(operant.shape(room(), LeftPays(), gamma=0.9), 100)
    assert torch.equal(batch.auxiliary, 3.0 * (batch.actions == 1))
    plain = collected(room(), 100)
    assert torch.equal(plain.primary, batch.primary)
    assert set(plain.primary.unique().tolist()) == {0.0, 10.0}
    assert not plain.auxiliary.any()


def test_without_a_monitor_the_true_reward_of_a_looped_env_is_its_own(make_sync) -> None:
    batch = collected(make_sync("CartPole-v1", 3), 40)
    assert torch.equal(batch.primary, torch.ones(40, 3, dtype=torch.float64))
    assert not batch.auxiliary.any()


def test_successors_are_the_true_ones(corridor) -> None:
    batch = collected(corridor(32), 50)
    same = ~batch.ended[:-1]
    assert torch.equal(batch.after[:-1][same], batch.rows[1:][same])
    # columns: six cells (one-hot), then the clock; nobody stands beyond the last cell
    assert (batch.after[batch.terminated][:, 5] == 1).all()
    assert batch.terminated.any()
    clock = batch.after[..., 6] * 20
    assert torch.allclose(clock, batch.episode_step + 1, atol=1e-5)


def test_a_batch_ends_where_its_last_step_does(corridor) -> None:
    batch = collected(corridor(32), 50)
    assert batch.ended[-1].all()
    assert not batch.terminated[-1].all()
    starts = np.flatnonzero(batch.ended[:-1, 0]) + 1
    assert (batch.episode_step[starts, 0] == 0).all()
    assert (batch.episode_step[0] == 0).all()


def test_the_policy_starts_uniform_and_draws_what_it_says() -> None:
    policy = SoftmaxPolicy(
        gym.spaces.Box(-1, 1, (3,)), gym.spaces.Discrete(3, start=5), [8], seed=1
    )
    obs = np.random.default_rng(0).normal(size=(6000, 3)).astype(np.float32)
    drawn = policy.act(obs, deterministic=False)
    assert np.allclose(np.bincount(drawn - 5) / 6000, 1 / 3, atol=0.03)
    with torch.no_grad():
        policy.network[-1].bias[1] = 1.0
    assert (policy.act(obs, deterministic=True) == 6).all()


def test_network_is_in_double_precision_and_refuses_other_actions() -> None:
    box = gym.spaces.Box(-1, 1, (3,))
    policy = SoftmaxPolicy(box, gym.spaces.Discrete(2), [], seed=1)
    assert {value.dtype for value in policy.network.parameters()} == {torch.float64}
    with pytest.raises(ValueError, match="action space must be Discrete, got Box"):
        SoftmaxPolicy(box, box, [], seed=1)
