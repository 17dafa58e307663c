"""Rows of the Stable-Baselines3 agents.

Tags say what a row is for: kinds of actions (``discrete``, ``multi-discrete``, ``box``; all of them
where none is named), ``masks`` and ``recurrent`` for what it can use, ``tabular`` for small sets of
observations only, ``greedy`` where the policy is the best action, but for chance.
"""

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
        id="sb3-a2c",
        entry_point="operant.agents.sb3.a2c:SB3A2C",
        summary="Stable-Baselines3 A2C on the native batched env",
        kind="learner",
        tags=("on-policy",),
        testing={"n_steps": 16},
    ),
    AgentRow(
        id="sb3-dqn",
        entry_point="operant.agents.sb3.dqn:SB3DQN",
        summary="Stable-Baselines3 DQN on the native batched env",
        kind="learner",
        tags=("off-policy", "discrete", "greedy"),
        testing={"buffer_size": 1000, "learning_starts": 64},
    ),
    AgentRow(
        id="sb3-sac",
        entry_point="operant.agents.sb3.sac:SB3SAC",
        summary="Stable-Baselines3 SAC on the native batched env",
        kind="learner",
        tags=("off-policy", "box"),
        testing={"buffer_size": 1000, "batch_size": 32, "net_arch": [32], "train_freq": 4},
    ),
    AgentRow(
        id="sb3-td3",
        entry_point="operant.agents.sb3.td3:SB3TD3",
        summary="Stable-Baselines3 TD3 on the native batched env",
        kind="learner",
        tags=("off-policy", "box"),
        testing={"buffer_size": 1000, "batch_size": 32, "net_arch": [32], "train_freq": 4},
    ),
    AgentRow(
        id="sb3-qrdqn",
        entry_point="operant.agents.sb3.qrdqn:SB3QRDQN",
        summary="sb3-contrib QR-DQN on the native batched env",
        kind="learner",
        tags=("off-policy", "discrete", "greedy"),
        extra="contrib",
        testing={"buffer_size": 1000, "learning_starts": 64, "n_quantiles": 10},
    ),
    AgentRow(
        id="sb3-maskable-ppo",
        entry_point="operant.agents.sb3.maskable_ppo:SB3MaskablePPO",
        summary="sb3-contrib PPO with action masks on the native batched env",
        kind="learner",
        tags=("on-policy", "discrete", "multi-discrete", "masks"),
        extra="contrib",
        testing={"n_steps": 16, "batch_size": 64},
    ),
    AgentRow(
        id="sb3-recurrent-ppo",
        entry_point="operant.agents.sb3.recurrent_ppo:SB3RecurrentPPO",
        summary="sb3-contrib PPO with an LSTM on the native batched env",
        kind="learner",
        tags=("on-policy", "recurrent"),
        extra="contrib",
        testing={"n_steps": 16, "batch_size": 64, "n_epochs": 2, "lstm_hidden_size": 16},
    ),
]
