"""The update against Stable-Baselines3's on the same rollout."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from operant.agents import make_agent
from operant.agents.native.config import PPOConfig, Stream
from operant.agents.native.linear import fast_tanh
from operant.agents.native.parallel import Ranks
from operant.agents.native.ppo import PPOAgent
from operant.agents.native.update import combined
from operant.agents.weights import fill_module

SHARED = {"n_steps": 40, "batch_size": 160, "n_epochs": 4, "ent_coef": 0.01, "gamma": 0.95}


def tensors(module) -> dict:
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


@pytest.mark.parametrize("clip_range_vf", [None, 0.05])
@pytest.mark.parametrize(
    ("env_id", "kwargs"),
    [
        ("CartPole-v1", {"max_episode_steps": 15}),
        ("Pendulum-v1", {"max_episode_steps": 15}),
        ("SparseKey-5x5-v0", {}),
    ],
)
def test_one_update_equals_sb3s(env_id, kwargs, clip_range_vf, make_sync) -> None:
    judge = make_agent("sb3-ppo", make_sync(env_id, 4, **kwargs), seed=1, **SHARED)
    model, seen = judge.model, {}
    if clip_range_vf is not None:
        model.clip_range_vf = lambda _: clip_range_vf
    train = model.train

    def record() -> None:
        buffer = model.rollout_buffer
        obs = buffer.observations
        seen["obs"] = {
            k: v.copy() for k, v in (obs if isinstance(obs, dict) else {"": obs}).items()
        }
        for name in ("actions", "values", "log_probs", "advantages", "returns"):
            seen[name] = torch.from_numpy(getattr(buffer, name).copy())
        seen["weights"] = tensors(model.policy)
        train()

    model.train = record
    judge.learn(160)

    config = PPOConfig(**SHARED, clip_range_vf=clip_range_vf, deduplicate=False)
    agent = PPOAgent(make_sync(env_id, 4, **kwargs), config=config)
    network, rollout = agent.policy.model, agent.rollout
    fill_module(network, {name: value.numpy() for name, value in seen["weights"].items()})
    for key, part in seen["obs"].items():
        rollout.obs[key][:-1] = torch.from_numpy(part).view_as(rollout.obs[key][:-1])
    rollout.actions[:] = seen["actions"].view_as(rollout.actions)
    rollout.log_probs[:] = seen["log_probs"]
    for name in ("values", "advantages", "returns"):
        getattr(rollout, name)[:] = seen[name].unsqueeze(-1)

    with torch.no_grad():  # the network says the same of the same observations
        params, values = agent.policy.model(rollout.all_obs())
        log_probs, _ = agent.policy.head.evaluate(params, rollout.actions.flatten(0, 1))
    torch.testing.assert_close(values.flatten(), seen["values"].flatten(), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(log_probs, seen["log_probs"].flatten(), atol=1e-5, rtol=1e-5)

    agent.train_on(rollout)
    for name, value in tensors(network).items():
        wanted = tensors(model.policy)[name]
        assert not torch.equal(wanted, seen["weights"][name])
        torch.testing.assert_close(value, wanted, atol=3e-6, rtol=1e-4)
    mine, theirs = agent.metrics(), judge.metrics()
    for name in ("policy_gradient_loss", "value_loss", "entropy_loss", "clip_fraction"):
        assert mine[f"train/{name}"] == pytest.approx(theirs[f"train/{name}"], rel=1e-3, abs=2e-5)
    for name in ("explained_variance", "learning_rate", "clip_range", "n_updates"):
        assert mine[f"train/{name}"] == pytest.approx(theirs[f"train/{name}"], rel=1e-3, abs=1e-4)
    assert ("train/std" in mine) == ("train/std" in theirs)


def test_advantages_of_streams_are_normalised_then_weighted() -> None:
    advantages = torch.tensor([[1.0, 10], [3, 20], [5, 60]])
    streams = [Stream(gamma=0.9, coef=2.0), Stream(gamma=0.9, coef=0.5, normalize=False)]
    found = combined(advantages, streams, Ranks())
    assert found.tolist() == pytest.approx([-2 + 5, 0 + 10, 2 + 30])
    # One row has no deviation.
    assert combined(advantages[:1], streams, Ranks()).tolist() == [2 + 5]


def test_fast_tanh_is_tanh_with_its_gradient() -> None:
    x = torch.linspace(-20, 20, 4001, requires_grad=True)
    y = torch.linspace(-20, 20, 4001, requires_grad=True)
    weights = torch.randn(4001, generator=torch.Generator().manual_seed(0))
    fast, exact = fast_tanh(x * 1.0), torch.tanh(y)
    torch.testing.assert_close(fast, exact, atol=3e-7, rtol=0)
    (fast * weights).sum().backward()
    (exact * weights).sum().backward()
    torch.testing.assert_close(x.grad, y.grad, atol=2e-6, rtol=0)


def test_kl_limit_stops_the_update(make_sync) -> None:
    def updates(target_kl) -> float:
        config = PPOConfig(
            n_steps=32, batch_size=32, n_epochs=8, learning_rate=0.02, target_kl=target_kl
        )
        agent = PPOAgent(make_sync("CartPole-v1", 4), config=config, seed=0)
        agent.learn(1)
        return agent.metrics()["train/n_updates"]

    assert updates(None) == 8
    assert updates(0.01) < 4


def test_no_gradient_step_beyond_the_limit(make_sync) -> None:
    """The first minibatch has divergence 0, so one step is made; the next one is refused."""
    config = PPOConfig(n_steps=32, batch_size=32, n_epochs=8, learning_rate=0.05, target_kl=1e-9)
    agent = PPOAgent(make_sync("CartPole-v1", 4), config=config, seed=0)
    agent.learn(1)
    steps = {int(slots["step"]) for slots in agent.optimizer.state_dict()["state"].values()}
    assert steps == {1}


@pytest.mark.parametrize("kind", ["linear", "cosine"])
def test_schedules_run_over_the_whole_training(kind, make_sync) -> None:
    plan = {"kind": kind, "from": 0.004, "to": 0.0}
    config = PPOConfig(
        n_steps=16, batch_size=64, n_epochs=1, learning_rate=plan, clip_range={**plan, "from": 0.2}
    )
    agent = PPOAgent(make_sync("CartPole-v1", 4), config=config)
    rates = []
    agent.learn(256, lambda a: rates.append(a.metrics().get("train/learning_rate")))
    shares = np.array([0.25, 0.5, 0.75, 1.0])
    wanted = 1 - shares if kind == "linear" else (1 + np.cos(np.pi * shares)) / 2
    assert rates[1:] == pytest.approx(0.004 * wanted)
    assert agent.metrics()["train/clip_range"] == pytest.approx(0.0)
    assert agent.optimizer.param_groups[0]["lr"] == pytest.approx(0.0)
    agent.learn(512)  # continued against the new total
    assert agent.metrics()["train/learning_rate"] == pytest.approx(0.0)
