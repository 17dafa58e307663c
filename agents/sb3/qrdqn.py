"""QR-DQN of sb3-contrib."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from sb3_contrib import QRDQN

from operant.agents.base import check_range
from operant.agents.sb3.dqn import SB3DQN, DQNConfig
from operant.agents.sb3.off_policy import StoppableOffPolicy


@dataclasses.dataclass(frozen=True, kw_only=True)
class QRDQNConfig(DQNConfig):
    """Hyper-parameters of QR-DQN: DQN that learns quantiles of the return.

    Gradients are clipped as in DQN, which sb3-contrib does not by default.

    Attributes:
        n_quantiles: Quantiles per action, >= 1.

    Source: Distributional Reinforcement Learning with Quantile Regression (Dabney et al., 2018),
    alg. 1.
    """

    network_fields: ClassVar[tuple[str, ...]] = ("n_quantiles",)

    learning_rate: float = 5e-5
    exploration_fraction: float = 0.005
    exploration_final_eps: float = 0.01
    n_quantiles: int = 200

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: If a value is out of range.
        """
        super().__post_init__()
        check_range("n_quantiles", self.n_quantiles, 1)


class StoppableQRDQN(StoppableOffPolicy, QRDQN):
    """QR-DQN that asks before each rollout whether to go on."""


class SB3QRDQN(SB3DQN):
    """sb3-contrib's QR-DQN; see :class:`QRDQNConfig`. It acts by the means of the quantiles."""

    id = "sb3-qrdqn"
    config: QRDQNConfig
    config_class: ClassVar[type[QRDQNConfig]] = QRDQNConfig
    algorithm = StoppableQRDQN  # type: ignore[assignment]
