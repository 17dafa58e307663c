"""A rollout that lies elsewhere than the network, acted out on one device.

Its tensors are of a type that other tensors must not be mixed with, as a GPU's must not with the
CPU's, except where numbers are copied from one to the other.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from operant.agents.native.config import PPOConfig
from operant.agents.native.hooks import Hooks
from operant.agents.native.ppo import PPOAgent
from operant.agents.native.rollout import RolloutBuffer
from operant.agents.native.self_imitation import SelfImitation
from operant.agents.weights import module_arrays

COPIES = {Tensor.__setitem__, Tensor.copy_}


class Stored(Tensor):
    """Lies on the other device."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = [part for part in tree_leaves((args, kwargs or {})) if isinstance(part, Tensor)]
        others = [part for part in given if not isinstance(part, Stored) and part.ndim]
        assert not others or func in COPIES, f"{func} mixes devices"
        return super().__torch_function__(func, types, args, kwargs or {})


class ElsewhereBuffer(RolloutBuffer):
    """All of its tensors are stored."""

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Tensor):
            value = value.as_subclass(Stored)
        super().__setattr__(name, value)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.obs = {key: part.as_subclass(Stored) for key, part in self.obs.items()}

    def near(self, part: Tensor) -> Tensor:
        return part.as_subclass(Tensor)

    def _stored(self, part: Tensor) -> Tensor:
        return part.as_subclass(Stored)


class Reference(Hooks):
    """Asks to stay near to params that depend on what was observed."""

    def reference_policy(self, obs: Any) -> Tensor:
        assert not any(isinstance(part, Stored) for part in obs.values())
        first = next(iter(obs.values())).flatten(1)[:, :1].float()
        return torch.cat([first, -first], 1)


@pytest.mark.integration
@pytest.mark.parametrize(
    ("env_id", "hooks", "config"),
    [
        ("CartPole-v1", [], {}),
        ("CartPole-v1", [Reference], {}),
        ("CartPole-v1", [SelfImitation], {}),
        ("CartPole-v1", [], {"recurrent": "gru", "recurrent_units": 8, "bptt_horizon": 16}),
        ("Pendulum-v1", [], {}),
    ],
)
def test_network_and_rollout_may_be_apart(
    monkeypatch: pytest.MonkeyPatch, env_id: str, hooks: Any, config: Any, make_sync: Any
) -> None:
    trained = []
    for buffer in (RolloutBuffer, ElsewhereBuffer):
        monkeypatch.setattr("operant.agents.native.ppo.RolloutBuffer", buffer)
        agent = PPOAgent(
            make_sync(env_id, 4, max_episode_steps=20),
            config=PPOConfig(n_steps=32, batch_size=64, deduplicate=False, **config),
            hooks=[hook() for hook in hooks],
        )
        agent.learn(3 * 128)
        trained.append(agent)
    assert isinstance(trained[1].rollout.obs[""], Stored)
    assert trained[0].rollout.finals or env_id == "CartPole-v1"
    one, other = (module_arrays(agent.policy.model) for agent in trained)
    for name, weights in one.items():
        assert weights.tobytes() == other[name].tobytes(), name


def test_a_storage_device_reaches_the_rollout(make_sync: Any) -> None:
    env = make_sync("CartPole-v1", 2)
    agent = PPOAgent(env, config=PPOConfig(n_steps=8, batch_size=8, storage_device="meta"))
    assert agent.rollout.obs[""].device.type == agent.rollout.returns.device.type == "meta"
    assert next(agent.policy.model.parameters()).device.type == "cpu"
    assert not agent.deduplication.on
