"""The Pearson distance of random variables, the last step of EPIC and DARD."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from operant.types import Float

_TRIVIAL = 1e-10
"""A spread this small is rounding: what varies was computed from numbers of size 1."""


def pearson_matrix(variables: Sequence[Float], weights: Float | float = 1.0) -> Float:
    """Return ``sqrt((1 - correlation) / 2)`` of K random variables, (K, K) in [0, 1].

    0 means positively proportional up to a constant, 1 negatively. Without any spread there is no
    correlation; such a variable lies at 1/2 from every other that has some.

    Args:
        variables: Arrays of one shape, one entry per outcome; computed from numbers up to 1 (see
            :func:`~operant.reward_design.metrics.rewards.unit_size`), or rounding passes for them.
        weights: Probability of each outcome up to a factor, broadcast to that shape.
    """
    unit = [_unit(values, np.broadcast_to(weights, values.shape)) for values in variables]
    # Half the distance of the unit vectors: the same number, without the rounding of 1 - 1.
    return np.array([[0.5 * np.sqrt(((x - y) ** 2).sum()) for x in unit] for y in unit])


def _unit(values: Float, weights: Float) -> Float:
    weights = weights / weights.sum()
    centred = np.sqrt(weights) * (values - (weights * values).sum())
    spread = np.sqrt((centred**2).sum())
    if spread <= _TRIVIAL:
        return np.zeros_like(centred)
    unit: Float = centred / spread
    return unit
