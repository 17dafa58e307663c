"""Look-ahead advice in PPO: against brute force, and against what goes wrong without its rule."""

from __future__ import annotations

import json

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from operant.agents.native.advice import LookAheadAdvice
from operant.agents.native.config import PPOConfig
from operant.agents.native.hooks import Hooks
from operant.agents.native.ppo import PPOAgent

SMALL = {
    "n_steps": 16,
    "batch_size": 64,
    "n_epochs": 4,
    "net_arch": (16,),
    "learning_rate": 1e-2,
    "deduplicate": False,
}
MODES = [AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP, AutoresetMode.DISABLED]


def agent_with(env, *hooks: Hooks, **hyper) -> PPOAgent:
    return PPOAgent(env, config=PPOConfig(**{**SMALL, **hyper}), seed=0, hooks=hooks)


class Arms(VectorEnv):
    """Two arms, one pull per episode: spec 1.3, Q = (1, .9)."""

    def __init__(self, num_envs: int = 16) -> None:
        self.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}
        self.num_envs = num_envs
        self.single_observation_space = gym.spaces.Discrete(1)
        self.single_action_space = gym.spaces.Discrete(2)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    def reset(self, *, seed=None, options=None):
        return np.zeros(self.num_envs, np.int64), {}

    def step(self, actions):
        every, obs = np.ones(self.num_envs, np.bool_), np.zeros(self.num_envs, np.int64)
        infos = {"final_obs": obs.astype(object), "_final_obs": every}
        return obs, np.where(actions == 0, 1.0, 0.9), every, ~every, infos


def arms_advice(obs) -> torch.Tensor:
    return torch.tensor([0.0, -1.0]).expand(len(obs[""]), -1)


def clock_advice(obs) -> torch.Tensor:
    """Return numbers that differ between clocks and actions."""
    clock = obs[""].float()
    return torch.cat([torch.sin(clock), 2 * torch.cos(3 * clock)], 1)


def mean_and_value(agent, clock: float, scale: float) -> tuple[float, float]:
    """Return E Phi and the critic's value at a clock."""
    obs = {"": torch.tensor([[clock]])}
    with torch.no_grad():
        params, values = agent.policy.model(obs)
    phi = clock_advice(obs)
    return float((torch.softmax(params + scale * phi, 1) * phi).sum()), float(values)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("truncates", [False, True])
def test_advantages_are_those_of_the_true_reward(mode, truncates, make_clocks) -> None:
    """The critic V' stands for the unshaped V' + E Phi; episodes end in and across rollouts."""
    gamma, scale = 0.8, 0.7
    hook = LookAheadAdvice(clock_advice, scale=scale)
    env = make_clocks(mode, [3, 5, 40], truncates=truncates)
    agent = agent_with(env, hook, gamma=gamma, gae_lambda=1.0)
    agent.collect()
    rollout = agent.collect()
    checked = 0
    for row, length in enumerate([3, 5, 40]):
        ahead = None  # discounted true reward from the next step on, bootstrapped
        for t in range(rollout.steps - 1, -1, -1):
            if not rollout.valid[t, row]:
                continue
            clock = float(rollout.obs[""][t, row, 0])
            if rollout.terminated[t, row]:
                ahead = 0.0
            elif rollout.truncated[t, row] or ahead is None:
                assert clock + 1 <= length
                ahead = sum(mean_and_value(agent, clock + 1, scale))
            ahead = clock + 1 + gamma * ahead  # a clock pays its time
            mean, value = mean_and_value(agent, clock, scale)
            taken = float(clock_advice({"": torch.tensor([[clock]])})[0, rollout.actions[t, row]])
            found = float(rollout.advantages[t, row, 0])
            assert found == pytest.approx(ahead - (value + mean), abs=2e-4)
            assert float(rollout.returns[t, row, 0]) == pytest.approx(ahead - taken, abs=2e-4)
            checked += 1
    assert checked == int(rollout.valid.sum()) >= 40


def test_rewards_sum_up_to_the_first_advice(make_clocks) -> None:
    """Spec 1.3: -Phi(s_0, a_0) over an episode that ends by itself."""
    gamma = 0.9
    env = make_clocks(AutoresetMode.SAME_STEP, [7], truncates=False)
    agent = agent_with(env, LookAheadAdvice(clock_advice), gamma=gamma, batch_size=8)
    rollout = agent.collect()
    shaping = (rollout.rewards[:7, 0, 0] - torch.arange(1, 8)).double()
    total = float((gamma ** torch.arange(7) * shaping).sum())
    first = clock_advice({"": torch.zeros(1, 1)})[0, rollout.actions[0, 0]]
    assert total == pytest.approx(-float(first), abs=1e-5)


class OnlyShaped(Hooks):
    """What a wrapper would do: the shaped reward, and nothing given back."""

    def process_rollout(self, rollout) -> None:
        rollout.stream("reward").add_(rollout.actions == 1)  # - Phi(s, a), and the episode ends

    def action_bias(self, obs):
        return arms_advice(obs)


@pytest.mark.integration
def test_the_better_arm_wins_though_its_shaped_reward_is_the_worse() -> None:
    agent = agent_with(Arms(), LookAheadAdvice(arms_advice))
    agent.learn(3_000)
    assert float(agent.rollout.actions.float().mean()) < 0.05
    wrong = agent_with(Arms(), OnlyShaped())
    wrong.learn(3_000)
    assert float(wrong.rollout.actions.float().mean()) > 0.95


@pytest.mark.integration
def test_training_starts_with_the_advice_and_overcomes_it(identity) -> None:
    def wrong(obs) -> torch.Tensor:  # by one, of four actions
        return 3.0 * torch.nn.functional.one_hot((obs[""] - 1) % 4, 4)

    def share(agent) -> float:
        obs = np.repeat(np.arange(2, 6), 250)
        with agent.sampling(0):
            return float((agent.act(obs, deterministic=False) == obs).mean())

    agent = agent_with(identity("discrete"), LookAheadAdvice(wrong))
    chance = 1 / (3 + np.exp(3.0))
    assert share(agent) == pytest.approx(chance, abs=0.02)
    agent.learn(10_000)
    assert share(agent) > 0.9
    good = LookAheadAdvice(lambda obs: torch.nn.functional.one_hot(obs[""] - 2, 4), scale=5.0)
    assert share(agent_with(identity("discrete"), good)) > 0.95


class Lock(Arms):
    """Sixteen dials in a row; only the combination pays, and a wrong dial ends it all."""

    COMBINATION = np.array([0, 1, 1, 0, 1, 0, 0, 1, 0, 1, 1, 0, 0, 0, 1, 1])

    def __init__(self, num_envs: int = 16) -> None:
        super().__init__(num_envs)
        self.single_observation_space = gym.spaces.Discrete(16)
        self.observation_space = batch_space(self.single_observation_space, num_envs)

    def reset(self, *, seed=None, options=None):
        self.at = np.zeros(self.num_envs, np.int64)
        return self.at.copy(), {}

    def step(self, actions):
        right = actions == self.COMBINATION[self.at]
        prize = right & (self.at == 15)
        ended = prize | ~right
        infos = {"final_obs": self.at.astype(object), "_final_obs": ended} if ended.any() else {}
        self.at = np.where(ended, 0, self.at + 1)
        return self.at.copy(), prize * 1.0, ended, np.zeros_like(ended), infos


@pytest.mark.integration
def test_advice_finds_a_prize_that_chance_does_not() -> None:
    """One episode in 65,536 would; the advice makes the right dial likelier, more so later on."""
    right = torch.from_numpy(np.eye(2)[Lock.COMBINATION])

    def opinion(obs) -> torch.Tensor:
        return 3 * right[obs[""]] * 0.9 ** (15 - obs[""]).unsqueeze(1)

    plain, told = agent_with(Lock()), agent_with(Lock(), LookAheadAdvice(opinion))
    for agent in (plain, told):
        agent.learn(3_000)
    assert told.act(np.arange(16), deterministic=True).tolist() == Lock.COMBINATION.tolist()
    assert told.metrics()["rollout/ep_rew_mean"] > 0.5
    assert plain.metrics()["rollout/ep_rew_mean"] == 0


def test_resumed_equals_uninterrupted(recall) -> None:
    def make() -> PPOAgent:
        hook = LookAheadAdvice(lambda obs: obs[""][:, :3] - 0.5)
        return agent_with(recall(8), hook, gamma=0.9)

    whole, half, rest = make(), make(), make()
    whole.learn(1024)
    half.learn(1024, lambda agent: agent.num_steps < 512)
    arrays, meta = half.training_state()
    rest.load_training_state(arrays, json.loads(json.dumps(meta)))
    rest.learn(1024)
    mine, its = rest.training_state()[0], whole.training_state()[0]
    assert mine.keys() == its.keys()
    assert all(np.array_equal(mine[name], its[name]) for name in mine)


def test_masked_actions_do_not_count_in_the_mean(recall) -> None:
    def advice(obs) -> torch.Tensor:
        return torch.tensor([1.0, 5.0, 5.0]).expand(len(obs[""]), -1)

    agent = agent_with(recall(8, masks=True), LookAheadAdvice(advice), gamma=0.5, gae_lambda=0.0)
    plain = agent_with(recall(8, masks=True), LookAheadAdvice(lambda obs: 0 * advice(obs)),
                       gamma=0.5, gae_lambda=0.0)  # fmt: skip
    mine, its = agent.collect(), plain.collect()
    alone = mine.masks[:-1].sum(2) == 1  # only action 0 is allowed
    before = alone[:-1] & alone[1:] & ~mine.terminated[:-1]
    change = (mine.rewards - its.rewards)[:-1, :, 0][before]
    assert before.sum() > 20
    assert torch.allclose(change, torch.tensor(0.5 * 1.0 - 1.0))
    given = (mine.advantages - its.advantages)[:-1, :, 0][before]
    assert torch.allclose(given, torch.tensor(-0.5), atol=1e-6)  # a mean of 1 less is given back


@pytest.mark.parametrize(
    ("kind", "hyper", "message"),
    [
        ("discrete", {"recurrent": "gru"}, "recurrent must be None with LookAheadAdvice"),
        ("multi", {}, r"actions must be Discrete with LookAheadAdvice, got MultiDiscrete"),
        ("discrete", {"reward_streams": {"one": {}}}, "must have an episodic 'reward'"),
        (
            "discrete",
            {"reward_streams": {"reward": {"episodic": False}}},
            "must have an episodic 'reward'",
        ),
    ],
)
def test_unsuitable_agents_are_refused(kind, hyper, message, identity) -> None:
    def advice(obs) -> torch.Tensor:
        return torch.zeros(len(obs[""]), 4 if kind == "discrete" else 5)

    with pytest.raises(ValueError, match=message):
        agent_with(identity(kind), LookAheadAdvice(advice), **hyper).learn(1)


def test_bad_advice_is_refused(identity) -> None:
    bad = LookAheadAdvice(lambda obs: torch.full((len(obs[""]), 4), torch.nan))
    with pytest.raises(ValueError, match="advice must be finite"):
        agent_with(identity("discrete"), bad).learn(1)
    with pytest.raises(ValueError, match=r"action_bias must have the shape \(B, 4\)"):
        agent_with(identity("discrete"), LookAheadAdvice(arms_advice)).learn(1)
    with pytest.raises(ValueError, match=r"scale must lie in \[0, 1e\+06\], got -1"):
        LookAheadAdvice(arms_advice, scale=-1.0)


def test_a_policy_saved_without_its_advice_says_so() -> None:
    with pytest.warns(UserWarning, match="without the bias of LookAheadAdvice"):
        agent_with(Arms(), LookAheadAdvice(arms_advice)).policy_state()
    agent_with(Arms(), Hooks()).policy_state()
