"""What the ranks of test_parallel do; in a file of its own, since processes import it by name."""

from __future__ import annotations

import functools
from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np
import torch

import operant  # noqa: F401 (registers its envs)
from operant.agents import make_agent
from operant.agents.native.evaluation import joined
from operant.agents.native.parallel import Ranks
from operant.benchmarks.first_episodes import first_episodes

ROWS = np.random.default_rng(0).normal(1e6, 3.0, (30, 2))
SPLIT = (20, 25)
"""Rows before it are known to all, then come those of rank 0, then those of rank 1."""


def moments(rows: Any) -> SimpleNamespace:
    return SimpleNamespace(mean=rows.mean(0), var=rows.var(0), count=float(len(rows)))


def arithmetic() -> dict[str, Any]:
    """Everything two ranks compute together, once."""
    torch.set_num_threads(1)
    ranks = Ranks()
    mine = torch.arange(3.0) if ranks.rank == 0 else torch.tensor([10.0])
    weight = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    idle = torch.nn.Parameter(torch.zeros(1))
    (weight * mine.mean()).sum().backward()
    ranks.average_gradients([weight, idle], len(mine))
    first, second = SPLIT
    known = ROWS[:first]
    own = ROWS[first:second] if ranks.rank == 0 else ROWS[second:]
    seen = moments(np.concatenate([known, own]))
    ranks.merge(seen, moments(known))
    return {
        "rank": ranks.rank,
        "world": ranks.world,
        "total": ranks.total(mine.sum()).item(),
        "untouched": mine.tolist(),
        "largest": ranks.largest(ranks.rank + 5),
        "normalized": ranks.normalized(mine).tolist(),
        "gradient": [*weight.grad.tolist(), *idle.grad.tolist()],
        "moments": (seen.mean.tolist(), seen.var.tolist(), seen.count),
    }


HYPER: dict[str, Any] = {"n_steps": 16, "n_epochs": 3, "ent_coef": 0.01, "batch_size": 4096}


def learner(num_envs: int, seed: int = 5, **hyper: Any) -> Any:
    """A PPO on a small world; of several ranks if this process has joined others."""
    torch.set_num_threads(1)
    env = gym.make_vec("SparseKey-5x5-v0", num_envs=num_envs, autoreset_mode="SameStep")
    return make_agent("ppo", env, seed=seed, **{**HYPER, **hyper})


def half_of(rollout: dict[str, Any], hyper: dict[str, Any]) -> dict[str, Any]:
    """Train on this rank's half of the columns of a rollout."""
    ranks = Ranks()
    width = rollout["actions"].shape[1] // 2
    columns = slice(ranks.rank * width, (ranks.rank + 1) * width)
    agent = learner(width, **hyper)
    agent.collect()  # its own levels, which are replaced
    for name in ("actions", "log_probs", "values", "advantages", "returns"):
        getattr(agent.rollout, name)[:] = torch.from_numpy(rollout[name])[:, columns]
    for key, part in agent.rollout.obs.items():
        part[:] = torch.from_numpy(rollout["obs"][key])[:, columns]
    if agent.deduplication.on:  # as if it had acted
        agent._distinct.begin(agent.rollout)
        for step in range(HYPER["n_steps"]):
            parts = joined(agent.rollout.obs_at(step), None)
            agent._distinct._ids[step] = agent._distinct._known.ids(parts)
    agent.train_on(agent.rollout)
    return {
        "weights": agent.policy_state()[0],
        "steps": agent.num_steps,
        "updates": agent.num_updates,
        "metrics": agent.metrics(),
    }


def trained(num_envs: int, steps: int) -> dict[str, Any]:
    """Train from scratch, and play."""
    agent = learner(num_envs, n_steps=64, batch_size=512, n_epochs=4)
    first = agent.rollout.obs["image"].clone()
    agent.learn(steps)
    env = gym.make_vec("SparseKey-5x5-v0", num_envs=256, autoreset_mode="SameStep")
    solved = np.zeros(256, np.bool_)
    act = functools.partial(agent.act, deterministic=False)
    with agent.sampling(0):
        for running, _, infos in first_episodes(env, act, seed=10_000):
            solved |= running & infos["success"]
    return {
        "weights": agent.policy_state()[0],
        "steps": agent.num_steps,
        "success": float(solved.mean()),
        "obs": agent.rollout.obs["image"].numpy().copy(),
        "first": first.numpy(),
        "identity": agent.training_state()[1]["rank"],
    }


def fails_in_one() -> None:
    """Only rank 1 raises; rank 0 waits for it in vain."""
    ranks = Ranks()
    if ranks.rank == 1:
        raise ZeroDivisionError("rank 1 has had enough")
    ranks.total(torch.zeros(1))


def seen() -> dict[str, Any]:
    """Collect observations for the moments that the ranks share."""
    torch.set_num_threads(1)
    env = gym.make_vec("Pendulum-v1", num_envs=4)
    agent = make_agent("ppo", env, seed=0, n_steps=16, normalize_obs=True)
    agent.learn(128)
    encoder = agent.policy.model.encoder
    rows = agent.rollout.all_obs()[""][agent.rollout.positions()]
    return {
        "rows": rows.double().numpy(),
        "count": float(encoder.moments.count),
        "mean": encoder.moments.mean.numpy(),
        "var": encoder.moments.var.numpy(),
    }
