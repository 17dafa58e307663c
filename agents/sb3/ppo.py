"""PPO of Stable-Baselines3."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from stable_baselines3 import PPO

from operant.agents.base import check_range
from operant.agents.sb3.agent import SB3Agent
from operant.agents.sb3.config import check_positive
from operant.agents.sb3.on_policy import OnPolicyConfig, StoppableOnPolicy


@dataclasses.dataclass(frozen=True, kw_only=True)
class SB3PPOConfig(OnPolicyConfig):
    """Hyper-parameters of PPO.

    SB3's ``n_steps`` of 2048 is meant for one env; with hundreds of rows, 128 gives rollouts of a
    similar span.

    Attributes:
        batch_size: Transitions per gradient step, at most the rollout; choose a divisor of it.
            SB3's 64 is meant for rollouts of 2048; those of a batched env are 10 to 100 times that.
        n_epochs: Passes over each rollout, >= 1.
        clip_range: The ratio of probabilities is clipped to ``1 +- clip_range``, > 0.

    Source: Proximal Policy Optimization Algorithms (Schulman et al., 2017), eqs. 7 and 9.
    """

    batch_size: int = 2048
    n_epochs: int = 10
    clip_range: float = 0.2

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: If a value is out of range.
        """
        super().__post_init__()
        check_range("batch_size", self.batch_size, 2)
        check_range("n_epochs", self.n_epochs, 1)
        check_positive("clip_range", self.clip_range)


class StoppablePPO(StoppableOnPolicy, PPO):
    """PPO that asks before each rollout whether to go on."""


class SB3PPO(SB3Agent):
    """Stable-Baselines3 PPO; see :class:`SB3PPOConfig`.

    ``learn`` collects ``n_steps * num_envs`` transitions at a time, so it may exceed the budget
    by up to one transition less than that.
    """

    id = "sb3-ppo"
    config: SB3PPOConfig
    config_class: ClassVar[type[SB3PPOConfig]] = SB3PPOConfig
    algorithm: ClassVar[Any] = StoppablePPO

    def _arguments(self) -> dict[str, Any]:
        # A larger minibatch is the whole rollout; said so, SB3 does not warn about it.
        rollout = self.config.n_steps * self.env.num_envs
        return super()._arguments() | {"batch_size": min(self.config.batch_size, rollout)}
