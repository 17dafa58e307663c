"""Hyper-parameters that the Stable-Baselines3 agents share."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Literal

from operant.agents.base import AgentConfig, check_range

EPISODES_LOGGED = 100
"""Episodes over which ``rollout/ep_rew_mean`` and its like are means (SB3's default)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SB3Config(AgentConfig):
    """What all of them have in common; defaults are SB3's unless said otherwise.

    Attributes:
        learning_rate: Step size of the optimiser, > 0.
        net_arch: Units per hidden layer, of every network.
        activation: ``"tanh"`` or ``"relu"``.
        encoder: ``"flat"`` feeds entries of small-integer Boxes (at most 21 values) as numbers, as
            SB3 does; ``"onehot"`` as one-hot vectors, which makes the first layer 6 times as wide
            on 7x7x3 views, and a frame some 3 times dearer. Other spaces do not differ.
        threads: Torch threads while the agent computes, >= 1; 1 because the networks are small
            and runs are parallel over processes. Only equal numbers reproduce bit for bit.
        device: Torch device. Exact resume is promised on the CPU only.
    """

    network_fields: ClassVar[tuple[str, ...]] = ()
    """Fields that are arguments of SB3's policy class, not of its algorithm."""

    learning_rate: float = 3e-4
    net_arch: tuple[int, ...] = (64, 64)
    activation: Literal["tanh", "relu"] = "tanh"
    encoder: Literal["onehot", "flat"] = "flat"
    threads: int = 1
    device: str = "cpu"

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: If a value is out of range.
        """
        super().__post_init__()
        check_positive("learning_rate", self.learning_rate)
        check_range("threads", self.threads, 1)
        for units in self.net_arch:
            check_range("net_arch entry", units, 1)
        check_choice("activation", self.activation, ("tanh", "relu"))
        check_choice("encoder", self.encoder, ("onehot", "flat"))


def check_positive(name: str, value: float) -> None:
    """Check that a hyper-parameter is above zero.

    Raises:
        ValueError: If it is not.
    """
    if not value > 0:
        raise ValueError(f"{name} must be > 0, got {value!r}")


def check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    """Check that a hyper-parameter is one of the allowed words.

    Raises:
        ValueError: If it is not.
    """
    if value not in allowed:
        raise ValueError(f"{name} must be one of {allowed}, got {value!r}")
