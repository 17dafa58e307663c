"""Particle worlds as PettingZoo envs: the interface, its twin in arrays, and bad input."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

pytest.importorskip("pettingzoo")

from operant.envs import multiagent
from operant.envs.multiagent.particles.batch import ParticleBatch

with pytest.warns(DeprecationWarning, match="."):  # importing their tests imports their games
    from pettingzoo.test import parallel_api_test, parallel_seed_test

IDS = [r.id for r in multiagent.games() if "particles" in r.tags and "mpe2" not in r.tags]


@pytest.mark.parametrize("game", IDS)
def test_pettingzoos_tests_accept_it(game: str) -> None:
    parallel_api_test(multiagent.make(game), num_cycles=60)
    parallel_seed_test(lambda: multiagent.make(game), num_cycles=60)


@pytest.mark.parametrize("reward", ["step", "delayed"])
@pytest.mark.parametrize("game", ["CooperativeNavigation-n6-v0", "ParticleTag-n3-v0"])
def test_an_env_is_a_row_of_the_batch(game: str, reward: str) -> None:
    """Two episodes; None as seed goes on where the batch starts anew."""
    batch = multiagent.make_batch(game, 2, reward=reward)
    batch.reset([11, 12])
    env, rng = multiagent.make(game, reward=reward), np.random.default_rng(0)
    for episode in range(2):
        obs, infos = env.reset(seed=11 if episode == 0 else None)
        while env.agents:
            shown, facts = batch.obs[0].copy(), batch.facts
            for i, agent in enumerate(env.agents):
                np.testing.assert_array_equal(obs[agent], shown[i, : len(obs[agent])])
                assert obs[agent] in env.observation_space(agent)
                for name, values in facts.items():
                    assert infos[agent]["features"][name] == values[0, i]
            actions = rng.integers(0, 5, (2, batch.players))
            rewards, _, truncated = batch.step(actions)
            acted = dict(zip(env.agents, actions[0].tolist(), strict=True))
            obs, paid, terminated, cut, infos = env.step(acted)
            assert list(paid.values()) == rewards[0].tolist()
            assert all(cut.values()) == truncated[0]
            assert not any(terminated.values())
            for i, agent in enumerate(paid):
                assert infos[agent]["true_reward"] == paid[agent]
                assert infos[agent]["success"] == batch.success[0]
                last = batch.last_obs[0, i, : len(obs[agent])]
                np.testing.assert_array_equal(obs[agent], last)


def test_state_and_picture() -> None:
    env = multiagent.make("PredatorPrey-n6-v0", render_mode="rgb_array")
    with pytest.raises(gym.error.ResetNeeded, match=r"call reset\(\) before render"):
        env.render()
    env.reset(seed=0)
    assert env.state() in env.state_space
    frame = env.render()
    assert frame.dtype == np.uint8
    assert frame.ndim == 3
    assert len(np.unique(frame.reshape(-1, 3), axis=0)) == 4  # nothing, two teams, obstacles
    env.step(dict.fromkeys(env.agents, 1))
    for _ in range(3):
        env.step(dict.fromkeys(env.agents, 1))
    assert (env.render() != frame).any()


def test_bad_input_is_refused() -> None:
    with pytest.raises(KeyError, match="CooperativeNavigation-n6-v0"):
        multiagent.make("CooperativeNavigation-n7-v0")
    with pytest.raises(ValueError, match="render_mode must be one of"):
        multiagent.make("CooperativeNavigation-n6-v0", render_mode="human")
    env = multiagent.make("CooperativeNavigation-n6-v0")
    with pytest.raises(gym.error.ResetNeeded):
        env.step({})
    env.reset(seed=0)
    still = dict.fromkeys(env.agents, 0)
    with pytest.raises(ValueError, match="that of 'agent_0' is missing"):
        env.step({"agent_1": 0})
    with pytest.raises(ValueError, match=r"unknown agents \['agent_9'\]"):
        env.step({**still, "agent_9": 0})
    for action in (5, -1, 0.5, None, "left"):
        with pytest.raises(ValueError, match=r"unknown action .* of 'agent_2'"):
            env.step({**still, "agent_2": action})
    assert env.batch.elapsed[0] == 0
    for _ in range(25):
        env.step(still)
    with pytest.raises(gym.error.ResetNeeded):
        env.step(still)


def test_the_native_batch_needs_no_pettingzoo() -> None:
    assert isinstance(multiagent.make_batch("PredatorPrey-n6-v0", 2), ParticleBatch)
