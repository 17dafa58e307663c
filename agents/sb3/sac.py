"""SAC of Stable-Baselines3."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Literal

from gymnasium import spaces
from stable_baselines3 import SAC

from operant.agents.base import check_range
from operant.agents.sb3.off_policy import OffPolicyAgent, OffPolicyConfig, StoppableOffPolicy


@dataclasses.dataclass(frozen=True, kw_only=True)
class SACConfig(OffPolicyConfig):
    """Hyper-parameters of SAC.

    Attributes:
        ent_coef: Weight of the entropy, >= 0, or ``"auto"`` to learn it.

    Source: Soft Actor-Critic Algorithms and Applications (Haarnoja et al., 2018), alg. 1.
    """

    net_arch: tuple[int, ...] = (256, 256)
    activation: Literal["tanh", "relu"] = "relu"
    ent_coef: float | Literal["auto"] = "auto"

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: If a value is out of range.
        """
        super().__post_init__()
        if isinstance(self.ent_coef, str):
            if self.ent_coef != "auto":
                raise ValueError(f"ent_coef must be a number or 'auto', got {self.ent_coef!r}")
        else:
            check_range("ent_coef", self.ent_coef, 0.0)


class StoppableSAC(StoppableOffPolicy, SAC):
    """SAC that asks before each rollout whether to go on."""


class SB3SAC(OffPolicyAgent):
    """Stable-Baselines3 SAC; see :class:`SACConfig`."""

    id = "sb3-sac"
    config: SACConfig
    config_class: ClassVar[type[SACConfig]] = SACConfig
    algorithm = StoppableSAC
    action_kinds = (spaces.Box,)
