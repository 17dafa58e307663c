"""Hyper-parameters of BARFI."""

from __future__ import annotations

import dataclasses

from operant.agents.base import AgentConfig, check_range


@dataclasses.dataclass(frozen=True, kw_only=True)
class BARFIConfig(AgentConfig):
    """Hyper-parameters of BARFI; all constants are ours, the paper's could not be verified.

    Attributes:
        n_steps: Env steps per row and batch, >= 1.
        inner_rollouts: Batches that the policy is updated on between two updates of the reward,
            one gradient step each, >= 1.
        net_arch: Units of the hidden tanh layers of policy and critic, >= 1 each; empty makes
            both linear, which is a table where observations are Discrete.
        inner_learning_rate: Of Adam over the policy and over the critic, > 0.
        critic_steps: Gradient steps of the critic per batch, >= 0; with 0 there is no baseline.
        temperature: Weight of the policy's entropy in the inner problem, >= 0.
        reward_arch: None for three weights that are the same everywhere; else the units of the
            hidden tanh layers of a network that adds to them by state and action.
        outer_learning_rate: Of Adam over the reward weights and the discount's logit, >= 0; 0
            keeps them, which leaves the plain policy gradient on the designed reward.
        neumann_terms: Terms of the series that stands for the inverse Jacobian, >= 1.
        neumann_step: Step size of that series, in (0, 1].
        gamma_penalty: Weight of the learned discount, which the outer objective subtracts, >= 0.
    """

    n_steps: int = 128
    inner_rollouts: int = 2
    net_arch: tuple[int, ...] = (32,)
    inner_learning_rate: float = 0.02
    critic_steps: int = 20
    temperature: float = 0.02
    reward_arch: tuple[int, ...] | None = None
    outer_learning_rate: float = 0.1
    neumann_terms: int = 5
    neumann_step: float = 0.2
    gamma_penalty: float = 0.0

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: If a value is out of range.
        """
        super().__post_init__()
        for name in ("n_steps", "inner_rollouts", "neumann_terms"):
            check_range(name, getattr(self, name), 1)
        for name in ("net_arch", "reward_arch"):
            for units in getattr(self, name) or ():
                check_range(name, units, 1)
        for name in ("critic_steps", "temperature", "outer_learning_rate", "gamma_penalty"):
            check_range(name, getattr(self, name), 0)
        check_range("inner_learning_rate", self.inner_learning_rate, 1e-9)
        check_range("neumann_step", self.neumann_step, 1e-9, 1.0)
