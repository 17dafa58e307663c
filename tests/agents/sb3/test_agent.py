from __future__ import annotations

import json
import random

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv

import operant
from operant.agents import load_policy, make_agent
from operant.agents.sb3.encoder import OneHotGrid
from operant.agents.sb3.vec_env import SB3VecEnv

PPO_SMALL = {"n_steps": 16, "batch_size": 16, "n_epochs": 1, "net_arch": [8]}
DQN_SMALL = {"learning_starts": 20, "buffer_size": 200, "net_arch": [8]}


def global_state() -> tuple:
    return (
        torch.get_rng_state().tolist(),
        np.random.get_state(legacy=False)["state"]["key"].tolist(),  # noqa: NPY002
        np.random.get_state(legacy=False)["state"]["pos"],  # noqa: NPY002
        random.getstate(),
        torch.get_num_threads(),
    )


# ---- learn ------------------------------------------------------------------------------------


def test_hook_is_called_at_every_boundary_and_at_the_end(corridor) -> None:
    agent = make_agent("sb3-ppo", corridor(), **PPO_SMALL)
    seen = []
    agent.learn(150, lambda agent: seen.append(agent.num_steps))  # None means go on
    assert seen == [0, 64, 128, 192]
    assert agent.num_steps == 192  # whole rollouts only
    agent.learn(150, lambda agent: seen.append(agent.num_steps))
    assert seen[4:] == [192]
    agent.learn(250, lambda agent: seen.append(agent.num_steps))
    assert seen[5:] == [192, 256]


@pytest.mark.parametrize(("name", "hyper"), [("sb3-ppo", PPO_SMALL), ("sb3-dqn", DQN_SMALL)])
def test_hook_stops_training_without_a_further_env_step(name, hyper, corridor) -> None:
    agent = make_agent(name, corridor(), **hyper)
    agent.learn(1000, lambda agent: agent.num_steps < 128)
    assert agent.num_steps == 128
    before = agent.training_state()[0]
    agent.learn(1000, lambda agent: False)
    after = agent.training_state()[0]
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_hook_may_raise_and_training_goes_on_later(corridor) -> None:
    def interrupt(agent) -> bool:
        if agent.num_steps == 64:
            raise KeyboardInterrupt
        return True

    outside = global_state()
    agent = make_agent("sb3-ppo", corridor(), **PPO_SMALL)
    with pytest.raises(KeyboardInterrupt):
        agent.learn(192, interrupt)
    assert global_state() == outside
    agent.learn(192)
    whole = make_agent("sb3-ppo", corridor(), **PPO_SMALL)
    whole.learn(192)
    mine, theirs = agent.policy_state()[0], whole.policy_state()[0]
    assert all(np.array_equal(mine[name], theirs[name]) for name in mine)


@pytest.mark.parametrize(("name", "hyper"), [("sb3-ppo", PPO_SMALL), ("sb3-dqn", DQN_SMALL)])
def test_global_generators_and_threads_stay_the_callers(name, hyper, corridor) -> None:
    outside = global_state()
    agent = make_agent(name, corridor(), threads=1, **hyper)
    inside = []
    agent.learn(100, lambda agent: inside.append(global_state()))
    obs, _ = corridor().reset(seed=0)
    agent.act(obs, deterministic=False)
    assert all(state == outside for state in inside)
    assert global_state() == outside


def test_one_thread_while_training(corridor, monkeypatch) -> None:
    agent = make_agent("sb3-ppo", corridor(), **PPO_SMALL)
    threads = []
    step = agent.env.step
    monkeypatch.setattr(
        agent.env, "step", lambda a: threads.append(torch.get_num_threads()) or step(a)
    )
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        agent.learn(1)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    assert set(threads) == {1}


def test_nothing_is_printed_and_metrics_have_sb3_names(corridor, capsys) -> None:
    agent = make_agent("sb3-ppo", corridor(), **PPO_SMALL)
    agent.learn(200)
    metrics = agent.metrics()
    assert capsys.readouterr() == ("", "")
    assert {"train/value_loss", "train/approx_kl", "rollout/ep_rew_mean", "time/fps"} <= set(
        metrics
    )
    assert {"rollout/success_rate", "time/total_timesteps"} <= set(metrics)
    assert all(type(value) is float for value in metrics.values())


# ---- act --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sb3-ppo", "sb3-dqn"])
def test_sampling_is_reproducible_and_leaves_training_alone(name, corridor) -> None:
    obs, _ = corridor(200).reset(seed=0)
    hyper = {"sb3-ppo": PPO_SMALL, "sb3-dqn": DQN_SMALL}[name]

    def train(look: bool):
        agent, draws = make_agent(name, corridor(), seed=4, **hyper), []

        def hook(agent) -> bool:
            if look:
                for _ in range(2):
                    with agent.sampling(9):
                        first = agent.act(obs, deterministic=False)
                        draws.append((first, agent.act(obs, deterministic=False)))
            return True

        agent.learn(256, hook)
        return agent.policy_state()[0], draws

    (blind, _), (watched, draws) = train(False), train(True)
    assert all(np.array_equal(blind[name], watched[name]) for name in blind)
    for one, two in zip(draws[::2], draws[1::2], strict=True):
        assert np.array_equal(one[0], two[0])
        assert np.array_equal(one[1], two[1])
        if name == "sb3-ppo":
            assert not np.array_equal(one[0], one[1])


def test_samples_follow_the_policy(corridor) -> None:
    agent = make_agent("sb3-ppo", corridor(), seed=1)
    obs, _ = corridor(1).reset(seed=0)
    many = {key: np.repeat(value, 20_000, axis=0) for key, value in obs.items()}
    with agent.sampling(0):
        share = np.bincount(agent.act(many, deterministic=False), minlength=3) / 20_000
    network = agent.model.policy
    wanted = network.get_distribution(network.obs_to_tensor(obs)[0]).distribution.probs[0]
    np.testing.assert_allclose(share, wanted.detach().numpy(), atol=0.015)
    assert (agent.act(many, deterministic=True) == wanted.argmax().item()).all()


# ---- policy export ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sb3-ppo", "sb3-dqn"])
def test_exported_policy_acts_alike(name, corridor) -> None:
    env = corridor(32)
    agent = make_agent(name, env, seed=2, net_arch=[16], encoder="flat")
    obs, _ = env.reset(seed=3)
    arrays, meta = agent.policy_state()
    outside = global_state()
    policy = load_policy(
        arrays, json.loads(json.dumps(meta)), env.single_observation_space, env.single_action_space
    )
    assert global_state() == outside
    for deterministic in (True, False):
        with agent.sampling(0), policy.sampling(0):
            mine = policy.act(obs, deterministic=deterministic)
            assert np.array_equal(mine, agent.act(obs, deterministic=deterministic))


def test_exported_policy_of_another_shape_is_refused(corridor) -> None:
    env = corridor()
    arrays, meta = make_agent("sb3-ppo", env, net_arch=[16]).policy_state()
    meta["config"]["net_arch"] = [8]
    with pytest.raises(ValueError, match="saved weights do not fit the network"):
        load_policy(arrays, meta, env.single_observation_space, env.single_action_space)


# ---- networks ---------------------------------------------------------------------------------


def test_one_hot_grid_against_numpy() -> None:
    low, high = np.array([0, 2, -1]), np.array([3, 2, 1])
    space = gym.spaces.Dict(
        grid=gym.spaces.Box(np.tile(low, (2, 1)), np.tile(high, (2, 1)), dtype=np.int8),
        direction=gym.spaces.Discrete(4),
        speed=gym.spaces.Box(-1, 1, (2,), np.float32),
    )
    encoder = OneHotGrid(space)
    assert encoder.features_dim == 4 + 2 * (4 + 1 + 3) + 2
    batch = [space.sample() for _ in range(9)]
    obs = {
        "grid": torch.tensor(np.stack([o["grid"] for o in batch])).float(),  # as SB3 prepares it
        "direction": torch.nn.functional.one_hot(torch.tensor([o["direction"] for o in batch]), 4),
        "speed": torch.tensor(np.stack([o["speed"] for o in batch])),
    }
    for row, got in zip(batch, encoder(obs).numpy(), strict=True):
        cells = [
            np.arange(lo, hi + 1) == value
            for cell in row["grid"]
            for value, lo, hi in zip(cell, low, high, strict=True)
        ]
        direction = np.arange(4) == row["direction"]
        np.testing.assert_array_equal(got, np.concatenate([*cells, direction, row["speed"]]))


def test_encoder_serves_small_integer_grids_only(corridor, make_sync) -> None:
    def encoder_of(env, **hyper):
        return type(make_agent("sb3-ppo", env, **hyper).model.policy.features_extractor).__name__

    assert encoder_of(corridor(), encoder="onehot") == "OneHotGrid"
    assert encoder_of(corridor()) == "FlatDict"
    assert encoder_of(make_sync("CartPole-v1", 2), encoder="onehot") == "Flat"


def test_pixel_images_are_refused(corridor) -> None:
    env = corridor()
    env.single_observation_space = gym.spaces.Box(0, 255, (40, 40, 3), np.uint8)
    with pytest.raises(ValueError, match="must not hold pixel images"):
        make_agent("sb3-ppo", env)


def test_default_hyper_parameters_are_sb3s(corridor) -> None:
    """Except those whose docstring says otherwise."""
    ours = make_agent("sb3-ppo", corridor()).model
    theirs = PPO("MlpPolicy", DummyVecEnv([lambda: gym.make("CartPole-v1")]))
    for name in ("learning_rate", "n_epochs", "gamma", "gae_lambda", "ent_coef", "vf_coef"):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert ours.clip_range(1.0) == theirs.clip_range(1.0)
    assert ours.max_grad_norm == theirs.max_grad_norm
    assert ours.policy.activation_fn is theirs.policy.activation_fn


def test_our_vec_env_trains_sb3_exactly_as_its_own_does(make_sync) -> None:
    """The adapter changes nothing about learning: equal seeds give equal weights."""
    weights = []
    for kind in ("ours", "theirs"):
        if kind == "ours":
            env = SB3VecEnv(make_sync("CartPole-v1", 4, max_episode_steps=15))
        else:
            env = DummyVecEnv([lambda: gym.make("CartPole-v1", max_episode_steps=15)] * 4)
        outside = global_state()
        model = PPO("MlpPolicy", env, n_steps=32, batch_size=32, n_epochs=2, seed=3, device="cpu")
        model.learn(256)
        torch.set_rng_state(torch.tensor(outside[0], dtype=torch.uint8))
        weights.append(model.policy.state_dict())
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


# ---- learning ---------------------------------------------------------------------------------


@pytest.mark.integration
def test_ppo_learns_the_corridor(corridor) -> None:
    agent = make_agent(
        "sb3-ppo", corridor(16), seed=0, n_steps=32, batch_size=128, n_epochs=4, learning_rate=3e-3
    )
    agent.learn(16_000)
    assert agent.metrics()["rollout/success_rate"] > 0.95
    assert agent.metrics()["rollout/ep_len_mean"] < 6


@pytest.mark.integration
def test_dqn_learns_the_corridor(corridor) -> None:
    agent = make_agent(
        "sb3-dqn", corridor(4), seed=0, gamma=0.8, learning_rate=2e-3, target_update_interval=100,
        exploration_fraction=0.4, learning_starts=200, batch_size=64, gradient_steps=2,
    )  # fmt: skip
    agent.learn(6_000)
    assert agent.metrics()["rollout/success_rate"] > 0.9
    obs = {"cell": np.arange(6, dtype=np.uint8)[:, None], "clock": np.zeros((6, 1), np.float32)}
    assert agent.act(obs, deterministic=True).tolist() == [2] * 6


def sparse_key(num_envs: int, design: str):
    env = gym.make_vec(
        "SparseKey-5x5-v0",
        num_envs=num_envs,
        vectorization_mode="vector_entry_point",
        autoreset_mode=AutoresetMode.SAME_STEP,
    )
    return operant.shape(env, design, gamma=0.99)


@pytest.mark.slow
def test_ppo_learns_sparse_key_and_plays_it_without_the_design() -> None:
    agent = make_agent(
        "sb3-ppo", sparse_key(128, "potential"), seed=0,
        n_steps=64, batch_size=2048, n_epochs=4, learning_rate=1e-3, ent_coef=0.01, encoder="flat",
    )  # fmt: skip
    agent.learn(250_000)
    env = sparse_key(256, "none")
    obs, _ = env.reset(seed=99)
    solved = np.zeros(256, np.bool_)
    with agent.sampling(0):
        for _ in range(100):
            obs, _, _, _, infos = env.step(agent.act(obs, deterministic=False))
            solved |= infos["success"]
    assert solved.mean() > 0.95
