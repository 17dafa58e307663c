"""DQN of Stable-Baselines3, and what it shares with other learners of action values."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Literal

from gymnasium import spaces
from stable_baselines3 import DQN

from operant.agents.base import check_range
from operant.agents.sb3 import state
from operant.agents.sb3.config import check_positive
from operant.agents.sb3.off_policy import OffPolicyAgent, OffPolicyConfig, StoppableOffPolicy


@dataclasses.dataclass(frozen=True, kw_only=True)
class DQNConfig(OffPolicyConfig):
    """Hyper-parameters of DQN.

    Attributes:
        max_grad_norm: Gradients are scaled down to this global norm, > 0.
        target_update_interval: Env transitions between copies to the target network, >= 1.
        exploration_fraction: Share of the budget over which the exploration rate falls, in (0, 1].
        exploration_initial_eps: Exploration rate at the start, in [0, 1]. SB3 tosses one coin per
            step for all rows together.
        exploration_final_eps: Exploration rate after the fall, in [0, 1].

    Source: Human-level control through deep reinforcement learning (Mnih et al., 2015), alg. 1.
    """

    learning_rate: float = 1e-4
    batch_size: int = 32
    activation: Literal["tanh", "relu"] = "relu"
    train_freq: int = 4
    tau: float = 1.0
    max_grad_norm: float = 10.0
    target_update_interval: int = 10_000
    exploration_fraction: float = 0.1
    exploration_initial_eps: float = 1.0
    exploration_final_eps: float = 0.05

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: If a value is out of range.
        """
        super().__post_init__()
        check_positive("max_grad_norm", self.max_grad_norm)
        check_range("target_update_interval", self.target_update_interval, 1)
        check_range("exploration_fraction", self.exploration_fraction, 1e-9, 1.0)
        for name in ("exploration_initial_eps", "exploration_final_eps"):
            check_range(name, getattr(self, name), 0.0, 1.0)


class StoppableDQN(StoppableOffPolicy, DQN):
    """DQN that asks before each rollout whether to go on."""


class SB3DQN(OffPolicyAgent):
    """Stable-Baselines3 DQN; see :class:`DQNConfig`.

    Its policy is greedy: :meth:`act` never explores, whether ``deterministic`` or not. Its replay
    buffer is part of the training state.
    """

    id = "sb3-dqn"
    config: DQNConfig
    config_class: ClassVar[type[DQNConfig]] = DQNConfig
    algorithm = StoppableDQN
    action_kinds = (spaces.Discrete,)
    counters = (*state.COUNTERS, "_n_calls", "exploration_rate")
