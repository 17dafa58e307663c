"""Statistics of normalisers are part of a model, and cannot be forgotten."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers import NormalizeObservation
from gymnasium.wrappers.vector import NormalizeObservation as VectorNormalizeObservation
from gymnasium.wrappers.vector import NormalizeReward as VectorNormalizeReward
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from operant.agents import PPO
from operant.agents.native.normalisers import find_normalisers, normaliser_state


def vec_normalized(walk, **settings):
    return VecNormalize(DummyVecEnv([walk] * 2), **settings)


def vector_normalized(walk):
    env = gym.vector.SyncVectorEnv([walk] * 2, autoreset_mode=AutoresetMode.NEXT_STEP)
    return VectorNormalizeReward(VectorNormalizeObservation(env))


MAKERS = {
    "VecNormalize": vec_normalized,
    "NormalizeReward": vector_normalized,
    "envs[0].NormalizeObservation": lambda walk: NormalizeObservation(walk()),
}
PLAIN = {
    "VecNormalize": lambda walk: DummyVecEnv([walk] * 2),
    "NormalizeReward": lambda walk: gym.vector.SyncVectorEnv([walk] * 2),
    "envs[0].NormalizeObservation": lambda walk: walk(),
}


@pytest.mark.parametrize("name", MAKERS)
def test_statistics_come_back(name, walk, small, tmp_path) -> None:
    model = PPO("MlpPolicy", MAKERS[name](walk), seed=1, **small).learn(64)
    assert name in find_normalisers(model.agent.env)
    arrays, _ = normaliser_state(model.agent.env)
    assert arrays
    model.save(tmp_path / "model")
    env = MAKERS[name](walk)
    again = PPO.load(tmp_path / "model", env)
    for path, value in normaliser_state(again.agent.env)[0].items():
        assert value.tobytes() == arrays[path].tobytes(), path
    again.learn(32)
    assert any(
        not np.array_equal(value, arrays[path])
        for path, value in normaliser_state(again.agent.env)[0].items()
    )


@pytest.mark.parametrize("name", MAKERS)
def test_forgetting_the_normaliser_is_an_error(name, walk, small, tmp_path) -> None:
    PPO("MlpPolicy", MAKERS[name](walk), seed=1, **small).save(tmp_path / "model")
    message = r"trained with the normaliser '.*Norm.*', which the env lacks"
    with pytest.raises(ValueError, match=message):
        PPO.load(tmp_path / "model", PLAIN[name](walk))
    model = PPO.load(tmp_path / "model")
    with pytest.raises(ValueError, match=message):
        model.set_env(PLAIN[name](walk))


def test_a_normaliser_too_many_or_of_other_settings_is_an_error(walk, small, tmp_path) -> None:
    PPO("MlpPolicy", DummyVecEnv([walk] * 2), **small).save(tmp_path / "plain")
    with pytest.raises(ValueError, match="has the normaliser 'VecNormalize', which the model was"):
        PPO.load(tmp_path / "plain", vec_normalized(walk))
    PPO("MlpPolicy", vec_normalized(walk), **small).save(tmp_path / "normalized")
    with pytest.raises(ValueError, match="clip_obs of the normaliser 'VecNormalize' must be 10"):
        PPO.load(tmp_path / "normalized", vec_normalized(walk, clip_obs=1.0))
    with pytest.raises(ValueError, match="norm_obs of the normaliser"):
        PPO.load(tmp_path / "normalized", vec_normalized(walk, norm_obs=False))


def test_statistics_wait_for_an_env_and_move_to_another(walk, small, tmp_path) -> None:
    model = PPO("MlpPolicy", vec_normalized(walk), seed=1, **small).learn(64)
    mean = model.get_vec_normalize_env().obs_rms.mean
    model.save(tmp_path / "model")
    later = PPO.load(tmp_path / "model")
    later.save(tmp_path / "copy")
    later = PPO.load(tmp_path / "copy")
    later.set_env(vec_normalized(walk))
    assert np.array_equal(later.get_vec_normalize_env().obs_rms.mean, mean)
    model.set_env(vec_normalized(walk))
    assert np.array_equal(model.get_vec_normalize_env().obs_rms.mean, mean)


def test_dict_observations(corridor, small, tmp_path) -> None:
    class Cells(gym.Env):
        observation_space = gym.spaces.Dict(
            a=gym.spaces.Box(0, 9, (2,), np.float32), b=gym.spaces.Discrete(3)
        )
        action_space = gym.spaces.Discrete(2)

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            return {"a": self.np_random.random(2, np.float32), "b": 1}, {}

        def step(self, action):
            return {"a": self.np_random.random(2, np.float32), "b": 2}, 1.0, False, False, {}

    def make():
        return VecNormalize(DummyVecEnv([Cells]), norm_obs_keys=["a"])

    model = PPO("MultiInputPolicy", make(), seed=1, **small).learn(32)
    model.save(tmp_path / "model")
    again = PPO.load(tmp_path / "model", make())
    mine, its = (m.get_vec_normalize_env().obs_rms["a"] for m in (model, again))
    assert its.count == mine.count > 30
    assert np.array_equal(its.var, mine.var)
