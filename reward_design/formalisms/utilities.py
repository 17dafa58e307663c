"""Utilities by name: what an episode is worth, as a function of its return.

A utility is a function of (B, K) returns, one column per reward term, to (B,) worths. The first
five take the sum of the terms; ``minimum`` and ``nash`` compare them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from operant.types import Float

Utility = Callable[[Float], Float]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class UtilityKind:
    """A utility by name, with its parameter.

    Attributes:
        function: Returns (B, K) and the parameter -> (B,).
        default: The parameter if none is given; None if it takes none.
        allowed: Tells whether a parameter is in the range.
        range: That range in words.
    """

    function: Callable[[Float, float], Float]
    default: float | None = None
    allowed: Callable[[float], bool] = np.isfinite
    range: str = "finite"


def _cap(returns: Float, parameter: float) -> Float:
    worth: Float = np.minimum(returns.sum(axis=1), parameter)
    return worth


def _threshold(returns: Float, parameter: float) -> Float:
    return np.where(returns.sum(axis=1) >= parameter, 1.0, 0.0)


def _exponential(returns: Float, parameter: float) -> Float:
    worth: Float = -np.expm1(-parameter * returns.sum(axis=1)) / parameter
    return worth


def _power(returns: Float, parameter: float) -> Float:
    total = returns.sum(axis=1)
    worth: Float = np.sign(total) * np.abs(total) ** parameter
    return worth


def _nash(returns: Float) -> Float:
    worth: Float = np.prod(np.maximum(returns, 0.0) ** (1.0 / returns.shape[1]), axis=1)
    return worth


def _is_positive(parameter: float) -> bool:
    return bool(0.0 < parameter < np.inf)


def _is_rate(parameter: float) -> bool:
    return bool(np.isfinite(parameter)) and parameter != 0.0


UTILITIES: dict[str, UtilityKind] = {
    "linear": UtilityKind(function=lambda returns, _: returns.sum(axis=1)),
    "cap": UtilityKind(function=_cap, default=1.0),
    "threshold": UtilityKind(function=_threshold, default=1.0),
    "exponential": UtilityKind(
        function=_exponential, default=1.0, allowed=_is_rate, range="finite and not 0"
    ),
    "power": UtilityKind(
        function=_power, default=0.5, allowed=_is_positive, range="finite and > 0"
    ),
    "minimum": UtilityKind(function=lambda returns, _: returns.min(axis=1)),
    "nash": UtilityKind(function=lambda returns, _: _nash(returns)),
}
"""``linear`` G; ``cap`` min(G, c); ``threshold`` 1 if G >= c else 0; ``exponential``
(1 - exp(-a G)) / a, averse to risk for a > 0 and fond of it for a < 0; ``power`` sign(G) abs(G)^p;
``minimum`` the smallest term; ``nash`` the geometric mean of the terms, negative ones as 0."""


def named_utility(name: str, parameter: float | None) -> Utility:
    """Return a utility by name.

    Args:
        name: A key of :data:`UTILITIES`.
        parameter: Its parameter (c, a or p above), or None for its default.

    Raises:
        ValueError: If it takes no parameter, or another range of it.
    """
    kind = UTILITIES[name]
    if kind.default is None and parameter is not None:
        raise ValueError(f"utility {name!r} takes no parameter, got {parameter}")
    value = 0.0 if kind.default is None else kind.default if parameter is None else parameter
    if not kind.allowed(value):
        raise ValueError(f"parameter of {name!r} must be {kind.range}, got {parameter}")
    return lambda returns: kind.function(returns, value)
