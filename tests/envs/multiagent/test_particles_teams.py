"""Teams of particles as Gymnasium ids: all agents as rows, or one among mates."""

from __future__ import annotations

import copy
from typing import Any, cast

import gymnasium as gym
import numpy as np
import pytest

import operant
from operant.envs import multiagent
from operant.envs.multiagent.particles.scenarios import scenario
from operant.envs.multiagent.particles.shared import SharedParticles
from operant.registry import EnvRow

NAVIGATION = "CooperativeNavigation-n6-v0"
TEAMS = [row.id for row in operant.envs.registry() if cast(EnvRow, row).team]


def test_every_world_of_one_team_is_a_gymnasium_id_too() -> None:
    rows = [row for row in multiagent.games() if "cooperation" in row.tags]
    particles = [row for row in rows if "particles" in row.tags]
    assert sorted(row.id for row in particles) == TEAMS
    for env_id in TEAMS:
        row = cast(EnvRow, operant.envs.registry()[env_id])
        assert row.team == len(scenario(row.kwargs["scenario"]).agents)


@pytest.mark.parametrize("reward", ["step", "team", "delayed"])
def test_rows_are_the_agents_of_teams(reward: str) -> None:
    envs = gym.make_vec("PredatorPrey-n6-v0", num_envs=12, reward=reward)
    plain = SharedParticles(num_worlds=2, scenario="PP-6", reward=reward)
    assert type(envs) is SharedParticles
    assert envs.groups.tolist() == plain.groups.tolist()
    np.testing.assert_array_equal(envs.reset(seed=3)[0], plain.reset(seed=3)[0])
    rng = np.random.default_rng(0)
    for _ in range(26):
        actions = rng.integers(0, 5, 12)
        for mine, other in zip(envs.step(actions)[:4], plain.step(actions)[:4], strict=True):
            np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize("env_id", [NAVIGATION, "PredatorPrey-n6-v0", "ParticleSpread-n3-v0"])
@pytest.mark.parametrize("reward", ["step", "team", "delayed"])
def test_the_scalar_env_is_the_first_row_while_mates_do_the_same(env_id: str, reward: str) -> None:
    team = cast(EnvRow, operant.envs.registry()[env_id]).team
    rng = np.random.default_rng(1)
    script = rng.integers(0, 5, (25, team))
    rest = iter(script[:, 1:])
    env = gym.make(env_id, reward=reward, mates=lambda _: next(rest))
    envs = gym.make_vec(env_id, num_envs=team, reward=reward)
    assert env.observation_space == envs.single_observation_space
    obs, info = env.reset(seed=5)
    every, infos = envs.reset(seed=5)
    for actions in script:
        np.testing.assert_array_equal(obs, every[0])
        assert info["features"] == {
            name: values[0]
            for name, values in infos["features"].items()
            if not name.startswith("_")
        }
        obs, paid, terminated, truncated, info = env.step(actions[0])
        every, rewards, ended, cut, infos = envs.step(actions)
        assert (paid, terminated, truncated) == (rewards[0], ended[0], cut[0])
        assert info["true_reward"] == infos["true_reward"][0]
        assert info["success"] == infos["success"][0]
        if truncated:
            every, infos = np.stack(list(infos["final_obs"])), infos["final_info"]
    assert truncated
    np.testing.assert_array_equal(obs, every[0])


def test_mates_act_at_random_or_stand_still() -> None:
    def places(env: Any) -> Any:
        env.reset(seed=0)
        begin = env.unwrapped.world.batch.at.copy()
        for _ in range(4):
            env.step(0)
        return begin, env.unwrapped.world.batch.at.copy()

    begin, later = places(gym.make(NAVIGATION))
    assert (begin[0, 1:6] != later[0, 1:6]).any()
    again = places(gym.make(NAVIGATION))[1]
    np.testing.assert_array_equal(later, again)
    _, later = places(gym.make("PredatorPrey-n6-v0", mates="still"))
    envs: Any = gym.make_vec("PredatorPrey-n6-v0", num_envs=6)
    envs.reset(seed=0)
    for _ in range(4):
        envs.step(np.zeros(6, int))
    np.testing.assert_array_equal(later, envs.batch.at)


def test_its_state_is_everything() -> None:
    env, other = (gym.make(NAVIGATION, reward="delayed") for _ in range(2))
    for each, seed in ((env, 0), (other, 1)):
        each.reset(seed=seed)
    env.step(2)
    other.unwrapped.set_state(copy.deepcopy(env.unwrapped.get_state()))  # type: ignore[attr-defined]
    for _ in range(24):
        mine, theirs = env.step(1), other.step(1)
        np.testing.assert_array_equal(mine[0], theirs[0])
        assert mine[1] == theirs[1]
    assert mine[1] != 0


def test_time_limits_pictures_and_cards() -> None:
    envs = gym.make_vec(NAVIGATION, num_envs=12, max_steps=7, render_mode="rgb_array")
    envs.reset(seed=0)
    ends = [envs.step(np.ones(12, int))[3].all() for _ in range(14)]
    assert np.flatnonzero(ends).tolist() == [6, 13]
    frames = envs.render()
    assert frames is not None
    assert len(frames) == 12
    np.testing.assert_array_equal(frames[0], frames[5])
    assert (frames[0] != frames[6]).any()
    np.testing.assert_array_equal(cast(Any, envs).render_row(6), frames[6])
    short = gym.make_vec(NAVIGATION, num_envs=6, max_episode_steps=4)
    assert cast(Any, short).card.truncation == "after 4 steps"
    assert cast(Any, short).card.id == NAVIGATION
    assert gym.make_vec(NAVIGATION, num_envs=6).render() is None
    env = gym.make(NAVIGATION, max_steps=7, render_mode="rgb_array")
    env.reset(seed=0)
    assert np.asarray(env.render()).shape == frames[0].shape


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match=r"num_envs must be a multiple of 6, .*, got 16"):
        gym.make_vec(NAVIGATION, num_envs=16)
    with pytest.raises(ValueError, match="reward must be 'step', 'team' or 'delayed', got 'x'"):
        gym.make_vec(NAVIGATION, num_envs=6, reward="x")
    with pytest.raises(ValueError, match="reward must be one of 'step', 'delayed', 'team', got"):
        gym.make(NAVIGATION, reward="x")
    with pytest.raises(ValueError, match="mates must be 'random', 'still' or a function, got 'x'"):
        gym.make(NAVIGATION, mates="x")
    with pytest.raises(ValueError, match="two teams of agents"):
        gym.make(NAVIGATION, scenario="Tag-3")
    with pytest.raises(ValueError, match="horizon must be >= 1, got 0"):
        gym.make_vec(NAVIGATION, num_envs=6, max_steps=0)
    with pytest.raises(ValueError, match="render_mode must be 'rgb_array' or None, got 'human'"):
        gym.make_vec(NAVIGATION, num_envs=6, render_mode="human")
    with pytest.raises(ValueError, match="autoreset_mode must be 'SameStep', got 'NextStep'"):
        gym.make_vec(NAVIGATION, num_envs=6, autoreset_mode="NextStep")


@pytest.mark.integration  # trains and evaluates
def test_a_suite_can_train_and_score_teams(tmp_path: Any) -> None:
    from operant.benchmarks.evaluate import Evaluator, run_batch
    from operant.benchmarks.specs import Evaluation, RunSpec

    spec = RunSpec(
        env_id=NAVIGATION,
        design="lare",
        agent="ppo",
        seed=0,
        total_steps=600,
        num_envs=12,
        env_kwargs={"reward": "delayed"},
        design_kwargs={"source": FACTORS},
        evaluation=Evaluation(episodes=6),
    )
    from operant.agents import make_agent

    agent = make_agent("ppo", run_batch(spec, spec.num_envs), seed=0, n_steps=25)
    agent.learn(spec.total_steps)
    table = Evaluator(spec).score_policy(agent, deterministic=True, step=0)
    assert (table.length == 25).all()
    assert len(set(table.score.tolist())) == 1  # one team, whose return is shared equally
    assert table.score[0] < 0


FACTORS = """
def factors(obs, action, next_obs, info):
    return [info["nearest_landmark"], info["touched_mates"] * 1.0]
"""
