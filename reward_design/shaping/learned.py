"""Potentials that are values: of an abstraction learned on the way, or of an earlier solution."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.reward_design.base import OnTruncation
from operant.reward_design.shaping.abstraction import Cells
from operant.reward_design.shaping.dynamic import DynamicPotentialShaping
from operant.reward_design.shaping.potential import PotentialShaping
from operant.reward_design.shaping.potentials import Phi, Recipe
from operant.types import Feature, Features, Float, RewardTerms, Transition

Values = Mapping[tuple[float, ...], float] | Sequence[tuple[Sequence[float], float]]
"""Feature tuple -> value, as a mapping or as pairs (which JSON can hold)."""


class LearnedPotential(DynamicPotentialShaping):
    """Shaping by the value of an abstraction, learned from the transitions by TD(0).

    Terms: ``env``, ``shaping``. Where several rows share a cell, its value moves as far as by as
    many single updates towards their mean target.

    Source: Online learning of shaping rewards in reinforcement learning (Grzes, Kudenko, 2010),
    with the cache of dynamic shaping.
    """

    def __init__(
        self,
        *,
        features: Sequence[str],
        learning_rate: float = 0.1,
        bins: int = 10,
        privileged: bool = False,
        scale: float = 1.0,
        on_truncation: OnTruncation = "bootstrap",
        gamma: float | None = None,
    ) -> None:
        """Choose the abstraction.

        Args:
            features: Names of the features that make up an abstract state.
            learning_rate: Share of the TD error by which one transition moves a value, in (0, 1].
            bins: Equal parts into which the range of a float feature is cut, >= 1.
            privileged: True acknowledges that the agent cannot observe some of the features.
            scale: Factor of the value, finite.
            on_truncation: ``"bootstrap"`` or ``"terminal"``, see :class:`PotentialShaping`.
            gamma: Discount in [0, 1], or None to follow the agent.

        Raises:
            ValueError: If an argument is outside its range.
        """
        if not 0.0 < learning_rate <= 1.0:
            raise ValueError(f"learning_rate must lie in (0, 1], got {learning_rate}")
        if bins < 1:
            raise ValueError(f"bins must be >= 1, got {bins}")
        self._learning_rate, self._bins = learning_rate, bins
        super().__init__(
            potential=Recipe(reads=_names(features), bind=self._bind),
            privileged=privileged,
            scale=scale,
            on_truncation=on_truncation,
            gamma=gamma,
        )

    def _bind(self, table: Mapping[str, Feature], gamma: float) -> Phi:  # noqa: ARG002
        self._cells = Cells(self.required_features(), table, bins=self._bins)
        self._values = np.zeros(self._cells.size)
        return self._learned

    def _learned(self, features: Features) -> Float:
        return np.asarray(self._values[self._cells(features)])

    def step(self, t: Transition) -> RewardTerms:
        """Return the true reward plus the difference, and learn from the true reward."""
        terms = super().step(t)
        self._learn(t)
        return terms

    def _learn(self, t: Transition) -> None:
        following = self._values[self._cells(t.features)]
        target = t.reward + self.gamma * np.where(t.terminated, 0.0, following)
        cells, row, count = np.unique(
            self._cells(t.prev_features), return_inverse=True, return_counts=True
        )
        mean = np.bincount(row, weights=target, minlength=len(cells)) / count
        moved = 1.0 - (1.0 - self._learning_rate) ** count
        self._values[cells] += moved * (mean - self._values[cells])

    def state_dict(self) -> dict[str, npt.NDArray[Any]]:
        """Return the learned values, one per cell, and the state of the cache."""
        return {**super().state_dict(), "values": self._values.copy()}

    def load_state_dict(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`state_dict` returned; call after :meth:`setup`."""
        super().load_state_dict(state)
        self._values[:] = state["values"]


class ValuePotential(PotentialShaping):
    """Shaping by a given table of values: of an abstract MDP, or of an earlier policy.

    Terms: ``env``, ``shaping``. An env that enumerates itself gives a
    table by :func:`~operant.reward_design.shaping.abstraction.values_of`.

    Source: Policy invariance under reward transformations (Ng, Harada, Russell, 1999), section 4.
    """

    def __init__(
        self,
        *,
        features: Sequence[str],
        values: Values,
        default: float = 0.0,
        privileged: bool = False,
        scale: float = 1.0,
        on_truncation: OnTruncation = "bootstrap",
        gamma: float | None = None,
    ) -> None:
        """Store the table.

        Args:
            features: Names of the features, flags or integers, that make up a key.
            values: Key -> value: a mapping from tuples, or pairs ``[[key], value]``.
            default: Value of keys that are not listed, finite.
            privileged: True acknowledges that the agent cannot observe some of the features.
            scale: Factor of the values, finite.
            on_truncation: ``"bootstrap"`` or ``"terminal"``, see :class:`PotentialShaping`.
            gamma: Discount in [0, 1], or None to follow the agent.

        Raises:
            ValueError: If an argument is outside its range, or a key is not one number per feature.
        """
        names = _names(features)
        if not math.isfinite(default):
            raise ValueError(f"default must be finite, got {default}")
        self._default, self._entries = default, _entries(values, len(names))
        super().__init__(
            potential=Recipe(reads=names, bind=self._bind),
            privileged=privileged,
            scale=scale,
            on_truncation=on_truncation,
            gamma=gamma,
        )

    def _bind(self, table: Mapping[str, Feature], gamma: float) -> Phi:  # noqa: ARG002
        names = self.required_features()
        cells, filled = Cells(names, table), {}
        for key, value in self._entries.items():
            for name, part in zip(names, key, strict=True):
                low, high = table[name].low, table[name].high
                if not (low <= part <= high and part == round(part)):
                    raise ValueError(
                        f"values: key {key} has {name}={part:g}, which must be an integer in "
                        f"[{low:g}, {high:g}]"
                    )
            filled[int(cells(dict(zip(names, map(np.asarray, key), strict=True))))] = value
        known = np.full(cells.size, self._default)
        known[list(filled)] = list(filled.values())
        return functools.partial(_look_up, known, cells)


def _look_up(known: Float, cells: Cells, features: Features) -> Float:
    return np.asarray(known[cells(features)])


def _names(features: Sequence[str]) -> tuple[str, ...]:
    if isinstance(features, str) or not features:
        raise ValueError(f"features must be a non-empty list of names, got {features!r}")
    return tuple(features)


def _entries(values: Values, width: int) -> dict[tuple[float, ...], float]:
    pairs: list[Any] = list(values.items() if isinstance(values, Mapping) else values)
    for pair in pairs:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2 or isinstance(pair[0], str):
            raise ValueError(
                "values must be pairs [[numbers], value], or a mapping from tuples of numbers "
                f"(JSON's objects have text keys), got {pair!r}"
            )
    entries = {tuple(map(float, key)): float(value) for key, value in pairs}
    for key, value in entries.items():
        if len(key) != width or not math.isfinite(value):
            raise ValueError(
                f"values must map {width} numbers each to a finite one, got {key} -> {value}"
            )
    return entries
