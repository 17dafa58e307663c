"""Every kind of env trains, and the same env trains equally through every door."""

from __future__ import annotations

from functools import partial

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    SubprocVecEnv,
    VecMonitor,
    VecNormalize,
)

import operant
from operant.agents import PPO
from operant.agents.native.sources import MaskedVectorEnv, as_vector_env
from operant.agents.sb3.source import VecEnvSource
from operant.agents.sb3.vec_env import SB3VecEnv
from operant.errors import GammaMismatchError

KINDS = {
    "id": lambda walk, loop: "CartPole-v1",
    "scalar": lambda walk, loop: walk(),
    "same_step": lambda walk, loop: loop(walk, 3),
    "next_step": lambda walk, loop: loop(walk, 3, "NEXT_STEP"),
    "disabled": lambda walk, loop: loop(walk, 3, "DISABLED"),
    "dummy": lambda walk, loop: DummyVecEnv([walk] * 3),
    "normalized": lambda walk, loop: VecNormalize(VecMonitor(DummyVecEnv([walk] * 3))),
    "adapter": lambda walk, loop: SB3VecEnv(loop(walk, 3)),
    "around_adapter": lambda walk, loop: VecNormalize(SB3VecEnv(loop(walk, 3))),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_env_trains(kind, walk, loop, small) -> None:
    model = PPO("MlpPolicy", KINDS[kind](walk, loop), seed=1, **small)
    before = {k: v.clone() for k, v in model.get_parameters()["policy"].items()}
    model.learn(3 * 16)
    assert model.num_timesteps >= 3 * 16
    after = model.get_parameters()["policy"]
    assert all(not after[name].equal(before[name]) for name in before)
    vec = model.get_env()
    assert vec.num_envs == model.n_envs
    assert vec is model.get_env()
    if kind == "next_step":
        with pytest.raises(RuntimeError, match=r"autoreset_mode must be SAME_STEP.*make_vec"):
            vec.reset()
    elif kind != "disabled":
        obs = vec.reset()
        assert model.predict(obs)[0].shape == (model.n_envs,)


@pytest.mark.slow  # each process imports everything
def test_subprocesses_train_as_the_loop_does(walks, small, same) -> None:
    one = PPO("MlpPolicy", DummyVecEnv(walks), seed=3, **small).learn(96)
    vec = SubprocVecEnv(walks, start_method="spawn")
    try:
        two = PPO("MlpPolicy", vec, seed=3, **small).learn(96)
    finally:
        vec.close()
    assert same(one, two)


def test_sb3_and_gymnasium_loops_train_equally(walks, small, same) -> None:
    """Rewards, ends, cuts and true last observations are thus read alike."""
    vector = gym.vector.SyncVectorEnv(walks, autoreset_mode=AutoresetMode.SAME_STEP)
    models = [PPO("MlpPolicy", env, seed=3, **small) for env in (DummyVecEnv(walks), vector)]
    for model in models:
        model.learn(96)
        assert model.agent.rollout.truncated.any()
        assert model.agent.rollout.terminated.any()
        assert model.agent.rollout.finals
    assert same(*models)
    logs = [model.agent.metrics() for model in models]
    assert logs[0]["rollout/ep_rew_mean"] == logs[1]["rollout/ep_rew_mean"]
    assert 0 < logs[0]["rollout/success_rate"] == logs[1]["rollout/success_rate"] < 1


def test_source_reports_what_the_infos_say(walk) -> None:
    source = VecEnvSource(VecMonitor(DummyVecEnv([partial(walk, 2), partial(walk, 3)])))
    source.reset(seed=1)
    source.step(np.array([1, 0]))
    obs, _, terminated, truncated, infos = source.step(np.array([1, 0]))
    assert not terminated.any()
    assert truncated.tolist() == [True, False]
    assert obs[:, 0].tolist() == [0, 2]
    assert infos["final_obs"][0][0] == 2
    assert infos["final_obs"][1] is None
    assert (infos["episode"]["r"][0], infos["episode"]["l"][0]) == (2, 2)
    assert infos["_episode"].tolist() == [True, False]
    assert infos["success"].tolist() == [True, False]


def test_seed_of_the_model_seeds_every_kind_of_env(walk, loop) -> None:
    first = {}
    for name, make in {
        "vec": lambda: DummyVecEnv([walk] * 2),
        "gym": lambda: loop(walk, 2),
    }.items():
        for seed in (1, 1, 2):
            model = PPO("MlpPolicy", make(), n_steps=4, batch_size=4, seed=seed)
            model.learn(8)
            first.setdefault(name, []).append(model.rollout_buffer.observations[0, :, 1].tolist())
    assert first["vec"] == first["gym"]
    assert first["gym"][0] == first["gym"][1] != first["gym"][2]


MASKED = {
    "scalar": lambda masked, loop: masked(),
    "dummy": lambda masked, loop: DummyVecEnv([masked] * 2),
    "sync": lambda masked, loop: loop(masked, 2),
    "next_step": lambda masked, loop: loop(masked, 2, "NEXT_STEP"),
    "around_adapter": lambda masked, loop: VecNormalize(SB3VecEnv(as_vector_env(loop(masked, 2)))),
}


@pytest.mark.parametrize("kind", MASKED)
def test_method_action_masks_is_obeyed(kind, masked, loop, small) -> None:
    model = PPO("MlpPolicy", MASKED[kind](masked, loop), **small)
    model.learn(64)  # the env raises at a forbidden action
    assert model.agent.rollout.masks is not None
    assert model.agent.rollout.masks[1:-1].sum(-1).min() == 1


@pytest.mark.parametrize("kind", ["scalar", "dummy", "sync"])
def test_action_mask_of_infos_is_obeyed(kind, informed, loop, small) -> None:
    model = PPO("MlpPolicy", MASKED[kind](informed, loop), **small)
    model.learn(64)
    assert model.agent.rollout.masks is not None


def test_masks_of_infos_come_before_the_method(corridor) -> None:
    class Both(corridor):
        def action_masks(self):
            return np.ones((self.num_envs, 3), np.bool_)

    env = as_vector_env(Both())
    assert isinstance(env, MaskedVectorEnv)
    _, infos = env.reset(seed=0)
    assert infos["action_mask"].shape == (4, 3)
    assert infos["features"]["at"].shape == (4,)
    env.env.reset = lambda **_: (None, {"action_mask": "the env's"})
    assert env.reset()[1]["action_mask"] == "the env's"


def test_discount_of_a_design_inside_any_env_is_checked(small) -> None:
    env = gym.make_vec(
        "SparseKey-5x5-v0",
        num_envs=2,
        vectorization_mode="vector_entry_point",
        autoreset_mode=AutoresetMode.SAME_STEP,
    )
    for around in (SB3VecEnv, lambda env: VecMonitor(SB3VecEnv(env))):
        designed = operant.shape(env, "potential", gamma=0.9)
        with pytest.raises(GammaMismatchError, match=r"gamma=0.9 but the agent uses gamma=0.99"):
            PPO("MlpPolicy", around(designed), **small)


def test_reward_streams_pass_through_sb3s_wrappers(same) -> None:
    def make():
        env = gym.make_vec(
            "SparseKey-5x5-v0",
            num_envs=4,
            vectorization_mode="vector_entry_point",
            autoreset_mode=AutoresetMode.SAME_STEP,
        )
        return operant.shape(env, "count", gamma=0.99)

    streams = {"env": {}, "novelty": {"gamma": 0.9, "episodic": False}}
    hyper = {"n_steps": 16, "batch_size": 32, "n_epochs": 1, "seed": 1, "reward_streams": streams}
    models = [PPO("MlpPolicy", e, **hyper) for e in (make(), VecMonitor(SB3VecEnv(make())))]
    assert same(*(model.learn(256) for model in models))
    assert models[1].agent.metrics()["rollout/reward_mean/novelty"] > 0


def test_what_is_no_env_is_refused() -> None:
    with pytest.raises(TypeError, match=r"env must be a Gymnasium id, .* got int"):
        PPO("MlpPolicy", 3)


def test_set_env(walk, loop, small) -> None:
    model = PPO("MlpPolicy", loop(walk, 3), **small)
    model.learn(48)
    assert model._last_obs.shape == (3, 2)
    model.set_env(DummyVecEnv([walk] * 3))
    assert model._last_obs is None
    model.learn(48, reset_num_timesteps=False)
    assert model.num_timesteps == 96
    model.set_env(model.get_env(), force_reset=False)
    assert model._last_obs is not None
    with pytest.raises(AssertionError, match="env must have 3 rows as the model has, got 2"):
        model.set_env(loop(walk, 2))
    with pytest.raises(ValueError, match="env must have 3 rows"):
        model.set_env(loop(walk, 2))
    with pytest.raises(ValueError, match="observation_space of the env must be Box"):
        model.set_env(gym.make_vec("CartPole-v1", 3))
