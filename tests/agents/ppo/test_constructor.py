"""SB3's constructor arguments: same names, same defaults, and what is refused says why."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest
import stable_baselines3
import torch
from stable_baselines3.common.utils import ConstantSchedule, FloatSchedule, LinearSchedule
from torch import nn

from operant.agents import PPO, make_agent
from operant.agents.native.arguments import FIELDS


def test_importing_agents_loads_neither_torch_nor_sb3() -> None:
    code = (
        "import sys, operant.agents as a; assert 'PPO' in a.__all__;"
        "print(sorted({'torch', 'stable_baselines3', 'numba'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"


def test_arguments_and_defaults_are_sb3s() -> None:
    theirs = inspect.signature(stable_baselines3.PPO.__init__).parameters
    ours = inspect.signature(PPO.__init__).parameters
    assert list(ours)[: len(theirs)] == list(theirs)
    for name, parameter in theirs.items():
        assert ours[name].default == parameter.default, name


def test_every_hyper_parameter_reaches_the_agent(walk) -> None:
    given = {
        "learning_rate": 1e-3,
        "n_steps": 8,
        "batch_size": 4,
        "n_epochs": 3,
        "gamma": 0.5,
        "gae_lambda": 0.7,
        "clip_range": 0.1,
        "clip_range_vf": 0.3,
        "normalize_advantage": False,
        "ent_coef": 0.02,
        "vf_coef": 0.25,
        "max_grad_norm": 2.0,
        "target_kl": 0.05,
        "threads": 2,
        "deduplicate": False,
        "encoder": "onehot",
    }
    network = {"net_arch": {"pi": [4]}, "activation_fn": nn.ReLU, "ortho_init": False}
    network["log_std_init"] = -1.5
    model = PPO("MlpPolicy", walk(), policy_kwargs=network, seed=7, device="cpu", **given)
    config = model.agent.config
    assert {name: getattr(config, name) for name in given} == given
    assert (config.net_arch, config.activation) == ({"pi": [4], "vf": []}, "relu")
    assert (config.ortho_init, config.device, model.seed) == (False, "cpu", 7)
    assert config.log_std_init == -1.5
    assert given.keys() | {"net_arch", "activation", "ortho_init", "device"} <= set(FIELDS)
    assert model.n_steps == 8
    assert model.gae_lambda == 0.7


def test_facade_trains_as_the_agent_does(corridor, same) -> None:
    hyper = {"n_steps": 16, "batch_size": 24, "n_epochs": 2}
    model = PPO("MlpPolicy", corridor(), seed=5, policy_kwargs={"net_arch": [8]}, **hyper)
    agent = make_agent("ppo", corridor(), seed=5, net_arch=[8], **hyper)
    assert model.learn(256) is model
    agent.learn(256)
    weights = agent.policy_state()[0]
    mine = {k: v.numpy() for k, v in model.get_parameters()["policy"].items()}
    assert mine.keys() == weights.keys()
    assert all(mine[name].tobytes() == weights[name].tobytes() for name in mine)


def test_streams_and_hooks_are_keywords(corridor) -> None:
    from operant.agents.native.hooks import Hooks

    class Bonus(Hooks):
        def reward_streams(self, rollout):
            return {"bonus": torch.ones(rollout.steps, rollout.num_envs)}

    streams = {"reward": {}, "bonus": {"gamma": 0.5, "episodic": False}}
    model = PPO(
        "MlpPolicy", corridor(), n_steps=8, batch_size=8, reward_streams=streams, hooks=[Bonus()]
    )
    model.learn(32)
    assert model.rollout_buffer.returns.shape == (8, 4, 2)
    assert model.agent.metrics()["rollout/reward_mean/bonus"] == 1.0


@pytest.mark.parametrize(
    ("schedule", "spec", "half"),
    [
        (1e-3, 1e-3, 1e-3),
        (ConstantSchedule(0.2), 0.2, 0.2),
        (FloatSchedule(0.3), 0.3, 0.3),
        (LinearSchedule(0.4, 0.2, 1.0), {"kind": "linear", "from": 0.4, "to": 0.2}, 0.3),
        (FloatSchedule(LinearSchedule(1, 0, 1)), {"kind": "linear", "from": 1.0, "to": 0.0}, 0.5),
        (
            {"kind": "cosine", "from": 1.0, "to": 0.0},
            {"kind": "cosine", "from": 1.0, "to": 0.0},
            0.5,
        ),
    ],
)
def test_schedules_translate_and_read_back(walk, schedule, spec, half) -> None:
    model = PPO("MlpPolicy", walk(), learning_rate=schedule, clip_range=schedule)
    assert model.agent.config.learning_rate == model.agent.config.clip_range == spec
    assert model.clip_range(0.5) == model.lr_schedule(0.5) == pytest.approx(half)


REFUSED = [
    ({"use_sde": True}, "use_sde is not supported: .*leave use_sde=False"),
    ({"sde_sample_freq": 4}, "sde_sample_freq is not supported"),
    ({"rollout_buffer_class": dict}, "rollout_buffer_class is not supported: .*hook"),
    ({"rollout_buffer_kwargs": {"a": 1}}, "rollout_buffer_kwargs is not supported"),
    ({"_init_setup_model": False}, "_init_setup_model=False is not supported"),
    ({"learning_rate": lambda _: 1e-3}, "learning_rate must be a number.*without pickle"),
    ({"clip_range": LinearSchedule(0.2, 0.1, 0.5)}, "clip_range must run over the whole"),
    ({"clip_range_vf": LinearSchedule(0.2, 0.1, 1)}, "clip_range_vf must be a number or None"),
    ({"policy": "CnnPolicy"}, "policy must be one of .*'CnnPolicy'"),
    ({"policy": stable_baselines3.ppo.MlpPolicy}, "policy must be one of .*without pickle"),
    ({"policy_kwargs": {"optimizer_class": object}}, r"policy_kwargs\['optimizer_class'\] is not"),
    ({"policy_kwargs": {"activation_fn": nn.GELU}}, "activation_fn.* must be .*got 'GELU'"),
    ({"stats_window_size": 0}, "stats_window_size must be >= 1, got 0"),
    ({"n_step": 8}, "no field 'n_step'; did you mean .*n_steps"),
    ({"gamma": 1.5}, "gamma must lie in"),
    ({"seed": -1}, "seed"),
]


@pytest.mark.parametrize(("given", "message"), REFUSED)
def test_what_is_not_supported_is_refused_by_name(walk, given, message) -> None:
    with pytest.raises(ValueError, match=message):
        PPO(**{"policy": "MlpPolicy", "env": walk(), **given})


def test_seed_is_drawn_and_kept(walk) -> None:
    seeds = {PPO("MlpPolicy", walk()).seed for _ in range(3)}
    assert len(seeds) == 3
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_hyper_parameters_are_fixed_once_built(walk) -> None:
    model = PPO("MlpPolicy", walk())
    with pytest.raises(AttributeError, match=r"learning_rate is fixed.*PPO.load\(path"):
        model.learning_rate = 1.0
    with pytest.raises(AttributeError, match="no attribute 'replay_buffer'"):
        _ = model.replay_buffer
    assert not hasattr(model, "replay_buffer")
    assert model.action_noise is None


@pytest.mark.skipif(torch.cuda.is_available(), reason="is about machines without a GPU")
def test_device_falls_back_aloud(walk) -> None:
    assert PPO("MlpPolicy", walk(), device="auto").device == torch.device("cpu")
    with pytest.warns(UserWarning, match="device 'cuda' is not there"):
        assert PPO("MlpPolicy", walk(), device="cuda").device.type == "cpu"
