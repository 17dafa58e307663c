"""Abstractions of states: those that agree in some features are alike."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from operant import planning
from operant.reward_design.shaping.potentials import require_scalars
from operant.tabular import TabularMDP
from operant.types import Feature, Features, Int

MAX_CELLS = 10_000_000
"""A table of values may have so many entries; more is refused."""


class Cells:
    """An abstraction: states are alike if they agree in the chosen features.

    Flags and integers count as they are, floats by the part of their range they lie in.
    """

    def __init__(
        self, features: Sequence[str], table: Mapping[str, Feature], *, bins: int = 0
    ) -> None:
        """Lay the cells out.

        Args:
            features: Names of the features.
            table: The env's feature table, for types and ranges.
            bins: Equal parts into which the range of a float is cut; 0 refuses floats.

        Raises:
            ValueError: If a feature is an array, has no finite range, or is a float although
                ``bins`` is 0; if there would be more than ``MAX_CELLS`` cells.
        """
        require_scalars(features, table)
        self._features = [table[name] for name in features]
        self._parts = tuple(_parts(feature, bins) for feature in self._features)
        self.size = math.prod(self._parts)
        if self.size > MAX_CELLS:
            raise ValueError(
                f"features {list(features)} have {self.size:,} combinations, at most "
                f"{MAX_CELLS:,} are allowed; use fewer, or coarser ones"
            )

    def __call__(self, features: Features) -> Int:
        """Return the cells of B states, (B,) int64 in [0, size)."""
        places = [
            _place(features[feature.name], feature, parts)
            for feature, parts in zip(self._features, self._parts, strict=True)
        ]
        return np.asarray(np.ravel_multi_index(tuple(places), self._parts), np.int64)


def _parts(feature: Feature, bins: int) -> int:
    """Return the number of different places of a feature."""
    if not math.isfinite(feature.high - feature.low):
        raise ValueError(
            f"feature {feature.name!r} has range [{feature.low}, {feature.high}]; a table needs a "
            "finite one"
        )
    if feature.dtype != "float":
        return round(feature.high - feature.low) + 1
    if bins < 1:
        raise ValueError(f"feature {feature.name!r} is a float; only flags and integers are keys")
    return bins


def _place(values: npt.NDArray[Any], feature: Feature, parts: int) -> Int:
    above = np.asarray(values, np.float64) - feature.low
    if feature.dtype == "float":
        place = np.floor(above / (feature.high - feature.low) * parts)
    else:
        place = np.rint(above)
    clipped: Int = np.clip(place, 0, parts - 1).astype(np.int64)  # the table may be too narrow
    return clipped


def values_of(
    mdp: TabularMDP, features: Sequence[str], *, gamma: float, policy: Int | None = None
) -> dict[tuple[float, ...], float]:
    """Return the values of an enumerated env by features, for :class:`ValuePotential`.

    Where several states share a key, the value is their mean: the value of the abstraction.

    Args:
        mdp: The env's ``unwrapped.tabular_mdp()``.
        features: Names of the features that make up a key.
        gamma: Discount, in [0, 1).
        policy: (S,) actions of an earlier policy, or None for an optimal one.

    Raises:
        ValueError: If ``gamma`` is outside its range or ``policy`` has the wrong shape.
    """
    if policy is None:
        values = planning.value_iteration(mdp, gamma=gamma).values
    else:
        values = planning.policy_evaluation(mdp, policy, gamma=gamma)
    columns = np.stack([np.asarray(mdp.features[name], np.float64) for name in features], axis=1)
    keys, row, count = np.unique(columns, axis=0, return_inverse=True, return_counts=True)
    means = np.bincount(row.ravel(), weights=values) / count
    return {tuple(key): float(mean) for key, mean in zip(keys.tolist(), means, strict=True)}
