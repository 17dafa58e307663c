"""A2C of Stable-Baselines3."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from stable_baselines3 import A2C

from operant.agents.sb3.agent import SB3Agent
from operant.agents.sb3.on_policy import OnPolicyConfig, StoppableOnPolicy


@dataclasses.dataclass(frozen=True, kw_only=True)
class A2CConfig(OnPolicyConfig):
    """Hyper-parameters of A2C: one step of RMSprop per rollout.

    Attributes:
        normalize_advantage: True to normalise advantages within each rollout.

    Source: Asynchronous Methods for Deep Reinforcement Learning (Mnih et al., 2016), sec. 4.
    """

    learning_rate: float = 7e-4
    n_steps: int = 5
    gae_lambda: float = 1.0
    normalize_advantage: bool = False


class StoppableA2C(StoppableOnPolicy, A2C):
    """A2C that asks before each rollout whether to go on."""


class SB3A2C(SB3Agent):
    """Stable-Baselines3 A2C; see :class:`A2CConfig`."""

    id = "sb3-a2c"
    config: A2CConfig
    config_class: ClassVar[type[A2CConfig]] = A2CConfig
    algorithm = StoppableA2C
