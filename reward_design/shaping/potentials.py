"""Potentials by name: functions of a state's features, larger where the state is better.

A potential is a class in :data:`POTENTIALS`: ``reads`` names its features, the constructor takes
the env's feature table (for ranges), and a call maps features to (B,) float64. A new one is a class
and one entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Protocol

import numpy as np

from operant.types import Feature, Features, Float


class Potential(Protocol):
    """What a named potential looks like."""

    reads: ClassVar[tuple[str, ...]]

    def __init__(self, table: Mapping[str, Feature]) -> None:
        """Take the feature table, name -> feature."""

    def __call__(self, features: Features) -> Float:
        """Return the potential of B states, (B,) float64."""


class SubgoalDistance:
    """Progress in [0, 1]: subgoals reached, plus the share of the way to the next one.

    ``(subgoal + 1 - steps_to_subgoal / longest) / num_subgoals``: along an optimal solution it
    never falls, and undoing a subgoal (dropping the key) gives back what reaching it gained.
    """

    reads: ClassVar[tuple[str, ...]] = ("subgoal", "steps_to_subgoal")

    def __init__(self, table: Mapping[str, Feature]) -> None:
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


POTENTIALS: dict[str, type[Potential]] = {"subgoal_distance": SubgoalDistance}
