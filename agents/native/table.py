"""Rows of the native agents."""

from __future__ import annotations

from operant.registry import AgentRow

ROWS = [
    AgentRow(
        id="ppo",
        entry_point="operant.agents.native.ppo:PPOAgent",
        summary="Native batched PPO with reward streams, masks and hooks",
        kind="learner",
        tags=("on-policy",),
        testing={"n_steps": 16, "batch_size": 64},
    ),
]
