"""TD3 of Stable-Baselines3."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Literal

import numpy as np
from gymnasium import spaces
from stable_baselines3 import TD3
from stable_baselines3.common.noise import NormalActionNoise

from operant.agents.base import check_range
from operant.agents.sb3.off_policy import OffPolicyAgent, OffPolicyConfig, StoppableOffPolicy


@dataclasses.dataclass(frozen=True, kw_only=True)
class TD3Config(OffPolicyConfig):
    """Hyper-parameters of TD3; noises are on actions scaled to [-1, 1].

    Attributes:
        action_noise: Deviation of the noise that explores, >= 0; the paper's 0.1 (SB3: none).
        policy_delay: Gradient steps of the critics per one of the actor, >= 1.
        target_policy_noise: Deviation of the noise on the target actions, >= 0.
        target_noise_clip: Bound of that noise, >= 0.

    Source: Addressing Function Approximation Error in Actor-Critic Methods (Fujimoto et al., 2018),
    alg. 1.
    """

    learning_rate: float = 1e-3
    net_arch: tuple[int, ...] = (400, 300)
    activation: Literal["tanh", "relu"] = "relu"
    action_noise: float = 0.1
    policy_delay: int = 2
    target_policy_noise: float = 0.2
    target_noise_clip: float = 0.5

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: If a value is out of range.
        """
        super().__post_init__()
        for name in ("action_noise", "target_policy_noise", "target_noise_clip"):
            check_range(name, getattr(self, name), 0.0)
        check_range("policy_delay", self.policy_delay, 1)


class StoppableTD3(StoppableOffPolicy, TD3):
    """TD3 that asks before each rollout whether to go on."""


class SB3TD3(OffPolicyAgent):
    """Stable-Baselines3 TD3; see :class:`TD3Config`.

    Its policy is deterministic: :meth:`act` never explores, whether ``deterministic`` or not.
    """

    id = "sb3-td3"
    config: TD3Config
    config_class: ClassVar[type[TD3Config]] = TD3Config
    algorithm = StoppableTD3
    action_kinds = (spaces.Box,)

    def _arguments(self) -> dict[str, Any]:
        shape = self.env.single_action_space.shape or ()
        noise = NormalActionNoise(np.zeros(shape), np.full(shape, self.config.action_noise))
        return super()._arguments() | {"action_noise": noise}
