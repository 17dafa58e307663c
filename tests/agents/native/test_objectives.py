"""Objectives that are no discounted sum, in worlds whose optimum is known exactly."""

from __future__ import annotations

import json

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from operant.agents.native.config import PPOConfig
from operant.agents.native.episode_returns import EpisodeReturns
from operant.agents.native.hooks import Hooks
from operant.agents.native.objectives import (
    AverageReward,
    ConstrainedObjective,
    RegularisedObjective,
    ReturnUtility,
)
from operant.agents.native.ppo import PPOAgent

SMALL = {
    "n_steps": 4,
    "batch_size": 256,
    "n_epochs": 4,
    "net_arch": (8,),
    "learning_rate": 2e-2,
    "deduplicate": False,
}


class World(VectorEnv):
    """A deterministic world: successors (S, A) with -1 for the end, rewards (S, A), and terms.

    Episodes start in state 0, and are cut after ``limit`` steps.
    """

    def __init__(self, after, reward, *, terms=None, num_envs: int = 64, limit: int = 99) -> None:
        self.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}
        self.num_envs, self.limit = num_envs, limit
        self.after, self.reward = np.array(after), np.array(reward, np.float64)
        self.terms = {name: np.array(term, np.float64) for name, term in (terms or {}).items()}
        states, actions = self.after.shape
        self.single_observation_space = gym.spaces.Discrete(states)
        self.single_action_space = gym.spaces.Discrete(actions)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    def reset(self, *, seed=None, options=None):
        self.at, self.clock = np.zeros((2, self.num_envs), np.int64)
        return self.at.copy(), {}

    def step(self, actions):
        reward = self.reward[self.at, actions]
        infos = {"reward_terms": {name: x[self.at, actions] for name, x in self.terms.items()}}
        self.at, self.clock = self.after[self.at, actions], self.clock + 1
        terminated = self.at < 0
        truncated = ~terminated & (self.clock >= self.limit)
        done = terminated | truncated
        if done.any():
            infos |= {"final_obs": np.maximum(self.at, 0).astype(object), "_final_obs": done}
        self.at[done], self.clock[done] = 0, 0
        return self.at.copy(), reward, terminated, truncated, infos

    def get_state(self):
        return {"at": self.at.copy(), "clock": self.clock.copy()}

    def set_state(self, state):
        self.at, self.clock = state["at"].copy(), state["clock"].copy()


def arms(reward, **terms) -> World:
    """Return a bandit: each arm ends the episode."""
    return World([[-1] * len(reward)], [reward], terms={name: [x] for name, x in terms.items()})


def agent_with(env, *hooks: Hooks, **hyper) -> PPOAgent:
    return PPOAgent(env, config=PPOConfig(**{**SMALL, **hyper}), seed=0, hooks=hooks)


def policy_of(agent: PPOAgent, state: int = 0) -> np.ndarray:
    """Return the probabilities of the actions in a state."""
    with torch.no_grad():
        params, _ = agent.policy.model({"": torch.tensor([state])})
    return torch.softmax(params, 1)[0].double().numpy()


def average_policy(agent: PPOAgent, steps: int) -> np.ndarray:
    """Train, and return the mean policy of the second half."""
    policies: list[np.ndarray] = []
    agent.learn(steps, lambda agent: policies.append(policy_of(agent)))
    return np.mean(policies[len(policies) // 2 :], axis=0)


# ---- constraints ------------------------------------------------------------------------------

COSTLY = {"reward": {}, "cost": {}}


@pytest.mark.integration
def test_constraint_is_kept_by_the_mixture_of_the_linear_programme() -> None:
    """Arm 0 pays 1 and costs 1, arm 1 neither; at most .3 may be spent: take arm 0 so often."""
    plain = agent_with(arms([1.0, 0.0], cost=[1.0, 0.0]))
    plain.learn(2_500)
    assert policy_of(plain)[0] > 0.95
    hook, env = ConstrainedObjective(limit=0.3, rate=0.1), arms([1.0, 0.0], cost=[1.0, 0.0])
    agent = agent_with(env, hook, reward_streams=COSTLY, learning_rate=1e-2)
    assert average_policy(agent, 16_000)[0] == pytest.approx(0.3, abs=0.05)
    assert hook.multiplier == pytest.approx(1, abs=0.05)  # the dual solution
    assert agent.metrics()["train/price_of_cost"] == hook.price


def test_constraint_that_does_not_bind_costs_nothing() -> None:
    hook = ConstrainedObjective(limit=1.5, multiplier=0.5, rate=0.2)
    agent = agent_with(arms([1.0, 0.0], cost=[1.0, 0.0]), hook, reward_streams=COSTLY)
    agent.learn(4_000)
    assert hook.multiplier == 0
    assert policy_of(agent)[0] > 0.95
    assert agent.metrics()["train/episode_cost"] == pytest.approx(1, abs=0.1)


def test_policy_follows_reward_less_price_times_cost() -> None:
    pay = {"reward": [1.0, 0.4, 0.0], "cost": [1.0, 0.1, 0.0]}
    plain = agent_with(arms(**pay), reward_streams=COSTLY)
    hook = ConstrainedObjective(limit=0.1, multiplier=2.0, rate=0.1, damping=3.0)
    agent = agent_with(arms(**pay), hook, reward_streams=COSTLY)
    true, mine = plain.collect(), agent.collect()
    assert torch.equal(true.actions, mine.actions)
    excess = float(true.stream("cost").mean()) - 0.1
    assert hook.multiplier == pytest.approx(2 + 0.1 * excess, abs=1e-6)
    assert hook.price == pytest.approx(2 + 3.1 * excess, abs=1e-6)
    wanted = true.advantages[..., 0] - hook.price * true.advantages[..., 1]
    assert torch.allclose(mine.advantages[..., 0], wanted)
    assert not mine.advantages[..., 1].any()
    assert torch.equal(mine.returns, true.returns)  # the critics see what they saw


# ---- functions of the mean return -------------------------------------------------------------

BARE = {"normalize_advantage": False}


@pytest.mark.integration
def test_mean_return_comes_to_its_target() -> None:
    """f(J) = -(J - .3)^2: arm 0, which pays 1, is taken three times in ten, as no reward wants."""
    plain = agent_with(arms([1.0, 0.0]))
    plain.learn(2_500)
    assert policy_of(plain)[0] > 0.95
    hook = ReturnUtility(lambda returns: {"reward": -2 * (returns["reward"] - 0.3)})
    agent = agent_with(arms([1.0, 0.0]), hook, **BARE)
    assert average_policy(agent, 12_000)[0] == pytest.approx(0.3, abs=0.05)


@pytest.mark.slow
def test_fair_shares_of_two_returns() -> None:
    """f = 2 log J_one + log J_two: two thirds go to one, though two pays more."""
    fair = ReturnUtility(lambda j: {"one": 2 / (j["one"] + 1e-2), "two": 1 / (j["two"] + 1e-2)})
    streams = {"one": {"normalize": False}, "two": {"normalize": False}}
    pay = {"one": [1.0, 0.0], "two": [0.0, 1.5]}
    agent = agent_with(arms([0.0, 0.0], **pay), fair, reward_streams=streams)
    assert average_policy(agent, 20_000)[0] == pytest.approx(2 / 3, abs=0.05)
    plain = agent_with(arms([0.0, 0.0], **pay), reward_streams=streams)
    plain.learn(2_500)
    assert policy_of(plain)[0] < 0.05


def test_nothing_is_learned_before_an_episode_has_ended() -> None:
    hook = ReturnUtility(lambda returns: {"reward": returns["reward"]})
    agent = agent_with(World([[0, 0]], [[1.0, 0.0]], limit=5), hook, **BARE)
    assert not agent.collect().advantages.any()
    assert agent.collect().advantages.any()


# ---- average reward ---------------------------------------------------------------------------


@pytest.mark.integration
def test_long_way_round_pays_more_per_step() -> None:
    """Staying pays 1 a step; a round of four steps pays 6: 1.5 a step, but late."""

    def world() -> World:
        rewards = [[1, 0], [0, 0], [0, 0], [6, 6]]
        return World([[0, 1], [2, 2], [3, 3], [0, 0]], rewards, num_envs=16, limit=200)

    plain = agent_with(world(), gamma=0.5, n_steps=16)  # 2 against .8
    plain.learn(4_000)
    assert policy_of(plain)[0] > 0.9
    streams = {"reward": {"gamma": 1.0, "episodic": False}}
    agent = agent_with(world(), AverageReward(), reward_streams=streams, n_steps=16)
    agent.learn(12_000)
    assert policy_of(agent)[1] > 0.9
    assert agent.hooks[0].average == pytest.approx(1.5, abs=0.1)
    assert abs(float(agent.rollout.values.mean())) < 0.3
    with torch.no_grad():
        values = agent.policy.model({"": torch.arange(4)})[1][:, 0]
    # Bellman's equation of the round: h(s) = r - 1.5 + h(s').
    assert torch.allclose(values[1:] - values[0], torch.tensor([1.5, 3.0, 4.5]), atol=0.7)


@pytest.mark.parametrize("stream", [{"gamma": 0.9, "episodic": False}, {"gamma": 1.0}])
def test_average_reward_needs_an_undiscounted_endless_stream(stream) -> None:
    agent = agent_with(arms([1.0]), AverageReward(), reward_streams={"reward": stream})
    with pytest.raises(ValueError, match="must have gamma=1 and episodic=False"):
        agent.learn(1)


# ---- charges for the policy -------------------------------------------------------------------


def softmax(x) -> np.ndarray:
    raised = np.exp(np.asarray(x, np.float64))
    return raised / raised.sum()


@pytest.mark.integration
def test_lack_of_entropy_is_charged_also_for_later() -> None:
    """State 0: leave with .5, or go on to a free choice among equals, worth alpha log 2 more."""
    alpha, gamma = 0.5, 0.9
    world = World([[-1, 1], [-1, -1]], [[0.5, 0.0], [0.4, 0.4]])
    later = gamma * (0.4 + alpha * np.log(2))
    exact = softmax([0.5 / alpha, later / alpha])
    at_present_only = softmax([0.5 / alpha, gamma * 0.4 / alpha])
    assert abs(exact - at_present_only).max() > 0.14
    agent = agent_with(world, RegularisedObjective(alpha=alpha), gamma=gamma)
    policy = average_policy(agent, 20_000)
    assert np.abs(policy - exact).max() < 0.04
    assert np.abs(policy_of(agent, 1) - 0.5).max() < 0.12
    plain = agent_with(World([[-1, 1], [-1, -1]], [[0.5, 0.0], [0.4, 0.4]]), gamma=gamma)
    plain.learn(2_500)
    assert policy_of(plain)[0] > 0.95


@pytest.mark.slow
def test_reference_is_left_as_far_as_the_reward_pays() -> None:
    alpha, logits = 0.6, [1.0, 0.0, -1.0]

    def reference(obs) -> torch.Tensor:
        return torch.tensor(logits).expand(len(obs[""]), -1)

    hook = RegularisedObjective(alpha=alpha, reference=reference)
    agent = agent_with(arms([0.0, 0.2, 1.0]), hook)
    exact = softmax(np.array([0.0, 0.2, 1.0]) / alpha + logits)
    assert np.abs(average_policy(agent, 24_000) - exact).max() < 0.04


def test_a_step_is_charged_its_log_ratio() -> None:
    """By hand, with a mask: the reference is renormalised over what is allowed."""
    hook = RegularisedObjective(
        alpha=2.0, reference=lambda obs: torch.tensor([0.0, 1.0, 5.0]).expand(len(obs[""]), -1)
    )
    agent = agent_with(arms([0.0, 0.0, 0.0]), hook)
    rollout = agent.collect()
    rollout.has_masks(True)
    rollout.masks[..., 2] = False
    rollout.rewards.zero_()
    rollout.actions.clamp_(max=1)
    hook.process_rollout(rollout)
    log_reference = torch.log_softmax(torch.tensor([0.0, 1.0]), 0)[rollout.actions]
    wanted = -2 * (rollout.log_probs - log_reference)
    assert torch.allclose(rollout.stream("reward"), wanted, atol=1e-5)


# ---- the contract -----------------------------------------------------------------------------


def hook_of(name: str) -> tuple[Hooks, dict]:
    """Return a hook, and the hyper-parameters that it needs."""
    endless = {"reward_streams": {"reward": {"gamma": 1.0, "episodic": False}}}
    return {
        "constrained": (ConstrainedObjective(limit=0.2), {"reward_streams": COSTLY}),
        "utility": (ReturnUtility(lambda j: {"reward": 1 - j["reward"]}), BARE),
        "average": (AverageReward(), endless),
        "regularised": (RegularisedObjective(alpha=0.3), {}),
    }[name]


@pytest.mark.parametrize("name", ["constrained", "utility", "average", "regularised"])
def test_resumed_equals_uninterrupted(name) -> None:
    def make() -> PPOAgent:
        hook, hyper = hook_of(name)
        cost = [[0.5, 0.0], [0.3, 0.1]]
        env = World([[0, 1], [1, 0]], [[1, 0], [0, 0.5]], terms={"cost": cost}, limit=11)
        return agent_with(env, hook, **hyper)

    whole, half, rest = make(), make(), make()
    whole.learn(2048)
    half.learn(2048, lambda agent: agent.num_steps < 1024)
    arrays, meta = half.training_state()
    rest.load_training_state(arrays, json.loads(json.dumps(meta)))
    rest.learn(2048)
    mine, its = rest.training_state(), whole.training_state()
    assert mine[1]["hooks"] == its[1]["hooks"]
    assert mine[0].keys() == its[0].keys()
    assert all(np.array_equal(mine[0][key], its[0][key]) for key in mine[0])
    assert name == "regularised" or mine[1]["hooks"] != half.training_state()[1]["hooks"]


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP])
def test_returns_of_episodes_across_rollouts(mode, make_clocks) -> None:
    """A clock of length L pays 1 + .9 * 2 + ...; some episodes are longer than a rollout."""
    lengths = [3, 7, 20]
    agent = agent_with(make_clocks(mode, lengths, truncates=True), gamma=0.9, n_steps=8)
    returns = {n: sum(0.9**t * (t + 1) for t in range(n)) for n in lengths}
    episodes, found = EpisodeReturns(), []
    for _ in range(6):
        rollout = agent.collect()
        ended = ((rollout.terminated | rollout.truncated) & rollout.valid).sum(0).tolist()
        wanted = [returns[n] for n, count in zip(lengths, ended, strict=True) for _ in range(count)]
        assert episodes.means(agent)["reward"] == pytest.approx(np.mean(wanted), abs=1e-5)
        found += wanted
    assert returns[20] in found


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ConstrainedObjective(limit=np.nan), "limit must lie in"),
        (lambda: ConstrainedObjective(limit=1, rate=0.0), "rate must lie in"),
        (lambda: ConstrainedObjective(limit=1, multiplier=-1), r"multiplier must lie in \[0, "),
        (lambda: ConstrainedObjective(limit=1, damping=-1), r"damping must lie in \[0, "),
        (lambda: ConstrainedObjective(limit=1, cost="reward"), "another stream than the reward"),
        (lambda: ReturnUtility(dict, rate=2.0), r"rate must lie in \[1e-09, 1\], got 2.0"),
        (lambda: AverageReward(rate=0.0), "rate must lie in"),
        (lambda: RegularisedObjective(alpha=-0.1), r"alpha must lie in \[0, 1e\+30\], got -0.1"),
    ],
)
def test_bad_arguments_are_named(make, message) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("hook", "hyper", "message"),
    [
        (ConstrainedObjective(limit=1), {}, r"must have 'reward' and the cost 'cost', got \('rew"),
        (ReturnUtility(dict), {}, r"normalize must be False .* not so for \['reward'\]"),
        (ReturnUtility(lambda j: {}), BARE, r"finite number for each of \['reward'\], got {}"),
        (
            RegularisedObjective(alpha=1, reference=lambda obs: torch.zeros(256, 1)),
            {},
            r"reference must have the shape \(B, A\), got \(256, 1\)",
        ),
    ],
)
def test_unsuitable_agents_are_refused(hook, hyper, message) -> None:
    with pytest.raises(ValueError, match=message):
        agent_with(arms([1.0, 0.0]), hook, **hyper).learn(1)


def test_a_reference_for_box_actions_is_refused(identity) -> None:
    hook = RegularisedObjective(alpha=1, reference=lambda obs: torch.zeros(256, 2))
    with pytest.raises(ValueError, match="a reference policy is for Discrete actions"):
        agent_with(identity("box"), hook).learn(1)
