"""PPO of Stable-Baselines3."""

from __future__ import annotations

import dataclasses
from typing import Any

from stable_baselines3 import PPO

from operant.agents.base import check_range
from operant.agents.sb3.agent import Boundary, SB3Agent
from operant.agents.sb3.config import SB3Config, check_positive


@dataclasses.dataclass(frozen=True, kw_only=True)
class SB3PPOConfig(SB3Config):
    """Hyper-parameters of PPO. A rollout is ``n_steps`` times the number of envs transitions.

    Attributes:
        n_steps: Env steps per row and rollout, >= 1. SB3's 2048 is meant for one env; with
            hundreds of rows, 128 gives rollouts of a similar span.
        batch_size: Transitions per gradient step, at most the rollout; choose a divisor of it.
            SB3's 64 is meant for rollouts of 2048; those of a batched env are 10 to 100 times that.
        n_epochs: Passes over each rollout, >= 1.
        gae_lambda: Trace decay of the advantage estimate, in [0, 1].
        clip_range: The ratio of probabilities is clipped to ``1 +- clip_range``, > 0.
        ent_coef: Weight of the entropy bonus, >= 0.
        vf_coef: Weight of the value loss, >= 0.

    Source: Proximal Policy Optimization Algorithms (Schulman et al., 2017), eqs. 7 and 9.
    """

    n_steps: int = 128
    batch_size: int = 2048
    n_epochs: int = 10
    gae_lambda: float = 0.95
    clip_range: float = 0.2
    ent_coef: float = 0.0
    vf_coef: float = 0.5

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: If a value is out of range.
        """
        super().__post_init__()
        check_range("n_steps", self.n_steps, 1)
        check_range("n_epochs", self.n_epochs, 1)
        check_range("gae_lambda", self.gae_lambda, 0.0, 1.0)
        check_positive("clip_range", self.clip_range)
        check_range("ent_coef", self.ent_coef, 0.0)
        check_range("vf_coef", self.vf_coef, 0.0)


class StoppablePPO(PPO):
    """PPO that asks before each rollout whether to go on."""

    boundary: Boundary

    def collect_rollouts(self, *args: Any, **kwargs: Any) -> bool:
        """Collect a rollout unless told to stop."""
        return self.boundary() and super().collect_rollouts(*args, **kwargs)


class SB3PPO(SB3Agent):
    """Stable-Baselines3 PPO; see :class:`SB3PPOConfig`.

    ``learn`` collects ``n_steps * num_envs`` transitions at a time, so it may exceed the budget
    by up to one transition less than that.
    """

    id = "sb3-ppo"
    config: SB3PPOConfig
    config_class = SB3PPOConfig
    algorithm = StoppablePPO

    def _arguments(self) -> dict[str, Any]:
        # A larger minibatch is the whole rollout; said so, SB3 does not warn about it.
        rollout = self.config.n_steps * self.env.num_envs
        return super()._arguments() | {"batch_size": min(self.config.batch_size, rollout)}
