"""A continuum of arms as a grid: UCB1 on points that are as near as the horizon allows to learn."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from operant.agents.bandits.agent import BanditAgent, BanditConfig
from operant.agents.bandits.ucb1 import UCB1
from operant.agents.bandits.view import HistoryView
from operant.agents.base import Array, check_range
from operant.types import Float, Int


@dataclasses.dataclass(frozen=True, kw_only=True)
class LipschitzConfig(BanditConfig):
    """Settings of algorithms for the points of [0, 1].

    Attributes:
        slope: L, by which means may change per unit of distance, > 0.
    """

    slope: float = 1.0

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: If a value is out of range.
        """
        super().__post_init__()
        check_range("slope", self.slope, 1e-3)


def grid(count: int) -> Float:
    """Return the middles of equal parts of [0, 1].

    >>> grid(4).tolist()
    [0.125, 0.375, 0.625, 0.875]
    """
    points: Float = (np.arange(count) + 0.5) / count
    return points


def point_actions(points: Float) -> Array:
    """Return the actions in [-1, 1], (N, 1), that stand for points of [0, 1], (N,).

    >>> point_actions(grid(2)).tolist()
    [[-0.5], [0.5]]
    """
    actions: Array = 2 * points[:, None] - 1
    return actions


class UniformGrid(UCB1):
    """UCB1 on points ``eps = (ln T / (L^2 T))^(1/3)`` apart: regret O(T^(2/3) (L ln T)^(1/3)).

    Source: Introduction to Multi-Armed Bandits (Slivkins, 2019), theorem 4.1.

    Attributes:
        points: (K,) the grid.
    """

    def __init__(self, *, horizon: int, slope: float = 1.0) -> None:
        """Take T rounds and the constant L."""
        apart = (math.log(horizon) / (slope**2 * horizon)) ** (1 / 3)
        self.points = grid(max(2, math.ceil(1 / apart)))
        super().__init__(len(self.points))

    def actions(self, choices: Int) -> Array:
        """Return the actions, (N, 1), that stand for the points that were chosen."""
        return point_actions(self.points[choices])


class PointAgent(BanditAgent):
    """What agents for the points of [0, 1] have in common."""

    config_class: ClassVar[type[LipschitzConfig]] = LipschitzConfig

    @classmethod
    def view(cls, observation_space: gym.Space[Any], action_space: gym.Space[Any]) -> HistoryView:
        """Return what reads observations.

        Raises:
            ValueError: If actions are not the points of [0, 1].
        """
        if not (
            isinstance(action_space, spaces.Box)
            and action_space.shape == (1,)
            and action_space.low[0] == -1
            and action_space.high[0] == 1
        ):
            raise ValueError(
                f"the action space of {cls.id} must be Box(-1, 1, (1,)), got {action_space}"
            )
        return HistoryView(observation_space, action_space)


class UniformGridAgent(PointAgent):
    """:class:`UniformGrid` with the interface of an agent."""

    id: ClassVar[str] = "uniform-grid"

    @classmethod
    def algorithm(cls, config: LipschitzConfig, view: HistoryView) -> UniformGrid:  # noqa: ARG003
        """Return the algorithm."""
        return UniformGrid(horizon=config.horizon, slope=config.slope)
