"""Statistics of columns of numbers, as pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from operant.types import Float

MOSTLY = 0.9
"""Share from which on something is called most of it."""
DUPLICATE = 0.999
"""Correlation, in magnitude, from which on two columns say the same."""


def is_constant(column: Float) -> bool:
    """Return whether numbers never vary, up to rounding."""
    return bool(np.ptp(column) <= 1e-9 * (1.0 + np.abs(column).max(initial=0.0)))


def correlation(one: Float, other: Float) -> float | None:
    """Return the Pearson correlation of two columns; None if one of them does not vary."""
    if len(one) < 2 or is_constant(one) or is_constant(other):
        return None
    left, right = one - one.mean(), other - other.mean()
    return float((left @ right) / np.sqrt((left @ left) * (right @ right)))


def saturated(column: Float) -> float:
    """Return the share of numbers within a hundredth of an end of their range.

    Flags and steps are at their ends by nature: what has fewer than 4 values counts as 0.
    """
    if len(np.unique(column)) < 4:
        return 0.0
    low, high = column.min(), column.max()
    near = 0.01 * (high - low)
    return float(((column <= low + near) | (column >= high - near)).mean())


def of_one(column: Float) -> dict[str, float]:
    """Return range, mean and spread."""
    return {
        "minimum": float(column.min()),
        "maximum": float(column.max()),
        "mean": float(column.mean()),
        "std": float(column.std()),
        "zero": float((column == 0.0).mean()),
    }


def of_columns(names: Sequence[str], values: Float) -> dict[str, dict[str, Any]]:
    """Return the same of each column, its share of the absolute sum, and if it is saturated.

    Args:
        names: Of the K columns.
        values: (N, K).
    """
    sizes = np.abs(values).sum(axis=0)
    shares = sizes / max(float(sizes.sum()), np.finfo(np.float64).tiny)
    return {
        name: {**of_one(column), "share": float(share), "saturated": saturated(column)}
        for name, column, share in zip(names, values.T, shares, strict=True)
    }


def duplicates(names: Sequence[str], values: Float) -> Iterator[tuple[str, str, float]]:
    """Yield pairs of columns that say the same, and their correlation."""
    for k, name in enumerate(names):
        for j in range(k):
            r = correlation(values[:, j], values[:, k])
            if r is not None and abs(r) >= DUPLICATE:
                yield names[j], name, r
