"""The native PPO in this process: a world learned from scratch, and the shares of its time."""

from __future__ import annotations

import time
from typing import Any

import gymnasium as gym
import numpy as np

from operant import envs
from operant.agents import make_agent
from operant.agents.base import Agent
from operant.benchmarks.perf.learners import BATCHED, ENV, HYPER, LIMIT
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
_GIVE_UP = 2**24


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
    wall = cpu = success = 0.0
    while success < GOAL and agent.num_steps < _GIVE_UP:
        start = time.perf_counter(), time.process_time()
        agent.learn(agent.num_steps + _LOOK_EVERY)
        wall += time.perf_counter() - start[0]
        cpu += time.process_time() - start[1]
        success = share_solved(agent)
    frames = agent.num_steps
    return {"seed": seed, "frames": frames, "wall_s": wall, "cpu_s": cpu, "success": success}


def share_solved(agent: Agent) -> float:
    """Return the share of 1024 fresh levels that a sampled policy solves in the first episode."""
    env = gym.make_vec(ENV, num_envs=LEVELS, autoreset_mode="SameStep", features=False)
    obs, _ = env.reset(seed=FIRST_LEVEL)
    running, solved = np.ones(LEVELS, np.bool_), np.zeros(LEVELS, np.bool_)
    with agent.sampling(0):
        for _ in range(LIMIT):
            obs, _, terminated, truncated, infos = env.step(agent.act(obs, deterministic=False))
            solved |= running & infos["success"]
            running &= ~(terminated | truncated)
            if not running.any():
                break
    return float(solved.mean())


def env_shares(*, deduplicate: bool, iterations: int = 2) -> dict[str, float]:
    """Return, per kind of gridworld, the share of the native PPO's time that env and reward take.

    The reward is the design ``"count"``, which every world can have. Where few observations are
    distinct, deduplication leaves so little to learn from that the env's share grows.

    Args:
        deduplicate: Whether the network is evaluated once per distinct observation.
        iterations: Rollouts, the first of which is not counted, >= 2.
    """
    return {
        env_id: _env_share(env_id, deduplicate=deduplicate, iterations=iterations)
        for env_id in worlds()
    }


def worlds() -> list[str]:
    """Return the first id of every kind of gridworld."""
    first: dict[str, str] = {}
    for row in envs.registry():
        if "gridworld" in row.tags:
            first.setdefault(row.entry_point, row.id)
    return sorted(first.values())


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
    return float(np.mean(shares[1:]))
