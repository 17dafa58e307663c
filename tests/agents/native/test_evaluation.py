"""The agent on distinct observations against the same agent on all of them."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces

import operant  # noqa: F401 (registers the ids)
from operant.agents import make_agent
from operant.agents.native.config import PPOConfig
from operant.agents.native.hooks import Hooks
from operant.agents.native.ppo import PPOAgent

SMALL = {"n_steps": 32, "batch_size": 256, "n_epochs": 3, "ent_coef": 0.01}


def grid(**kwargs):
    return gym.make_vec("SparseKey-5x5-v0", num_envs=16, autoreset_mode="SameStep", **kwargs)


def one_update(deduplicate: bool, clip_range_vf: float | None):
    """Return an agent after an update on a rollout that does not depend on ``deduplicate``."""
    hyper = {**SMALL, "clip_range_vf": clip_range_vf}
    source = make_agent("ppo", grid(max_steps=20), seed=1, deduplicate=True, **hyper)
    source.collect()
    agent = make_agent("ppo", grid(max_steps=20), seed=1, deduplicate=deduplicate, **hyper)
    agent.policy.model.load_state_dict(source.policy.model.state_dict())
    agent.policy.generator.set_state(source.policy.generator.get_state())
    agent.rollout = source.rollout
    agent._distinct._known, agent._distinct._ids = source._distinct._known, source._distinct._ids
    agent.train_on(agent.rollout)
    return agent


@pytest.mark.parametrize("clip_range_vf", [None, 0.05])
def test_an_update_is_the_same(clip_range_vf: float | None) -> None:
    dense, distinct = (one_update(choice, clip_range_vf) for choice in (False, True))
    for name, weights in dense.policy.model.state_dict().items():
        torch.testing.assert_close(
            distinct.policy.model.state_dict()[name], weights, rtol=0, atol=2e-5, msg=name
        )
    for name, value in dense.metrics().items():
        if name.startswith("train/"):
            assert distinct.metrics()[name] == pytest.approx(value, rel=1e-3, abs=1e-5), name


def gradients(agent, evaluation, rollout):
    """Return the gradient of the loss of one minibatch, and its statistics."""
    agent.policy.model.zero_grad()
    loss = evaluation.loss(rollout, rollout.positions()[3:-5], 0.1)
    loss.total.backward()
    return [part.grad.clone() for part in agent.policy.model.parameters()], loss.statistics


@pytest.mark.parametrize("kind", ["discrete", "binary"])
def test_gradients_are_the_same_with_masks(kind, identity) -> None:
    """Half of the rows see an observation with one mask, the others with another."""

    class Masked(identity):
        def _mask(self):
            mask = np.ones((self.num_envs, 4 if kind == "discrete" else 6), np.int8)
            mask[::2, 1] = 0
            mask[self.clock % 3 :: 3, -1] = 0
            return {"action_mask": mask, "_action_mask": np.ones(self.num_envs, np.bool_)}

    hyper = {**SMALL, "clip_range_vf": 0.05, "net_arch": [8]}
    agent = make_agent("ppo", Masked(kind, masks=True), seed=1, deduplicate=True, **hyper)
    agent.policy.model.action_net.weight.data.mul_(100)
    rollout = agent.collect()
    taken = rollout.actions.reshape(*rollout.actions.shape[:2], -1)
    if kind == "discrete":
        assert rollout.masks[:-1].gather(2, taken).all()
    else:
        assert taken[:, ::2, 0].eq(0).all()  # where the first bit may not be 1
    with torch.no_grad():  # another policy than the one that acted
        agent.policy.model.action_net.bias[:] = torch.linspace(-0.3, 0.3, agent.policy.head.outputs)
    dense, dense_statistics = gradients(agent, agent._dense, rollout)
    distinct, statistics = gradients(agent, agent._distinct, rollout)
    torch.testing.assert_close(statistics, dense_statistics, rtol=1e-5, atol=1e-6)
    assert dense_statistics[5] > 0  # something is clipped
    for one, two in zip(distinct, dense, strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=1e-6)
    seen, total = agent._distinct.seen
    assert seen < total / 2
    assert len(agent._distinct._known.table) > (4 if kind == "discrete" else 8)  # with masks


def test_log_probs_and_values_of_a_rollout_are_the_networks() -> None:
    agent = make_agent("ppo", grid(max_steps=20), seed=2, deduplicate=True, **SMALL)
    rollout = agent.collect()
    with torch.no_grad():
        params, values = agent.policy.model(rollout.all_obs())
        log_probs, _ = agent.policy.head.evaluate(params, rollout.actions.flatten(0, 1))
    torch.testing.assert_close(rollout.log_probs.flatten(), log_probs, rtol=0, atol=1e-5)
    torch.testing.assert_close(rollout.values.flatten(0, 1), values, rtol=0, atol=1e-5)


def test_actions_follow_the_policy() -> None:
    agent = make_agent("ppo", grid(), seed=0, deduplicate=True, **{**SMALL, "n_steps": 400})
    agent.policy.model.action_net.bias.data[:] = torch.tensor([0.0, 1.0, 2.0, -1.0, 0.5, 0.0, -4.0])
    rollout = agent.collect()
    with torch.no_grad():
        expected = agent.policy.model(rollout.all_obs())[0].softmax(1).mean(0)
    shares = torch.bincount(rollout.actions.flatten(), minlength=7) / rollout.actions.numel()
    assert float((shares - expected).abs().max()) < 4 * 0.5 / np.sqrt(rollout.actions.numel())


class Noise(gym.vector.VectorEnv):
    """Observations that never come twice."""

    metadata = {"autoreset_mode": gym.vector.AutoresetMode.SAME_STEP}  # noqa: RUF012

    def __init__(self) -> None:
        self.num_envs = 8
        self.single_observation_space = spaces.Box(-1, 1, (3,), np.float32)
        self.single_action_space = spaces.Discrete(2)
        self.observation_space = gym.vector.utils.batch_space(self.single_observation_space, 8)
        self.action_space = gym.vector.utils.batch_space(self.single_action_space, 8)

    def _obs(self) -> np.ndarray:
        return self.np_random.uniform(-1, 1, (8, 3)).astype(np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self._obs(), {}

    def step(self, actions):
        no = np.zeros(8, bool)
        return self._obs(), np.zeros(8), no, no.copy(), {}


def test_auto_is_on_where_observations_repeat_and_off_where_not() -> None:
    agent = make_agent("ppo", grid(features=False), seed=0, **SMALL)
    agent.learn(1000)
    assert agent.deduplication.on
    assert 0 < agent.metrics()["train/distinct_share"] < 0.5
    agent = make_agent("ppo", Noise(), seed=0, n_steps=16, batch_size=64)
    assert agent.deduplication.on
    agent.learn(300)
    assert not agent.deduplication.on
    assert agent.metrics()["train/distinct_share"] == 1.0
    arrays, meta = agent.training_state()
    twin = make_agent("ppo", Noise(), seed=0, n_steps=16, batch_size=64)
    twin.load_training_state(arrays, meta)
    assert not twin.deduplication.on


class Watching(Hooks):
    """Looks on, and pays; both may see distinct observations as well."""

    def process_rollout(self, rollout):
        rollout.stream("reward").mul_(2)

    def reward_streams(self, rollout):
        return {}

    def on_rollout_end(self, agent):
        self.seen = agent.rollout.rewards.sum()


class Biasing(Watching):
    def action_bias(self, obs):
        return None


class Adding(Watching):
    def extra_loss(self, batch, params, values):
        return None


class Holding(Hooks):
    def reference_policy(self, obs):
        return None


def test_only_hooks_that_need_every_transition_are_in_the_way() -> None:
    config = PPOConfig(**SMALL)
    agent = PPOAgent(grid(), config=config, hooks=[Hooks(), Watching()])
    assert agent.deduplication.on
    agent.learn(600)
    assert agent._distinct._ids.any()
    for hook, name in (
        (Biasing(), "Biasing.action_bias"),
        (Adding(), "Adding.extra_loss"),
        (Holding(), "Holding.reference_policy"),
    ):
        agent = PPOAgent(grid(), config=config, hooks=[Watching(), hook])
        assert agent.deduplication.reason == f"{name} looks at every transition"
        agent.learn(600)
        assert not agent._distinct._ids.any()


def test_masks_count_as_part_of_what_is_seen(identity) -> None:
    agent = make_agent("ppo", identity("discrete", masks=True), seed=0, **SMALL)
    agent.learn(600)
    assert agent.deduplication.on
    assert 0 < agent.metrics()["train/distinct_share"] < 0.1
    agent = make_agent("ppo", identity("discrete", masks=True), seed=0, **SMALL, deduplicate=False)
    agent.deduplication = type(agent.deduplication)("auto", agent.policy.model)
    agent.deduplication.on = False
    agent.learn(1)
    share = agent.metrics()["train/distinct_share"]
    assert share * 256 == 16  # 4 observations with 4 masks each


def test_it_is_refused_where_it_is_impossible() -> None:
    env = gym.make_vec("Pendulum-v1", num_envs=2, vector_kwargs={"autoreset_mode": "SameStep"})
    assert make_agent("ppo", env).deduplication.reason == "the actions are not categorical"
    with pytest.raises(ValueError, match="must be 'auto' or False here: the actions are not"):
        make_agent("ppo", env, deduplicate=True)
    with pytest.raises(ValueError, match="deduplicate must be 'auto', True or False, got 'yes'"):
        make_agent("ppo", grid(), deduplicate="yes")
