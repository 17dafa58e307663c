"""Algorithms as policies of the bandit worlds: what a memory of statistics must be worth."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

import operant  # noqa: F401 (registers the ids)
from operant.agents import make_agent, make_config
from operant.agents.bandits.base import Payout
from operant.agents.bandits.ucb1 import UCB1
from operant.agents.base import Player, RecurrentPolicy


def batch(env_id: str, rows: int, **options):
    return gym.make_vec(env_id, num_envs=rows, autoreset_mode=AutoresetMode.SAME_STEP, **options)


def played(policy, env, *, seed: int = 0):
    """Play the first episode of every row; return its (N,) regret and the actions."""
    obs, _ = env.reset(seed=seed)
    player, taken = Player(policy, env.num_envs), []
    regret, running = np.zeros(env.num_envs), np.ones(env.num_envs, bool)
    with policy.sampling(seed):
        while running.any():
            taken.append(player.act(obs, deterministic=False))
            obs, _, terminated, truncated, infos = env.step(taken[-1])
            ended = terminated | truncated
            regret[running] = infos["regret"][running]
            running &= ~ended
            player.forget(ended)
    return regret, np.array(taken)


class Dice:
    """A uniformly random policy."""

    def __init__(self, space):
        self.space = space

    def act(self, obs, *, deterministic):
        del deterministic
        return np.array([self.space.sample() for _ in obs])

    def sampling(self, seed):
        self.space.seed(seed)
        return np.errstate()


AGENTS = [
    ("ucb1", "BanditBernoulli-K10-v0", {}, 0.75),
    ("successive-elimination", "BanditBernoulli-K10-v0", {"arms": 2, "means": [0.05, 0.95]}, 0.7),
    ("thompson-beta", "BanditBernoulli-K10-v0", {}, 0.3),
    ("thompson-gaussian", "BanditGaussian-K10-v0", {}, 0.3),
    ("eps-greedy", "BanditBernoulli-K10-v0", {}, 0.85),
    ("explore-first", "BanditBernoulli-K10-v0", {}, 0.8),
    ("exp3", "BanditAdversarial-v0", {"mode": "stochastic"}, 0.9),
    ("hedge", "BanditExperts-K10-v0", {"mode": "stochastic"}, 0.3),
    ("lin-ucb", "BanditLinear-d5K20-v0", {}, 0.3),
    ("lin-ucb", "BanditContextual-d5K10-v0", {}, 0.3),
    ("uniform-grid", "BanditLipschitz-v0", {}, 0.6),
    ("zooming", "BanditLipschitz-v0", {}, 0.85),
    ("lagrange-bwk", "BanditKnapsack-v0", {}, 0.7),
    ("ucb-bwk", "BanditKnapsack-v0", {}, 0.7),
    ("ucb-bwk", "BanditDynPricing-v0", {}, 0.7),
]


@pytest.mark.integration
@pytest.mark.parametrize(("name", "env_id", "options", "share"), AGENTS)
def test_policy_has_less_regret_than_chance(name, env_id, options, share) -> None:
    env = batch(env_id, 24, max_steps=200, **options)
    agent = make_agent(name, env, seed=1, horizon=200)
    assert isinstance(agent, RecurrentPolicy)
    regret, _ = played(agent, env)
    dice, _ = played(Dice(env.single_action_space), env)
    assert regret.mean() < share * dice.mean()


def test_policy_with_memory_is_the_algorithm_on_arrays() -> None:
    rows, rounds = 4, 150
    env = batch("BanditBernoulli-K10-v0", rows, max_steps=rounds)
    _, taken = played(make_agent("ucb1", env), env, seed=9)
    algorithm = UCB1(10)
    known = algorithm.start(rows)
    env.reset(seed=9)
    for t in range(rounds):
        choices = algorithm.act(known, None, None)
        assert np.array_equal(choices, taken[t])
        _, reward, *_ = env.step(choices)
        algorithm.update(known, choices, Payout(reward=reward))


def test_rows_that_start_anew_forget() -> None:
    env = batch("BanditBernoulli-K10-v0", 2, max_steps=20)
    agent = make_agent("ucb1", env)
    obs, _ = env.reset(seed=0)
    player, taken = Player(agent, 2), []
    for _ in range(40):
        taken.append(player.act(obs, deterministic=True).tolist())
        obs, _, terminated, truncated, _ = env.step(taken[-1])
        player.forget(terminated | truncated)
    assert taken[:10] == taken[20:30] == [[arm, arm] for arm in range(10)]


def test_memory_is_not_changed_by_acting() -> None:
    env = batch("BanditContextual-d5K10-v0", 3)
    agent = make_agent("lin-ucb", env)
    obs, _ = env.reset(seed=0)
    actions, memory = agent.act_from(
        obs, np.zeros((3, *agent.memory_shape), np.float32), deterministic=True
    )
    kept = memory.copy()
    obs, *_ = env.step(actions)
    agent.act_from(obs, memory, deterministic=True)
    assert np.array_equal(memory, kept)
    assert memory.dtype == np.float32


def test_one_row_plays_as_in_a_batch() -> None:
    many = batch("BanditKnapsack-v0", 3, max_steps=60)
    one = batch("BanditKnapsack-v0", 1, max_steps=60)
    _, taken = played(make_agent("lagrange-bwk", many, horizon=60), many, seed=4)
    _, alone = played(make_agent("lagrange-bwk", one, horizon=60), one, seed=4)
    length = min(len(taken), len(alone))
    assert np.array_equal(taken[:length, 0], alone[:length, 0])


@pytest.mark.parametrize(
    ("name", "env_id", "options", "message"),
    [
        ("ucb1", "BanditBernoulli-K10-v0", {"observe": "nothing"}, "observe='history'"),
        ("hedge", "BanditAdversarial-v0", {}, "rewards of all arms"),
        ("lin-ucb", "BanditBernoulli-K10-v0", {}, "features of each arm"),
        ("ucb-bwk", "BanditBernoulli-K10-v0", {}, "each resource"),
        ("zooming", "BanditBernoulli-K10-v0", {}, r"Box\(-1, 1"),
        ("ucb1", "Coverage-10x10-v0", {}, "last action, "),
    ],
)
def test_env_that_tells_too_little_is_refused(name, env_id, options, message) -> None:
    env = batch(env_id, 2, **options)
    with pytest.raises(ValueError, match=message):
        make_agent(name, env)


def test_bad_settings_are_named() -> None:
    with pytest.raises(ValueError, match="horizon must lie"):
        make_config("ucb1", horizon=1)
    with pytest.raises(ValueError, match="horizon must be an integer"):
        make_config("ucb1", horizon=10.5)
    with pytest.raises(ValueError, match="scale must lie"):
        make_config("ucb1", scale=0.0)
    with pytest.raises(ValueError, match="noise must lie"):
        make_config("thompson-gaussian", noise=0.0)
