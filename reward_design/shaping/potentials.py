"""Potentials by name: functions of a state's features, larger where the state is better.

A potential is a class in :data:`POTENTIALS`: ``reads`` names its features, the constructor takes
the env's feature table (for ranges) and the agent's discount, and a call maps features to (B,)
float64. A new one is a class and one entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Protocol

import numpy as np

from operant.types import Feature, Features, Float


class Potential(Protocol):
    """What a named potential looks like."""

    reads: ClassVar[tuple[str, ...]]

    def __init__(self, table: Mapping[str, Feature], gamma: float) -> None:
        """Take the feature table, name -> feature, and the discount in [0, 1]."""

    def __call__(self, features: Features) -> Float:
        """Return the potential of B states, (B,) float64."""


class SubgoalDistance:
    """Progress in [0, 1]: subgoals reached, plus the share of the way to the next one.

    ``(subgoal + 1 - steps_to_subgoal / longest) / num_subgoals``: along an optimal solution it
    never falls, and undoing a subgoal (dropping the key) gives back what reaching it gained.
    """

    reads: ClassVar[tuple[str, ...]] = ("subgoal", "steps_to_subgoal")

    def __init__(self, table: Mapping[str, Feature], gamma: float) -> None:  # noqa: ARG002
        """Read the number of subgoals and the longest way from the feature table."""
        self._num_subgoals = table["subgoal"].high - table["subgoal"].low + 1
        self._longest = table["steps_to_subgoal"].high

    def __call__(self, features: Features) -> Float:
        """Return the progress of B states, (B,) float64 in [0, 1]."""
        subgoal = np.asarray(features["subgoal"], np.float64)
        steps = np.asarray(features["steps_to_subgoal"], np.float64)
        # The clip keeps subgoal k+1 above subgoal k even if the table's range is too small.
        way = np.clip(steps / self._longest, 0.0, 1.0)
        progress: Float = (subgoal + 1.0 - way) / self._num_subgoals
        return progress


class Optimal:
    """The optimal value of a deterministic world that pays 1 for success: ``gamma ** (steps - 1)``.

    0 where success is impossible or already there. Shaped by it, an optimal action earns exactly 0
    and every other one less, so the greedy policy of the designed reward alone is optimal. Needs an
    env made with ``optimum=True``.

    Source: Policy invariance under reward transformations (Ng, Harada, Russell, 1999), section 4.
    """

    reads: ClassVar[tuple[str, ...]] = ("steps_to_success",)

    def __init__(self, table: Mapping[str, Feature], gamma: float) -> None:
        """Read from the feature table what stands for "impossible"."""
        self._never, self._gamma = table["steps_to_success"].high, gamma

    def __call__(self, features: Features) -> Float:
        """Return the value of B states, (B,) float64 in [0, 1]."""
        steps = np.asarray(features["steps_to_success"], np.float64)
        value: Float = self._gamma ** np.maximum(steps - 1.0, 0.0)
        return np.where((steps > 0) & (steps < self._never), value, 0.0)


POTENTIALS: dict[str, type[Potential]] = {
    "subgoal_distance": SubgoalDistance,
    "optimal": Optimal,
}
