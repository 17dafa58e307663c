"""Acting: one observation or many, masks, memory, and SB3's evaluation."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import DummyVecEnv

from operant.agents import PPO
from operant.agents.native.policy_view import PolicyView


def test_one_observation_and_many(walk, small) -> None:
    model = PPO("MlpPolicy", walk(), seed=1, **small)
    one = np.array([1, 0.5], np.float32)
    action, state = model.predict(one, deterministic=True)
    assert isinstance(action, np.ndarray)
    assert action.shape == ()
    assert state is None
    assert model.action_space.contains(action)
    many, _ = model.predict(np.stack([one] * 4), deterministic=True)
    assert many.tolist() == [action] * 4
    drawn, _ = model.predict(np.stack([one] * 400))
    assert set(drawn.tolist()) == {0, 1, 2}
    for wrong in (np.zeros(3), np.zeros((1, 2, 2)), np.float32(1)):
        with pytest.raises(ValueError, match=r"observation must have the shape \(2,\)"):
            model.predict(wrong)
    with pytest.raises(ValueError, match=r"mixing Gym API.*\(observation, info\)"):
        model.predict(walk().reset())


def test_dict_and_discrete_observations(corridor, small) -> None:
    model = PPO("MultiInputPolicy", corridor(), **small)
    obs = corridor().reset(seed=0)[0]
    assert model.predict(obs)[0].shape == (4,)
    assert model.predict({key: part[0] for key, part in obs.items()})[0].shape == ()
    with pytest.raises(ValueError, match=r"keys \['cell', 'clock'\]"):
        model.predict({"cell": obs["cell"]})
    with pytest.raises(ValueError, match="all parts of an observation must be batched"):
        model.predict({"cell": obs["cell"], "clock": obs["clock"][0]})
    taxi = PPO("MlpPolicy", "Taxi-v4" if "Taxi-v4" in gym.registry else "Taxi-v3", **small)
    assert taxi.predict(3)[0].shape == ()
    assert taxi.predict(np.array([3, 4]))[0].shape == (2,)


def test_masks(walk, small) -> None:
    model = PPO("MlpPolicy", walk(), **small)
    one, mask = np.zeros(2, np.float32), np.array([False, False, True])
    assert {int(model.predict(one, action_masks=mask)[0]) for _ in range(9)} == {2}
    both = np.array([[True, False, False], mask])
    assert model.predict(np.zeros((2, 2)), action_masks=both)[0].tolist() == [0, 2]


def test_memory_is_handed_to_and_fro(walk) -> None:
    model = PPO(
        "MlpPolicy", walk(), n_steps=8, batch_size=8, recurrent="gru", recurrent_units=8, seed=1
    )
    model.learn(8)
    obs = np.array([[3, 0.5], [1, 0.1]], np.float32)
    _, fresh = model.predict(obs)
    _, later = model.predict(obs, fresh)
    assert fresh.shape == later.shape
    assert not np.array_equal(fresh, later)
    _, mixed = model.predict(obs, fresh, np.array([True, False]))
    assert np.array_equal(mixed[0], fresh[0])
    assert np.array_equal(mixed[1], later[1])
    with pytest.raises(ValueError, match="state must have the shape"):
        model.predict(obs[0], fresh)
    returns, lengths = evaluate_policy(
        model, DummyVecEnv([walk] * 2), 4, return_episode_rewards=True, warn=False
    )
    assert (len(returns), lengths) == (4, [5] * 4)


@pytest.mark.integration
def test_sb3_evaluates_the_model(walk, loop, small) -> None:
    model = PPO("MlpPolicy", loop(walk, 2), seed=1, learning_rate=0.02, gamma=0.5, **small)
    model.learn(2000)
    mean, _ = evaluate_policy(model, walk(), n_eval_episodes=4, warn=False)
    assert mean == 5
    assert evaluate_policy(model, model.get_env(), 4, warn=False)[0] == 5
    assert evaluate_policy(model.policy, DummyVecEnv([walk]), 2, warn=False)[0] == 5


def test_policy_on_tensors(walk, small) -> None:
    model = PPO("MlpPolicy", walk(), seed=1, **small)
    policy = model.policy.requires_grad_(False)
    obs, batched = policy.obs_to_tensor(np.array([1, 0.5], np.float32))
    assert (obs.shape, batched) == ((1, 2), False)
    actions, values, log_probs = policy(obs)
    again = policy.evaluate_actions(obs, actions)
    assert torch.equal(again[0], values)
    assert torch.allclose(again[1], log_probs)
    assert torch.equal(policy.predict_values(obs), values)
    distribution = policy.get_distribution(obs)
    logs = [float(distribution.log_prob(torch.tensor([a]))) for a in range(3)]
    assert np.exp(logs).sum() == pytest.approx(1)
    assert float(distribution.entropy()) == pytest.approx(-(np.exp(logs) * logs).sum(), rel=1e-5)
    assert distribution.mode() == int(np.argmax(logs))
    masked = policy.get_distribution(obs, torch.tensor([[True, False, True]]))
    assert masked.log_prob(torch.tensor([1])) < -1e6
    assert policy.optimizer is model.agent.optimizer
    assert set(policy.state_dict()) == set(model.get_parameters()["policy"])


def test_policy_file(walk, small, tmp_path) -> None:
    model = PPO("MlpPolicy", walk(), seed=1, **small).learn(64)
    model.policy.save(tmp_path / "policy")
    policy = PolicyView.load(tmp_path / "policy")
    obs = np.random.default_rng(0).random((50, 2), np.float32)
    mine, its = (p.predict(obs, deterministic=True)[0] for p in (model.policy, policy))
    assert mine.tolist() == its.tolist()
    with pytest.raises(ValueError, match="kind of a model must be 'ppo', got 'policy'"):
        PPO.load(tmp_path / "policy")


def test_set_parameters(walk, small, same) -> None:
    one, two = (PPO("MlpPolicy", walk(), seed=seed, **small).learn(32) for seed in (1, 2))
    assert not same(one, two)
    two.set_parameters(one.get_parameters())
    assert same(one, two)
    obs = np.random.default_rng(0).random((50, 2), np.float32)
    mine, its = (model.predict(obs, deterministic=True)[0] for model in (one, two))
    assert mine.tolist() == its.tolist()
    with pytest.raises(ValueError, match="parameters must be of"):
        one.set_parameters({"polici": {}})
    with pytest.raises(ValueError, match=r"parameters lack \['policy.optimizer'\]"):
        one.set_parameters({"policy": two.get_parameters()["policy"]})
    with pytest.raises(RuntimeError, match=r"Missing key.*action_net"):
        one.set_parameters({"policy": {}, "policy.optimizer": {}})


def test_random_seed_can_be_set_again(walk, loop, small) -> None:
    runs = []
    for _ in range(2):
        model = PPO("MlpPolicy", loop(walk, 2), seed=len(runs), **small)
        model.set_random_seed(9)
        model.learn(32)
        runs.append(model.rollout_buffer.observations[0, :, 1].tolist())
    assert runs[0] == runs[1]
