"""Hyper-parameters that the tabular learners share."""

from __future__ import annotations

import dataclasses

from operant.agents.base import AgentConfig, check_range


@dataclasses.dataclass(frozen=True, kw_only=True)
class TabularConfig(AgentConfig):
    """What all of them have in common. A rollout is ``n_steps`` times the number of envs steps.

    Attributes:
        alpha: Step size, in (0, 1].
        n_steps: Env steps per row and rollout, >= 1; learning does not wait for its end.
    """

    alpha: float = 0.1
    n_steps: int = 64

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: If a value is out of range.
        """
        super().__post_init__()
        check_range("alpha", self.alpha, 1e-9, 1.0)
        check_range("n_steps", self.n_steps, 1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ValueConfig(TabularConfig):
    """Hyper-parameters of learners of action values.

    Attributes:
        epsilon: Probability of a uniformly random action at the start, in [0, 1].
        epsilon_final: The same after the fall, in [0, 1].
        epsilon_fraction: Share of the budget over which it falls linearly, in (0, 1].
        initial_value: Value of what was never tried; above what can be earned, it makes the agent
            try everything.
    """

    epsilon: float = 1.0
    epsilon_final: float = 0.05
    epsilon_fraction: float = 0.5
    initial_value: float = 0.0

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: If a value is out of range.
        """
        super().__post_init__()
        for name in ("epsilon", "epsilon_final"):
            check_range(name, getattr(self, name), 0.0, 1.0)
        check_range("epsilon_fraction", self.epsilon_fraction, 1e-9, 1.0)
        check_range("initial_value", self.initial_value, -1e30, 1e30)
