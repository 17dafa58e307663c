"""Recurrent PPO of sb3-contrib: PPO that remembers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from sb3_contrib import RecurrentPPO
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from sb3_contrib.common.recurrent.type_aliases import RNNStates

from operant.agents.base import Array, Arrays, Json, check_range
from operant.agents.sb3.on_policy import StoppableOnPolicy
from operant.agents.sb3.policy import SB3Policy
from operant.agents.sb3.ppo import SB3PPO, SB3PPOConfig
from operant.types import Obs

MEMORY = ("pi_hidden", "pi_cell", "vf_hidden", "vf_cell")
"""What is remembered in training."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecurrentPPOConfig(SB3PPOConfig):
    """Hyper-parameters of recurrent PPO: PPO with an LSTM before the hidden layers.

    Attributes:
        lstm_hidden_size: Units of the LSTM, >= 1.
        n_lstm_layers: Its layers, >= 1.
        enable_critic_lstm: True to give the values an LSTM of their own, False for none.

    Source: Deep Recurrent Q-Learning for Partially Observable MDPs (Hausknecht and Stone, 2015)
    for learning from sequences with stored memory.
    """

    network_fields: ClassVar[tuple[str, ...]] = (
        "lstm_hidden_size",
        "n_lstm_layers",
        "enable_critic_lstm",
    )

    batch_size: int = 128
    lstm_hidden_size: int = 256
    n_lstm_layers: int = 1
    enable_critic_lstm: bool = True

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: If a value is out of range.
        """
        super().__post_init__()
        check_range("lstm_hidden_size", self.lstm_hidden_size, 1)
        check_range("n_lstm_layers", self.n_lstm_layers, 1)


class RememberingPolicy(SB3Policy):
    """Acts with an LSTM; see :class:`operant.agents.base.RecurrentPolicy`."""

    network: RecurrentActorCriticPolicy

    @property
    def memory_shape(self) -> tuple[int, ...]:
        """Shape of what is remembered of one row: hidden and cell state, by layer and unit."""
        lstm = self.network.lstm_actor
        return (2, lstm.num_layers, lstm.hidden_size)

    def act_from(self, obs: Obs, memory: Array, *, deterministic: bool) -> tuple[Array, Array]:
        """Choose one action per row; see :meth:`operant.agents.base.RecurrentPolicy.act_from`."""
        state = np.moveaxis(memory, 0, 2)  # SB3's rows come after the layers
        with self._streams.swapped():
            actions, after = self.network.predict(
                obs,
                state=(state[0], state[1]),
                deterministic=deterministic,
            )
        return actions, np.moveaxis(np.stack(after or ()), 2, 0)


class StoppableRecurrentPPO(StoppableOnPolicy, RecurrentPPO):
    """Recurrent PPO that asks before each rollout whether to go on."""


class SB3RecurrentPPO(SB3PPO):
    """sb3-contrib's PPO with an LSTM; see :class:`RecurrentPPOConfig`.

    :meth:`act` starts from an empty memory; :meth:`act_from` continues an episode.
    """

    id = "sb3-recurrent-ppo"
    config: RecurrentPPOConfig
    config_class: ClassVar[type[RecurrentPPOConfig]] = RecurrentPPOConfig
    algorithm = StoppableRecurrentPPO
    policy_class = RememberingPolicy
    _policy: RememberingPolicy

    @property
    def memory_shape(self) -> tuple[int, ...]:
        """Shape of what is remembered of one row; see :class:`RememberingPolicy`."""
        return self._policy.memory_shape

    def act_from(self, obs: Obs, memory: Array, *, deterministic: bool) -> tuple[Array, Array]:
        """Choose one action per row; see :meth:`RememberingPolicy.act_from`."""
        return self._policy.act_from(obs, memory, deterministic=deterministic)

    def training_state(self) -> tuple[Arrays, Json]:
        """Return everything needed to continue bit for bit, the memory of all rows included."""
        arrays, meta = super().training_state()
        states = self.model._last_lstm_states
        parts = zip(MEMORY, (*states.pi, *states.vf), strict=True)
        memory = {f"memory/{name}": part.cpu().numpy().copy() for name, part in parts}
        return arrays | memory, meta

    def load_training_state(self, arrays: Mapping[str, Array], meta: Json) -> None:
        """Continue from a training state; see :meth:`Agent.load_training_state`."""
        super().load_training_state(arrays, meta)
        parts = [torch.from_numpy(arrays[f"memory/{name}"].copy()) for name in MEMORY]
        parts = [part.to(self.config.device) for part in parts]
        self.model._last_lstm_states = RNNStates((parts[0], parts[1]), (parts[2], parts[3]))
