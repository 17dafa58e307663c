"""Rows of the Stable-Baselines3 agents."""

from __future__ import annotations

from operant.registry import AgentRow

ROWS = [
    AgentRow(
        id="sb3-ppo",
        entry_point="operant.agents.sb3.ppo:SB3PPO",
        summary="Stable-Baselines3 PPO on the native batched env",
        kind="learner",
        tags=("on-policy",),
        testing={"n_steps": 16, "batch_size": 64},
    ),
    AgentRow(
        id="sb3-dqn",
        entry_point="operant.agents.sb3.dqn:SB3DQN",
        summary="Stable-Baselines3 DQN on the native batched env",
        kind="learner",
        tags=("off-policy",),
        testing={"buffer_size": 1000, "learning_starts": 64},
    ),
]
