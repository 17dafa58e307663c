"""DQN of Stable-Baselines3."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from stable_baselines3 import DQN
from stable_baselines3.common.type_aliases import RolloutReturn

from operant.agents.base import Array, Arrays, Json, check_range
from operant.agents.sb3 import state
from operant.agents.sb3.agent import Boundary, SB3Agent
from operant.agents.sb3.config import SB3Config
from operant.arrays import section


@dataclasses.dataclass(frozen=True, kw_only=True)
class DQNConfig(SB3Config):
    """Hyper-parameters of DQN. A rollout is ``train_freq`` times the number of envs transitions.

    Attributes:
        buffer_size: Transitions kept for replay, >= 1. SB3's default is 1e6; each costs two
            observations of memory, and all are part of the training state.
        learning_starts: Env transitions of uniform random actions before the first update, >= 0.
        train_freq: Env steps per row between updates, >= 1.
        gradient_steps: Gradient steps per update, >= 1, or -1 for one per collected transition.
        target_update_interval: Env transitions between copies to the target network, >= 1.
        tau: Share copied, in (0, 1]; 1 copies all.
        exploration_fraction: Share of the budget over which the exploration rate falls, in (0, 1].
        exploration_initial_eps: Exploration rate at the start, in [0, 1]. SB3 tosses one coin per
            step for all rows together.
        exploration_final_eps: Exploration rate after the fall, in [0, 1].

    Source: Human-level control through deep reinforcement learning (Mnih et al., 2015), alg. 1.
    """

    learning_rate: float = 1e-4
    batch_size: int = 32
    max_grad_norm: float = 10.0
    activation: Literal["tanh", "relu"] = "relu"
    buffer_size: int = 100_000
    learning_starts: int = 100
    train_freq: int = 4
    gradient_steps: int = 1
    target_update_interval: int = 10_000
    tau: float = 1.0
    exploration_fraction: float = 0.1
    exploration_initial_eps: float = 1.0
    exploration_final_eps: float = 0.05

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: If a value is out of range.
        """
        super().__post_init__()
        for name in ("buffer_size", "train_freq", "target_update_interval"):
            check_range(name, getattr(self, name), 1)
        check_range("learning_starts", self.learning_starts, 0)
        if self.gradient_steps != -1:
            check_range("gradient_steps (other than -1)", self.gradient_steps, 1)
        for name in ("tau", "exploration_fraction"):
            check_range(name, getattr(self, name), 1e-9, 1.0)
        for name in ("exploration_initial_eps", "exploration_final_eps"):
            check_range(name, getattr(self, name), 0.0, 1.0)


class StoppableDQN(DQN):
    """DQN that asks before each rollout whether to go on."""

    boundary: Boundary

    def collect_rollouts(self, *args: Any, **kwargs: Any) -> RolloutReturn:
        """Collect a rollout unless told to stop."""
        if not self.boundary():
            return RolloutReturn(0, 0, continue_training=False)
        return super().collect_rollouts(*args, **kwargs)


class SB3DQN(SB3Agent):
    """Stable-Baselines3 DQN; see :class:`DQNConfig`.

    Its policy is greedy: :meth:`act` never explores, whether ``deterministic`` or not. Its replay
    buffer is part of the training state.
    """

    id = "sb3-dqn"
    config: DQNConfig
    config_class = DQNConfig
    algorithm = StoppableDQN
    counters = (*state.COUNTERS, "_n_calls", "exploration_rate")

    def training_state(self) -> tuple[Arrays, Json]:
        """Return everything needed to continue bit for bit, the replay buffer included."""
        arrays, meta = super().training_state()
        replay, meta["replay"] = state.replay_state(self.model.replay_buffer)
        return arrays | state.prefixed("replay", replay), meta

    def load_training_state(self, arrays: Mapping[str, Array], meta: Json) -> None:
        """Continue from a training state; see :meth:`Agent.load_training_state`."""
        super().load_training_state(arrays, meta)
        state.load_replay_state(self.model.replay_buffer, section(arrays, "replay"), meta["replay"])
