"""Particle worlds as one vector env of N * P rows, for learners of one policy."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

import operant
from operant.envs.multiagent.particles.batch import ParticleBatch
from operant.envs.multiagent.particles.scenarios import tag
from operant.envs.multiagent.particles.shared import SharedParticles

FACTORS = """
def factors(obs, action, next_obs, info):
    return [info["nearest_landmark"], info["prev_nearest_landmark"], info["touched_mates"] * 1.0]
"""


@pytest.mark.parametrize("reward", ["step", "team", "delayed"])
def test_rows_are_the_agents_of_the_batch(reward: str) -> None:
    env = SharedParticles(num_worlds=3, scenario="PP-6", reward=reward)
    batch = ParticleBatch(num_envs=3, scenario="PP-6", reward=reward)
    batch.reset([4, 5, 6])
    obs, infos = env.reset(seed=4)
    assert env.num_envs == 18
    assert env.groups.tolist() == [0] * 6 + [1] * 6 + [2] * 6
    rng = np.random.default_rng(0)
    for step in range(52):
        np.testing.assert_array_equal(obs, batch.obs.reshape(18, -1))
        for name, values in batch.facts.items():
            np.testing.assert_array_equal(infos["features"][name], values.ravel())
        actions = rng.integers(0, 5, 18)
        obs, paid, terminated, truncated, infos = env.step(actions)
        rewards, _, ended = batch.step(actions.reshape(3, 6))
        np.testing.assert_array_equal(paid, rewards.ravel())
        np.testing.assert_array_equal(infos["true_reward"], paid)
        np.testing.assert_array_equal(infos["step_reward"], batch.earned.ravel())
        np.testing.assert_array_equal(truncated, np.repeat(ended, 6))
        assert not terminated.any()
        assert truncated.all() == ((step + 1) % 25 == 0)
        assert ("final_obs" in infos) == truncated.any()
        if truncated.any():
            last = np.stack(list(infos["final_obs"]))
            np.testing.assert_array_equal(last, batch.last_obs.reshape(18, -1))
            told = infos["final_info"]["features"]["nearest_rival"]
            np.testing.assert_array_equal(told, batch.last_facts["nearest_rival"].ravel())


def test_its_state_and_card() -> None:
    env = SharedParticles(num_worlds=2)
    env.reset(seed=0)
    env.step(np.zeros(12, int))
    state = env.get_state()
    ahead = [env.step(np.full(12, 2))[1] for _ in range(30)]
    env.set_state(state)
    np.testing.assert_array_equal(ahead, [env.step(np.full(12, 2))[1] for _ in range(30)])
    card = env.card
    assert card.id == "CN-6"
    assert [feature.name for feature in card.features] == list(env.batch.facts)
    assert {feature.unit for feature in card.features} == {"m", "m/s", "agents"}
    assert "touched" not in card.reward


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="autoreset_mode must be 'SameStep', got 'NextStep'"):
        SharedParticles(num_worlds=1, autoreset_mode=AutoresetMode.NEXT_STEP)
    with pytest.raises(ValueError, match="two teams of agents"):
        SharedParticles(num_worlds=1, scenario="Tag-3")
    assert SharedParticles(num_worlds=1, scenario=tag().with_script()).num_envs == 3
    env = SharedParticles(num_worlds=2)
    with pytest.raises(gym.error.ResetNeeded):
        env.step(np.zeros(12, int))
    with pytest.raises(ValueError, match="seed must be an int or 2 entries, got 12"):
        env.reset(seed=list(range(12)))
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"actions must have shape \(12,\), got \(2, 6\)"):
        env.step(np.zeros((2, 6), int))
    mask = np.zeros(12, np.bool_)
    with pytest.raises(ValueError, match="reset_mask must be all True"):
        env.reset(options={"reset_mask": mask})


@pytest.mark.integration  # trains
def test_designs_and_the_native_agent_work_on_it() -> None:
    """LaRe on the team's return: what it hands out per agent is learned from that sum alone."""
    from operant.agents.native.config import PPOConfig
    from operant.agents.native.ppo import PPOAgent

    bare = SharedParticles(num_worlds=16, reward="delayed")
    design = operant.make_design("lare", source=FACTORS)
    env = operant.shape(bare, design, gamma=1.0, learn_every=25)
    agent = PPOAgent(env, config=PPOConfig(gamma=1.0, n_steps=25, n_epochs=2), seed=0)
    agent.learn(25 * 96 * 4)
    told = agent.log.scalars
    assert told["rollout/ep_len_mean"] == 25
    assert -60 < told["rollout/ep_true_rew_mean"] < 0
    assert told["rollout/ep_rew_mean"] != told["rollout/ep_true_rew_mean"]
