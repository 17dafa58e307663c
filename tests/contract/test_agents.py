"""Every agent row keeps the contract; a new row is tested without an edit here."""

from __future__ import annotations

import json
from functools import partial

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from gymnasium.vector.utils import batch_space

import operant
from operant import agents
from operant.agents.base import Player

ENV = "SparseKey-5x5-v0"
LEARNERS = agents.list_agents("learner")
PLANNERS = agents.list_agents("planner")
ONLINE = agents.list_agents("online")
ACTIONS = {
    "discrete": gym.spaces.Discrete(3),
    "multi-discrete": gym.spaces.MultiDiscrete([2, 3]),
    "box": gym.spaces.Box(-1, 1, (2,), np.float32),
}
"""Kinds of actions that a row may name among its tags; a row that names none takes all."""


def _kinds(name: str) -> set[str]:
    return set(ACTIONS) & set(agents.agent_row(name).tags) or set(ACTIONS)


def _envs(name: str):
    """Return 4 rows of an env that the agent can act in."""
    if "discrete" in _kinds(name):
        return gym.make_vec(ENV, num_envs=4, autoreset_mode=AutoresetMode.SAME_STEP)
    makers = [partial(gym.make, "Pendulum-v1")] * 4
    return SyncVectorEnv(makers, autoreset_mode=AutoresetMode.SAME_STEP)


def _agent(name: str, seed: int):
    return agents.make_agent(name, _envs(name), seed=seed, **agents.agent_row(name).testing)


def _same(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert np.array_equal(one[name], other[name]), name


def test_every_row_learns_or_plans() -> None:
    games = agents.list_agents("game")  # tested in tests/agents/games/test_game_agents.py
    assert sorted(LEARNERS + PLANNERS + ONLINE + games) == operant.list_agents()


@pytest.mark.parametrize("name", LEARNERS)
def test_testing_size_is_part_of_the_config(name: str) -> None:
    row = agents.agent_row(name)
    config = agents.make_config(name, **row.testing).to_json()
    assert {field: config[field] for field in row.testing} == dict(row.testing)
    assert config != agents.make_config(name).to_json()


class Still(VectorEnv):
    """An env to look at, not to step."""

    def __init__(self, action_space: gym.Space) -> None:
        self.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}
        self.num_envs = 2
        self.single_observation_space = gym.spaces.Box(0, 1, (3,), np.float32)
        self.single_action_space = action_space
        self.observation_space = batch_space(self.single_observation_space, 2)
        self.action_space = batch_space(action_space, 2)


@pytest.mark.parametrize("kind", ACTIONS)
@pytest.mark.parametrize("name", LEARNERS)
def test_row_names_the_actions_that_the_agent_takes(name: str, kind: str) -> None:
    env, testing = Still(ACTIONS[kind]), agents.agent_row(name).testing
    if kind in _kinds(name):
        obs = np.zeros((5, 3), np.float32)
        for deterministic in (True, False):
            agent = agents.make_agent(name, env, **testing)
            actions = agent.act(obs, deterministic=deterministic)
            assert actions.shape == (5, *ACTIONS[kind].shape)
            assert all(ACTIONS[kind].contains(action) for action in actions)
    else:
        with pytest.raises(ValueError, match=r"action space.* must be .*, got"):
            agents.make_agent(name, env, **testing)


@pytest.mark.parametrize("name", LEARNERS)
def test_learner_learns_acts_and_continues_from_its_state(name: str) -> None:
    agent = _agent(name, seed=3)
    agent.learn(300)
    assert agent.num_steps >= 300
    assert all(np.isfinite(value) for value in agent.metrics().values())

    obs, _ = _envs(name).reset(seed=0)
    actions = agent.act(obs, deterministic=True)
    space = agent.env.action_space
    assert actions.shape == space.shape
    assert space.contains(np.asarray(actions, space.dtype))

    arrays, meta = agent.training_state()
    twin = _agent(name, seed=3)
    twin.load_training_state(arrays, meta)
    assert twin.num_steps == agent.num_steps
    _same(arrays, twin.training_state()[0])
    assert np.array_equal(twin.act(obs, deterministic=True), actions)


@pytest.mark.parametrize("name", LEARNERS)
def test_exported_policy_acts_like_the_agent(name: str) -> None:
    agent = _agent(name, seed=1)
    agent.learn(100)
    arrays, meta = agent.policy_state()
    spaces = agent.env.single_observation_space, agent.env.single_action_space
    policy = agents.load_policy(arrays, meta, *spaces)
    obs, _ = _envs(name).reset(seed=0)
    for _ in range(2):
        expected = agent.act(obs, deterministic=True)
        assert np.array_equal(policy.act(obs, deterministic=True), expected)


@pytest.mark.parametrize("name", PLANNERS)
def test_planner_is_optimal_in_the_env(name: str) -> None:
    env = gym.make(ENV)
    env.reset(seed=2)
    mdp = env.unwrapped.tabular_mdp()
    length = env.unwrapped.oracle().solution_length
    plan = agents.registry().load(name)(mdp, gamma=0.9)
    assert plan.start_value == pytest.approx(0.9 ** (length - 1), abs=1e-9)


# ---- online algorithms, in the env that they are made for -------------------------------------


def _home(name: str, rows: int = 3):
    home = agents.agent_row(name).home
    return gym.make_vec(home, num_envs=rows, autoreset_mode=AutoresetMode.SAME_STEP)


def _online(name: str, seed: int = 3):
    return agents.make_agent(name, _home(name), seed=seed, **agents.agent_row(name).testing)


def _episode(policy, env, *, deterministic: bool):
    """Return the actions of 60 steps from seed 5 on."""
    player, taken = Player(policy, env.num_envs), []
    obs, _ = env.reset(seed=5)
    with policy.sampling(1):
        for _ in range(60):
            taken.append(player.act(obs, deterministic=deterministic))
            assert all(env.single_action_space.contains(action) for action in taken[-1])
            obs, _, terminated, truncated, _ = env.step(taken[-1])
            player.forget(terminated | truncated)
    return np.array(taken)


@pytest.mark.parametrize("name", ONLINE)
def test_online_algorithm_plays_in_its_home_and_can_be_exported(name: str) -> None:
    agent = _online(name)
    assert agent.id == name
    arrays, meta = agent.policy_state()
    spaces = agent.env.single_observation_space, agent.env.single_action_space
    policy = agents.load_policy(arrays, json.loads(json.dumps(meta)), *spaces)
    for deterministic in (True, False):
        taken = _episode(agent, agent.env, deterministic=deterministic)
        assert deterministic or len(np.unique(taken)) > 1  # it tries more than one thing
        again = _episode(policy, agent.env, deterministic=deterministic)
        assert np.array_equal(taken, again)


@pytest.mark.parametrize("name", ONLINE)
def test_online_algorithm_has_the_interface_of_a_learner(name: str) -> None:
    agent = _online(name)
    agent.learn(300)
    assert agent.num_steps >= 300
    assert agent.config.to_json() != agents.make_config(name).to_json()  # testing size
    arrays, meta = agent.training_state()
    twin = _online(name)
    twin.load_training_state(arrays, json.loads(json.dumps(meta)))
    assert twin.num_steps == agent.num_steps
    obs, _ = agent.env.reset(seed=0)
    for deterministic in (True, False):
        actions = agent.act(obs, deterministic=deterministic)
        assert np.array_equal(actions, twin.act(obs, deterministic=deterministic))
    other = _online(name, seed=4)
    with pytest.raises(ValueError, match="seed"):
        other.load_training_state(arrays, meta)


@pytest.mark.parametrize("name", ONLINE)
def test_online_algorithm_refuses_other_envs(name: str) -> None:
    env = gym.make_vec(ENV, num_envs=2, autoreset_mode=AutoresetMode.SAME_STEP)
    with pytest.raises(ValueError, match="space"):
        agents.make_agent(name, env)
