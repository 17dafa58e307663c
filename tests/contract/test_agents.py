"""Every agent row keeps the contract; a new row is tested without an edit here."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

import operant
from operant import agents

ENV = "SparseKey-5x5-v0"
LEARNERS = agents.list_agents("learner")
PLANNERS = agents.list_agents("planner")


def _envs():
    return gym.make_vec(ENV, num_envs=4, autoreset_mode=AutoresetMode.SAME_STEP)


def _same(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert np.array_equal(one[name], other[name]), name


def test_every_row_learns_or_plans() -> None:
    assert sorted(LEARNERS + PLANNERS) == operant.list_agents()


@pytest.mark.parametrize("name", LEARNERS)
def test_testing_size_is_part_of_the_config(name: str) -> None:
    row = agents.agent_row(name)
    config = agents.make_config(name, **row.testing).to_json()
    assert {field: config[field] for field in row.testing} == dict(row.testing)
    assert config != agents.make_config(name).to_json()


@pytest.mark.parametrize("name", LEARNERS)
def test_learner_learns_acts_and_continues_from_its_state(name: str) -> None:
    agent = agents.make_agent(name, _envs(), seed=3)
    agent.learn(300)
    assert agent.num_steps >= 300
    assert all(np.isfinite(value) for value in agent.metrics().values())

    obs, _ = _envs().reset(seed=0)
    actions = agent.act(obs, deterministic=True)
    assert actions.shape == (4,)
    assert agent.env.action_space.contains(np.asarray(actions, np.int64))

    arrays, meta = agent.training_state()
    twin = agents.make_agent(name, _envs(), seed=3)
    twin.load_training_state(arrays, meta)
    assert twin.num_steps == agent.num_steps
    _same(arrays, twin.training_state()[0])
    assert np.array_equal(twin.act(obs, deterministic=True), actions)


@pytest.mark.parametrize("name", LEARNERS)
def test_exported_policy_acts_like_the_agent(name: str) -> None:
    agent = agents.make_agent(name, _envs(), seed=1)
    agent.learn(100)
    arrays, meta = agent.policy_state()
    spaces = agent.env.single_observation_space, agent.env.single_action_space
    policy = agents.load_policy(arrays, meta, *spaces)
    obs, _ = _envs().reset(seed=0)
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
