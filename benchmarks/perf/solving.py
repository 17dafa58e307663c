"""The native PPO in this process: a world learned from scratch, and the shares of its time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np

from operant import envs
from operant.agents import make_agent
from operant.benchmarks.first_episodes import first_episodes
from operant.benchmarks.perf.learners import BATCHED, ENV, HYPER, LIMIT, stock_ppo
from operant.reward_design import shape

GOAL = 0.99
"""Share of the levels to be solved."""
ATTEMPTS = {
    "num_envs": 512,
    "n_steps": 32,
    "batch_size": 8192,
    "learning_rate": 1e-3,
    "ent_coef": 0.02,
}
"""What differs from the settings of :mod:`.learners`; chosen with seeds 10 to 19."""
LEVELS, FIRST_LEVEL = 1024, 10_000
_LOOK_EVERY = 2**18
_GIVE_UP = 2**23


def solve(seed: int) -> dict[str, Any]:
    """Learn DoorKey-8x8 from scratch until 99 % of fresh levels are solved within the time limit.

    Args:
        seed: Of the agent and, through it, of its levels.

    Returns:
        ``frames``, ``wall_s`` and ``cpu_s`` of training (looking whether it is done is not
        counted, loading kernels from disk is) and the ``success`` reached.
    """
    settings = {**HYPER, **ATTEMPTS}
    env = gym.make_vec(
        ENV, num_envs=settings.pop("num_envs"), autoreset_mode="SameStep", features=False
    )
    agent = make_agent("ppo", env, seed=seed, **settings)

    def learn() -> int:
        agent.learn(agent.num_steps + _LOOK_EVERY)
        return agent.num_steps

    def look() -> float:
        with agent.sampling(0):
            return share_solved(lambda obs: agent.act(obs, deterministic=False))

    return {"seed": seed, **_until_solved(learn, look)}


def solve_stock(seed: int) -> dict[str, Any]:
    """Do the same with SB3's PPO on MiniGrid's envs, at the same hyper-parameters."""
    settings = {**HYPER, **ATTEMPTS}
    learner = stock_ppo(settings.pop("num_envs"), seed, **settings)

    def learn() -> int:
        learner.learn(_LOOK_EVERY, reset_num_timesteps=learner.num_timesteps == 0)
        return int(learner.num_timesteps)

    def look() -> float:
        return share_solved(lambda obs: learner.predict(obs["image"], deterministic=False)[0])

    return {"seed": seed, **_until_solved(learn, look)}


def _until_solved(learn: Callable[[], int], look: Callable[[], float]) -> dict[str, Any]:
    wall = cpu = success = 0.0
    frames = 0
    while success < GOAL and frames < _GIVE_UP:
        start = time.perf_counter(), time.process_time()
        frames = learn()
        wall += time.perf_counter() - start[0]
        cpu += time.process_time() - start[1]
        success = look()
    return {"frames": frames, "wall_s": wall, "cpu_s": cpu, "success": success}


def share_solved(act: Callable[[Any], Any]) -> float:
    """Return the share of 1024 fresh levels that a policy solves in the first episode.

    Args:
        act: From a batch of observations to actions.
    """
    env = gym.make_vec(ENV, num_envs=LEVELS, autoreset_mode="SameStep", features=False)
    solved = np.zeros(LEVELS, np.bool_)
    for running, _, infos in first_episodes(env, act, seed=FIRST_LEVEL, limit=LIMIT):
        solved |= running & infos["success"]
    return float(solved.mean())


def env_shares(*, deduplicate: bool, iterations: int = 4) -> dict[str, float]:
    """Return, per kind of gridworld, the share of the native PPO's time that env and reward take.

    The reward is the design ``"count"``, which every world can have. Where few observations are
    distinct, deduplication leaves so little to learn from that the env's share grows.

    Args:
        deduplicate: Whether the network is evaluated once per distinct observation.
        iterations: Rollouts, >= 2; the first is not counted, of the others the median is.
    """
    return {
        env_id: _env_share(env_id, deduplicate=deduplicate, iterations=iterations)
        for env_id in worlds()
    }


def worlds() -> list[str]:
    """Return the first id of every kind of gridworld."""
    return envs.one_per_kind("gridworld")


def _env_share(env_id: str, *, deduplicate: bool, iterations: int) -> float:
    settings = {**HYPER, **BATCHED, "deduplicate": deduplicate}
    env = gym.make_vec(env_id, num_envs=settings.pop("num_envs"), autoreset_mode="SameStep")
    shaped = shape(env, "count", gamma=HYPER["gamma"])
    agent = make_agent("ppo", shaped, seed=0, **settings)
    shares = []
    for _ in range(iterations):
        agent.learn(agent.num_steps + 1)
        metrics = agent.metrics()
        shares.append(metrics["time/env_share"] + metrics.get("time/design_share", 0.0))
    return float(np.median(shares[1:]))
