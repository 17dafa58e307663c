"""Observations normalised inside the network, against SB3's running moments."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch
from safetensors.numpy import load, save
from stable_baselines3.common.running_mean_std import RunningMeanStd

from operant.agents import PPO, make_agent
from operant.agents.native.encoder import CLIP, Encoder
from operant.agents.native.parallel import launch

SPACE = gym.spaces.Dict(
    cells=gym.spaces.Box(np.uint8([0, 2]), np.uint8([4, 7]), (2,), np.uint8),
    flags=gym.spaces.MultiBinary(2),
    heading=gym.spaces.Discrete(4),
    screen=gym.spaces.Box(0, 255, (3,), np.uint8),
    speed=gym.spaces.Box(-np.inf, np.inf, (3,), np.float64),
)
COLUMNS = slice(-3, None)
"""Those of ``speed``; the keys of a Dict are sorted."""
SMALL = {"n_steps": 16, "batch_size": 64, "n_epochs": 2, "net_arch": [8]}


def batch(seed, count=50):
    SPACE.seed(seed)
    rows = [SPACE.sample() for _ in range(count)]
    found = {key: np.stack([row[key] for row in rows]) for key in SPACE.spaces}
    return found | {"speed": np.random.default_rng(seed).normal(1e4, [1.0, 30.0, 0.0], (count, 3))}


def agent(seed=0, **hyper):
    env = gym.make_vec("Pendulum-v1", num_envs=4)
    return make_agent("ppo", env, seed=seed, **{**SMALL, "normalize_obs": True, **hyper})


def test_moments_equal_sb3s_and_leave_categories_alone() -> None:
    encoder = Encoder(SPACE, encoder="onehot", normalize=True)
    plain = Encoder(SPACE, encoder="onehot")
    judge = RunningMeanStd(epsilon=0.0, shape=(3,))
    for seed in range(3):
        obs = batch(seed, 20 + seed)
        encoder.moments.observe(encoder.raw(encoder.tensors(obs, "cpu")), lambda total: total)
        judge.update(obs["speed"].astype(np.float32).astype(np.float64))  # what torch sees
    assert float(encoder.moments.count) == judge.count == 63
    assert encoder.moments.mean[COLUMNS].numpy() == pytest.approx(judge.mean, rel=1e-12)
    assert encoder.moments.var[COLUMNS].numpy() == pytest.approx(judge.var, rel=1e-9, abs=1e-6)
    tensors = encoder.tensors(batch(9), "cpu")
    found, raw = encoder(tensors).numpy(), plain(tensors).numpy()
    wanted = (raw[:, COLUMNS] - judge.mean) / np.sqrt(judge.var + 1e-8)
    assert found[:, COLUMNS] == pytest.approx(np.clip(wanted, -CLIP, CLIP), abs=2e-2)
    assert abs(found[:, -3:-1].std(0) - 1).max() < 0.3
    assert np.array_equal(found[:, :-3], raw[:, :-3])


def test_before_anything_is_seen_rows_are_only_clipped() -> None:
    encoder = Encoder(gym.spaces.Box(-99, 99, (3,)), encoder="flat", normalize=True)
    rows = encoder({"": torch.tensor([[1.0, -2.0, 50.0]])})
    assert rows.tolist() == [[1.0, -2.0, CLIP]]


def test_all_that_is_trained_on_counts_once() -> None:
    one = agent()
    seen = []
    for steps in (64, 128, 192):
        one.learn(steps)
        valid = one.rollout.valid.flatten()
        seen.append(one.rollout.all_obs()[""][valid].double())
        wanted = torch.cat(seen)
        moments = one.policy.model.encoder.moments
        assert int(moments.count) == len(wanted)
        torch.testing.assert_close(moments.mean, wanted.mean(0))
        torch.testing.assert_close(moments.var, wanted.var(0, unbiased=False))


@pytest.mark.parametrize("deduplicate", [False, True])
def test_a_rollout_is_trained_on_as_it_was_seen(deduplicate) -> None:
    """Moments that moved in between would make the first ratios of probabilities differ from 1."""
    env = gym.make_vec("CartPole-v1", num_envs=8)
    hyper = {**SMALL, "n_epochs": 1, "batch_size": 4096, "deduplicate": deduplicate}
    one = make_agent("ppo", env, seed=1, normalize_obs=True, **hyper)
    one.learn(512)
    assert one.metrics()["train/approx_kl"] == pytest.approx(0.0, abs=1e-6)
    assert one.metrics()["train/clip_fraction"] == 0.0
    assert one.deduplication.on == deduplicate


def test_they_travel_with_the_policy_and_the_training_state(corridor) -> None:
    def build():
        return make_agent("ppo", corridor(4), seed=5, normalize_obs=True, **SMALL)

    whole, half = build(), build()
    whole.learn(256)
    half.learn(256, lambda each: each.num_steps < 128)
    arrays, meta = half.training_state()
    assert meta["exact_resume"] is True
    resumed = build()
    resumed.load_training_state(load(save(arrays)), meta)
    resumed.learn(256)
    for name, value in whole.policy_state()[0].items():
        assert value.tobytes() == resumed.policy_state()[0][name].tobytes(), name
    obs = {key: part.numpy() for key, part in whole.rollout.obs_at(3).items()}
    policy = type(whole).load_policy(
        *whole.policy_state()[:1],
        whole.config,
        whole.env.single_observation_space,
        whole.env.single_action_space,
    )
    assert np.array_equal(policy.act(obs, deterministic=True), whole.act(obs, deterministic=True))
    moments = policy.model.encoder.moments
    assert torch.equal(moments.mean, whole.policy.model.encoder.moments.mean)
    assert int(moments.count) == 256


def test_sb3_style_models_keep_them(tmp_path) -> None:
    model = PPO("MlpPolicy", "Pendulum-v1", n_steps=64, normalize_obs=True, seed=0)
    model.learn(128)
    model.save(tmp_path / "model")
    again = PPO.load(tmp_path / "model")
    obs = np.array([[1.0, 0.0, 7.0]], np.float32)
    assert again.normalize_obs is True
    assert np.array_equal(
        again.predict(obs, deterministic=True)[0], model.predict(obs, deterministic=True)[0]
    )


@pytest.mark.integration
def test_ranks_know_what_all_have_seen(monkeypatch) -> None:
    from pathlib import Path

    monkeypatch.syspath_prepend(Path(__file__).parent)
    import ranks_work

    both = launch(ranks_work.seen, 2)
    rows = np.concatenate([each["rows"] for each in both])
    assert not np.array_equal(both[0]["rows"], both[1]["rows"])
    for each in both:
        assert each["count"] == len(rows)
        assert each["mean"] == pytest.approx(rows.mean(0), rel=1e-9)
        assert each["var"] == pytest.approx(rows.var(0), rel=1e-6)


def test_a_word_is_no_answer() -> None:
    with pytest.raises(ValueError, match="normalize_obs must be True or False, got 'yes'"):
        agent(normalize_obs="yes")
