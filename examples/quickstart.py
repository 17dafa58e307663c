"""Train PPO on a designed reward, score it on the true one, beside the sparse reward alone."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode

import operant
from operant.agents import make_agent

ENV, GAMMA = "SparseKey-6x6-v0", 0.99


def train_and_score(design: str, steps: int, episodes: int = 64) -> float:
    """Return the share of fresh levels the trained policy solves, in [0, 1]."""
    batch = gym.make_vec(ENV, num_envs=128, autoreset_mode=AutoresetMode.SAME_STEP)
    shaped = operant.shape(batch, design, gamma=GAMMA)
    config = {"n_steps": 64, "n_epochs": 4, "learning_rate": 1e-3, "ent_coef": 0.01}
    agent = make_agent("sb3-ppo", shaped, seed=0, gamma=GAMMA, **config)
    agent.learn(steps)

    # A fresh env without the design: only the true reward and the success flag are left.
    fresh = gym.make_vec(ENV, num_envs=episodes, autoreset_mode=AutoresetMode.SAME_STEP)
    obs, _ = fresh.reset(seed=1_000)
    solved, running = np.zeros(episodes, bool), np.ones(episodes, bool)
    with agent.sampling(seed=0):
        while running.any():
            actions = agent.act(obs, deterministic=False)
            obs, _, terminated, truncated, infos = fresh.step(actions)
            solved |= running & infos["success"]
            running &= ~(terminated | truncated)
    return float(solved.mean())


def main(steps: int = 150_000) -> dict[str, float]:
    """Compare three rewards; returns design -> success rate."""
    scores = {design: train_and_score(design, steps) for design in ("none", "potential", "naive")}
    for design, score in scores.items():
        print(f"{design:>10}: solves {score:.0%} of fresh levels")
    return scores


if __name__ == "__main__":
    main()
