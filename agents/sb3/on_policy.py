"""What the Stable-Baselines3 agents that learn from fresh rollouts share."""

from __future__ import annotations

import dataclasses
from typing import Any

from operant.agents.base import check_range
from operant.agents.sb3.agent import Boundary
from operant.agents.sb3.config import SB3Config, check_positive


@dataclasses.dataclass(frozen=True, kw_only=True)
class OnPolicyConfig(SB3Config):
    """Common hyper-parameters. A rollout is ``n_steps`` times the number of envs transitions.

    Attributes:
        n_steps: Env steps per row and rollout, >= 1.
        gae_lambda: Trace decay of the advantage estimate, in [0, 1].
        ent_coef: Weight of the entropy bonus, >= 0.
        vf_coef: Weight of the value loss, >= 0.
        max_grad_norm: Gradients are scaled down to this global norm, > 0.
    """

    n_steps: int = 128
    gae_lambda: float = 0.95
    ent_coef: float = 0.0
    vf_coef: float = 0.5
    max_grad_norm: float = 0.5

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: If a value is out of range.
        """
        super().__post_init__()
        check_range("n_steps", self.n_steps, 1)
        check_range("gae_lambda", self.gae_lambda, 0.0, 1.0)
        check_range("ent_coef", self.ent_coef, 0.0)
        check_range("vf_coef", self.vf_coef, 0.0)
        check_positive("max_grad_norm", self.max_grad_norm)


class StoppableOnPolicy:
    """Mixed into an SB3 algorithm: it asks before each rollout whether to go on."""

    boundary: Boundary

    def collect_rollouts(self, *args: Any, **kwargs: Any) -> bool:
        """Collect a rollout unless told to stop."""
        return self.boundary() and super().collect_rollouts(*args, **kwargs)  # type: ignore[misc]
