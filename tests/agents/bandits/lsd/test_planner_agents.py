"""Planners as agents: they play by the observations alone, and as well as they promise."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from operant import agents
from operant.agents.bandits.lsd import GreedyPlan, carry_out, plan_rounded
from operant.agents.base import Player

OPTIONS: dict[str, dict] = {
    "default": {},
    "gradual": {"recovery": "gradual"},
    "positive": {"positive_only": True},
    "busy": {"allow_none": False},
}
CONFIG = {
    "default": {},
    "gradual": {"recovery": "gradual"},
    "positive": {"S": 0},
    "busy": {"allow_none": False},
}


def made(**options: object) -> gym.vector.VectorEnv:
    return gym.make_vec(
        "LSDPlanning-K4-v0", num_envs=2, autoreset_mode=AutoresetMode.SAME_STEP, **options
    )


def earned(name: str, env: gym.vector.VectorEnv, rounds: int, **config: object) -> np.ndarray:
    """Return the mean payoffs of one episode, (T, 2)."""
    agent = agents.make_agent(name, env, seed=0, **config)
    player, paid = Player(agent, 2), []
    obs, _ = env.reset(seed=0)
    for _ in range(rounds):
        obs, *_, infos = env.step(player.act(obs, deterministic=True))
        paid.append(infos["mean"])
    return np.array(paid)


@pytest.mark.parametrize("how", OPTIONS)
def test_the_exact_planner_has_no_regret(how: str) -> None:
    env = made(horizon=60, **OPTIONS[how])
    best = env.unwrapped.best_total
    paid = earned("lsd-exact", env, 60, horizon=60, **CONFIG[how])
    np.testing.assert_allclose(paid.sum(axis=0), best, atol=1e-5)  # means are shown in float32


@pytest.mark.parametrize("name", ["lsd-greedy", "lsd-rounded"])
def test_other_planners_play_as_they_do_without_an_env(name: str) -> None:
    env = made(noise="none")
    instance = env.unwrapped.instance
    plan = GreedyPlan(instance) if name == "lsd-greedy" else plan_rounded(instance)
    expected = carry_out(instance, plan, 100).means
    np.testing.assert_allclose(earned(name, env, 100), np.repeat(expected, 2, axis=1))


def test_rows_keep_their_own_time() -> None:
    """A row that begins later is not led by another one's clock."""
    env = made(horizon=10)
    agent = agents.make_agent("lsd-exact", env, seed=0, horizon=10)
    obs, _ = env.reset(seed=0)
    memory = np.zeros((2, *agent.memory_shape), np.float32)
    first, memory = agent.act_from(obs, memory, deterministic=True)
    memory[1] = 0.0
    obs = np.concatenate([env.step(first)[0][:1], obs[1:]])
    second, _ = agent.act_from(obs, memory, deterministic=True)
    assert second[1] == first[1]


def test_other_observations_are_refused() -> None:
    plain = gym.make_vec("LSDBandit-K4-v0", num_envs=1, autoreset_mode=AutoresetMode.SAME_STEP)
    with pytest.raises(ValueError, match="make the env with observe='mean'"):
        agents.make_agent("lsd-exact", plain)
    with pytest.raises(ValueError, match="S must lie in"):
        agents.make_agent("lsd-exact", made(), S=-1)
    with pytest.raises(ValueError, match="recovery must be one of"):
        agents.make_agent("lsd-exact", made(), recovery="slow")
