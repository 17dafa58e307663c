"""Each hook by one small design."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from operant.agents.native.config import PPOConfig
from operant.agents.native.hooks import Hooks
from operant.agents.native.ppo import PPOAgent

SMALL = {"n_steps": 16, "batch_size": 64, "n_epochs": 4, "net_arch": (16,), "learning_rate": 1e-2}


def agent_with(env, *hooks: Hooks, **hyper) -> PPOAgent:
    return PPOAgent(env, config=PPOConfig(**{**SMALL, **hyper}), seed=0, hooks=hooks)


def share(agent: PPOAgent, action: int) -> float:
    """Return how often the policy takes an action, over all observations."""
    obs = np.repeat(np.arange(2, 6), 500)
    with agent.sampling(0):
        return float((agent.act(obs, deterministic=False) == action).mean())


class Inverted(Hooks):
    """Pays for what the env does not pay for."""

    def process_rollout(self, rollout) -> None:
        rewards = rollout.stream("reward")
        rewards[:] = 1 - rewards


@pytest.mark.integration
def test_process_rollout_rewrites_rewards(identity) -> None:
    agent = agent_with(identity("discrete"), Inverted())
    agent.learn(8_000)
    obs = np.repeat(np.arange(2, 6), 100)
    actions = agent.act(obs, deterministic=False)
    assert (actions == obs).mean() < 0.05
    assert agent.metrics()["rollout/ep_rew_mean"] < 1  # what the env pays, of 8


class Always(Hooks):
    """Imitates one action; the reward says otherwise."""

    def extra_loss(self, batch, params, values):
        assert values.shape == (len(batch.rows), 1)
        assert params.requires_grad
        return -5 * torch.log_softmax(params, 1)[:, 3].mean()


def test_extra_loss_is_descended(identity) -> None:
    agent = agent_with(identity("discrete"), Always())
    agent.learn(4_000)
    assert share(agent, 5) > 0.95


class Pushed(Hooks):
    """Adds logits; counts how often it is asked."""

    def action_bias(self, obs):
        bias = torch.zeros(len(obs[""]), 4)
        bias[:, 1] = 4.0
        return bias


def test_action_bias_acts_and_is_part_of_the_policy(identity) -> None:
    agent = agent_with(identity("discrete"), Pushed(), learning_rate=1e-9)
    assert share(agent, 3) > 0.9
    agent.learn(256)
    # The probabilities of the update are those of the rollout, so nothing has changed.
    assert agent.metrics()["train/approx_kl"] == pytest.approx(0, abs=1e-6)
    assert agent.metrics()["train/clip_fraction"] == 0
    rollout = agent.rollout
    assert rollout.biases.shape == (16, 16, 4)
    params, _ = agent.policy.model(rollout.obs_at(3))
    wanted = torch.log_softmax(params.detach() + rollout.biases[3], 1)
    picked = wanted.gather(1, rollout.actions[3][:, None]).squeeze(1)
    torch.testing.assert_close(rollout.log_probs[3], picked, atol=1e-5, rtol=0)


@pytest.mark.integration
def test_learning_overcomes_a_wrong_bias(identity) -> None:
    agent = agent_with(identity("discrete"), Pushed())
    agent.learn(12_000)
    obs = np.repeat(np.arange(2, 6), 100)
    assert (agent.act(obs, deterministic=True) == obs).mean() > 0.95


class Anchor(Hooks):
    """Keeps near a policy that takes one action nine times in ten."""

    def __init__(self, coef: float) -> None:
        self.reference_coef, self.asked = coef, 0

    def reference_policy(self, obs):
        self.asked += 1
        return torch.tensor([0.0, 0, np.log(27.0), 0]).expand(len(obs[""]), -1)


@pytest.mark.integration
def test_reference_policy_holds_the_policy_back(identity) -> None:
    held, free = Anchor(100.0), Anchor(0.0)
    agent = agent_with(identity("discrete"), held)
    agent.learn(5_000)
    assert share(agent, 4) == pytest.approx(0.9, abs=0.04)
    assert held.asked == agent.metrics()["time/iterations"]  # once per rollout
    agent = agent_with(identity("discrete"), free)
    agent.learn(5_000)
    assert share(agent, 4) == pytest.approx(0.25, abs=0.08)


class Bonus(Hooks):
    """Pays 1 for the action 2 in a stream of its own."""

    def reward_streams(self, rollout):
        return {"bonus": (rollout.actions == 0).float()}


@pytest.mark.integration
def test_reward_streams_have_values_of_their_own(identity) -> None:
    streams = {"reward": {"coef": 0.0}, "bonus": {"gamma": 0.0}}
    agent = agent_with(identity("discrete"), Bonus(), reward_streams=streams)
    agent.learn(8_000)
    assert share(agent, 2) > 0.95
    rollout = agent.rollout
    assert rollout.values.shape[2] == 2
    assert rollout.values[:, :, 1].mean() == pytest.approx(1, abs=0.1)  # gamma is 0
    assert agent.metrics()["rollout/reward_mean/bonus"] > 0.9
    assert agent.metrics()["rollout/reward_mean/reward"] == pytest.approx(0.25, abs=0.1)
    assert "train/explained_variance/reward" in agent.metrics()


@pytest.mark.integration
def test_terms_of_the_env_are_streams_by_name(identity) -> None:
    streams = {"two": {}, "one": {}}
    agent = agent_with(identity("discrete"), reward_streams=streams)
    rollout = agent.collect()
    torch.testing.assert_close(rollout.stream("two"), 3 * rollout.stream("one"))
    agent.learn(8_000)
    assert agent.metrics()["rollout/ep_rew_mean"] > 7


def test_streams_that_nobody_provides_or_names_are_refused(identity) -> None:
    agent = agent_with(identity("discrete"), reward_streams={"reward": {}, "bonus": {}})
    with pytest.raises(ValueError, match=r"stream 'bonus' must be finite, got nan at step 0"):
        agent.learn(1)
    agent = agent_with(identity("discrete"), Bonus())
    with pytest.raises(ValueError, match=r"stream 'bonus' must be one of .* \('reward',\)"):
        agent.learn(1)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("streams", r"stream 'reward' must have the shape \(16, 16\), got \(16,\)"),
        ("bias", r"action_bias must have the shape \(B, 4\), got \(16, 3\)"),
    ],
)
def test_answers_of_a_wrong_shape_are_refused(answer, message, identity) -> None:
    class Wrong(Hooks):
        def reward_streams(self, rollout):
            return {"reward": torch.zeros(16)} if answer == "streams" else {}

        def action_bias(self, obs):
            return torch.zeros(16, 3) if answer == "bias" else None

    with pytest.raises(ValueError, match=message):
        agent_with(identity("discrete"), Wrong()).learn(1)


class Watcher(Hooks):
    """Keeps running statistics of the rollouts."""

    def __init__(self) -> None:
        self.total, self.count = np.zeros(1), 0

    def on_rollout_end(self, agent) -> None:
        assert agent.rollout.returns.isfinite().all()
        self.total = self.total + float(agent.rollout.rewards.sum())
        self.count += 1
        assert agent.metrics().get("time/iterations", 0) == self.count - 1  # not yet trained on

    def state(self):
        return {"total": self.total}, {"count": self.count}

    def load_state(self, arrays, meta) -> None:
        self.total, self.count = arrays["total"].copy(), meta["count"]


def test_on_rollout_end_sees_the_rollout_and_its_state_is_kept(identity) -> None:
    agent = agent_with(identity("discrete"), Watcher())
    agent.learn(600)
    assert agent.hooks[0].count == 3
    assert agent.hooks[0].total > 0
    arrays, meta = agent.training_state()
    other = agent_with(identity("discrete"), Watcher())
    other.load_training_state(arrays, meta)
    assert other.hooks[0].count == 3
    assert other.hooks[0].total == agent.hooks[0].total
    with pytest.raises(ValueError, match=r"hook_types \['Watcher'\], this agent has \[\]"):
        agent_with(identity("discrete")).load_training_state(arrays, meta)


def test_bias_is_refused_for_box_actions(identity) -> None:
    class Wrong(Hooks):
        def action_bias(self, obs):
            return torch.zeros(len(obs[""]), 2)

    with pytest.raises(ValueError, match="action_bias is for discrete actions"):
        agent_with(identity("box"), Wrong()).learn(1)


def test_hooks_that_do_nothing_change_nothing(identity) -> None:
    # Hooks see every transition; without any, actions might be drawn from distinct observations.
    plain = agent_with(identity("discrete"), deduplicate=False)
    hooked = agent_with(identity("discrete"), Hooks(), deduplicate=False)
    plain.learn(1000)
    hooked.learn(1000)
    mine, theirs = plain.policy_state()[0], hooked.policy_state()[0]
    assert all(np.array_equal(mine[name], theirs[name]) for name in mine)
