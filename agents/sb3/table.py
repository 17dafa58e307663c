"""Rows of the Stable-Baselines3 agents."""

from __future__ import annotations

from operant.registry import Row

ROWS = [
    Row(
        id="sb3-ppo",
        entry_point="operant.agents.sb3.ppo:SB3PPO",
        summary="Stable-Baselines3 PPO on the native batched env",
        tags=("learner", "on-policy"),
    ),
    Row(
        id="sb3-dqn",
        entry_point="operant.agents.sb3.dqn:SB3DQN",
        summary="Stable-Baselines3 DQN on the native batched env",
        tags=("learner", "off-policy"),
    ),
]
