"""An env of tensors is trained on as one of arrays; here its device is the CPU."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, VectorWrapper

from operant.agents import make_agent
from operant.agents.native.collector import Collector
from operant.agents.native.device_collector import DeviceCollector, DeviceEpisodes
from operant.errors import OperantError

ENV = "DoorKey-5x5-v0"
MODES = list(AutoresetMode)


class OnDevice(VectorWrapper):
    """A native env as ``CudaVectorEnv`` would be: tensors, and final values as whole batches."""

    device = torch.device("cpu")

    @property
    def unwrapped(self) -> Any:
        return self

    def reset(self, *, seed=None, options=None):
        if options:
            options = {"reset_mask": options["reset_mask"].numpy()}
        obs, infos = self.env.reset(seed=seed, options=options)
        return self._obs(obs), infos

    def step(self, actions):
        assert isinstance(actions, torch.Tensor)
        obs, *flags, infos = self.env.step(actions.numpy())
        reward, terminated, truncated = map(torch.from_numpy, flags)
        moved = {name: torch.from_numpy(infos[name]) for name in ("true_reward", "success")}
        if self.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP:
            final = {key: torch.zeros_like(torch.from_numpy(part)) for key, part in obs.items()}
            success = torch.zeros(self.num_envs, dtype=torch.bool)
            for row in np.flatnonzero(flags[1] | flags[2]):
                for key, part in final.items():
                    part[row] = torch.as_tensor(infos["final_obs"][row][key])
                success[row] = bool(infos["final_info"]["success"][row])
            moved |= {"final_obs": final, "final_info": {"success": success}}
        return self._obs(obs), reward.float(), terminated, truncated, moved

    @staticmethod
    def _obs(obs):
        return {key: torch.from_numpy(part) for key, part in obs.items()}

    def get_state(self):
        return self.env.get_state()

    def set_state(self, state):
        self.env.set_state(state)


def envs(mode: AutoresetMode = AutoresetMode.SAME_STEP, num_envs: int = 8) -> Any:
    return gym.make_vec(ENV, num_envs=num_envs, autoreset_mode=mode, max_steps=13)


def agent(env: Any, **hyper: Any) -> Any:
    sizes = {"n_steps": 32, "batch_size": 64, "n_epochs": 2, "deduplicate": False}
    return make_agent("ppo", env, seed=4, **{**sizes, **hyper})


def same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert one.keys() == other.keys()
    for name, values in one.items():
        assert np.array_equal(values, other[name]), name


@pytest.mark.integration
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("recurrent", [None, "gru"])
def test_training_on_tensors_equals_training_on_arrays(mode, recurrent) -> None:
    """Bit by bit: levels, actions, bootstraps at time limits (13 steps), updates."""
    arrays = agent(envs(mode), recurrent=recurrent, recurrent_units=16)
    tensors = agent(OnDevice(envs(mode)), recurrent=recurrent, recurrent_units=16)
    assert type(arrays.collector) is Collector
    assert isinstance(tensors.collector, DeviceCollector)
    for each in (arrays, tensors):
        each.learn(3 * 32 * 8)
    assert bool(arrays.rollout.truncated.any())
    same(arrays.policy_state()[0], tensors.policy_state()[0])
    for name in ("rollout/ep_len_mean", "rollout/ep_rew_mean", "rollout/success_rate"):
        assert name in tensors.metrics()
    assert tensors.num_steps == arrays.num_steps


def test_statistics_are_those_of_the_episodes_that_ended() -> None:
    tensors, arrays = agent(OnDevice(envs())), agent(envs())
    for each in (arrays, tensors):
        each.learn(32 * 8)  # 256 steps, about 20 episodes: all within the window of 100
    for name in ("ep_len_mean", "ep_rew_mean", "ep_true_rew_mean", "success_rate"):
        expected = arrays.metrics()[f"rollout/{name}"]
        assert tensors.metrics()[f"rollout/{name}"] == pytest.approx(expected, abs=1e-6)
    episodes = DeviceEpisodes(2, torch.device("cpu"))
    assert episodes.metrics() == {}


def test_training_continues_exactly() -> None:
    whole, first, second = (agent(OnDevice(envs())) for _ in range(3))
    whole.learn(4 * 32 * 8)
    first.learn(2 * 32 * 8)
    second.load_training_state(*first.training_state())
    second.learn(4 * 32 * 8)
    same(whole.policy_state()[0], second.policy_state()[0])
    same(whole.training_state()[0], second.training_state()[0])


def test_what_a_device_env_cannot_do_is_said() -> None:
    env = OnDevice(envs())
    env.device = torch.device("meta")
    with pytest.raises(ValueError, match=r"device must be 'meta', where the env's tensors lie"):
        agent(env)

    class Watcher:
        def stepped(self, step: Any) -> bool:
            raise AssertionError(step)

    with pytest.raises(OperantError, match="on_rollout"):
        agent(OnDevice(envs())).learn(256, watcher=Watcher())


class Broken(OnDevice):
    """Observations with a hole."""

    @staticmethod
    def _obs(obs):
        return {"image": torch.from_numpy(obs["image"])}


class NaN(OnDevice):
    """Observations with a NaN in row 3."""

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        self._single_observation_space = gym.spaces.Box(-1, 1, (2,), np.float32)

    @staticmethod
    def _obs(obs):
        numbers = torch.zeros(len(obs["image"]), 2)
        numbers[3, 1] = torch.nan
        return numbers

    def step(self, actions):
        *result, infos = super().step(actions)
        infos["final_obs"] = torch.zeros(self.num_envs, 2)
        return *result, infos


def test_bad_observations_are_named() -> None:
    with pytest.raises(ValueError, match=r"observations must have the keys \['direction', 'image'"):
        agent(Broken(envs())).learn(256)
    with pytest.raises(ValueError, match="observation must be finite, is not at step 0 in row 3"):
        agent(NaN(envs())).learn(256)
