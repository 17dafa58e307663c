"""What deferring to a human is worth: closed forms and quadrature of the off-switch game.

A robot believes that the utility U of its act is normal, with mean m and standard deviation s. It
may act (U), switch itself off (0), or wait for a human who knows U and allows the act or presses
the button (0). A rational human allows iff U >= 0; a noisy one with probability
1 / (1 + exp(-U / beta)).

Facts: with a rational human waiting is never worse. With a noisy one the incentive to wait is even
in m, and positive iff ``|m| < s^2 / (2 beta)``; at that point the human's mistakes cost exactly
what the human's knowledge brings.

Source: The Off-Switch Game (Hadfield-Menell, Dragan, Abbeel, Russell, 2017), theorem 1 and section
on irrational humans. The point where the incentive vanishes is derived here: with m beta = s^2 / 2
what is lost, U times the odds of a wrong press times the density, is odd in U.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.types import Float

ACT, OFF, WAIT, LOOK = range(4)
"""What the robot may do; to look for another signal is no part of the one-shot game."""
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
_TAILS = 10.0
"""Standard deviations beyond which a normal density is 0 to double precision."""
_SURE = 40.0
"""In betas: the human errs with probability exp(-40) there."""
_erfc: Any = np.frompyfunc(math.erfc, 1, 1)


def check_belief(sigma: float, beta: float) -> None:
    """Look at the parameters of the game.

    Raises:
        ValueError: If one is negative or not finite.
    """
    for name, value in (("sigma", sigma), ("beta", beta)):
        if not 0.0 <= value < math.inf:
            raise ValueError(f"{name} must be finite and >= 0, got {value}")


def allowed(utility: npt.ArrayLike, beta: float) -> Float:
    """Return the probability that the human allows an act.

    Args:
        utility: Of the act, known to the human.
        beta: How noisy the human is, in units of utility; 0 for a rational one.

    >>> allowed([-1.0, 0.0, 1.0], 0.0).tolist()
    [0.0, 1.0, 1.0]
    """
    known = np.asarray(utility, np.float64)
    if beta == 0.0:
        return (known >= 0.0).astype(np.float64)
    odds = np.exp(-np.abs(known) / beta)  # never overflows
    chance: Float = np.where(known >= 0.0, 1.0, odds) / (1.0 + odds)
    return chance


def positive_part(mean: npt.ArrayLike, sigma: npt.ArrayLike) -> Float:
    """Return E[max(U, 0)] for a normal U: what waiting for a rational human is worth.

    >>> positive_part(0.0, 1.0).round(6).item()
    0.398942
    """
    m, s = np.broadcast_arrays(np.asarray(mean, np.float64), np.asarray(sigma, np.float64))
    z = np.divide(m, s, out=np.where(m >= 0, np.inf, -np.inf), where=s > 0)
    tail = 0.5 * np.asarray(_erfc(-z / math.sqrt(2.0)), np.float64)
    density = np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    value: Float = m * tail + s * density
    return value


def value_of_waiting(mean: npt.ArrayLike, sigma: float, beta: float = 0.0) -> Float:
    """Return E[U P(allowed | U)], to about 1e-12 (times the larger of sigma and the mean's size).

    Args:
        mean: Of the robot's belief, any shape.
        sigma: Its standard deviation, >= 0.
        beta: How noisy the human is, >= 0.

    Raises:
        ValueError: If sigma or beta is negative or not finite.

    >>> value_of_waiting(1.0, 1.0, beta=0.5).round(9).item()
    1.0
    """
    check_belief(sigma, beta)
    m = np.asarray(mean, np.float64)
    if sigma == 0.0:
        return np.asarray(m * allowed(m, beta))
    if beta == 0.0:
        return positive_part(m, sigma)
    return np.asarray(positive_part(m, sigma) - _mistakes(m, sigma, beta))


def incentive(mean: npt.ArrayLike, sigma: float, beta: float = 0.0) -> Float:
    """Return what waiting is worth more than the better of acting and switching off.

    Arguments and errors are those of :func:`value_of_waiting`.

    >>> incentive([0.0, 1.0], 1.0).round(6).tolist()
    [0.398942, 0.083315]
    """
    gain: Float = value_of_waiting(mean, sigma, beta) - np.maximum(np.asarray(mean), 0.0)
    return gain


def values(mean: npt.ArrayLike, sigma: float, beta: float = 0.0) -> Float:
    """Return what acting, switching off and waiting are worth, (..., 3).

    Arguments and errors are those of :func:`value_of_waiting`.
    """
    m = np.asarray(mean, np.float64)
    return np.stack([m, np.zeros_like(m), value_of_waiting(m, sigma, beta)], axis=-1)


def best_choice(mean: npt.ArrayLike, sigma: float, beta: float = 0.0) -> npt.NDArray[np.int64]:
    """Return the Bayes-optimal choice: ``WAIT`` within ``s^2 / (2 beta)`` of 0, else the obvious.

    Arguments and errors are those of :func:`value_of_waiting`.

    >>> best_choice([-2.0, 0.5, 2.0], 1.0, beta=0.5).tolist()
    [1, 2, 0]
    """
    check_belief(sigma, beta)
    m = np.asarray(mean, np.float64)
    sure = np.where(m > 0.0, ACT, OFF)
    near = np.full(m.shape, sigma > 0.0) if beta == 0.0 else np.abs(m) < sigma**2 / (2.0 * beta)
    return np.where(near, WAIT, sure).astype(np.int64)


def _mistakes(m: Float, sigma: float, beta: float) -> Float:
    """Return E[|U| P(the human errs | U)] for every mean.

    Panels are twice as wide as the narrower of the two bells in the integrand, over the part of the
    line where neither vanishes, so that 16 nodes each leave an error near rounding.
    """
    loss = np.zeros(m.shape)
    centre = np.abs(m)
    low = np.maximum(centre - _TAILS * sigma, 0.0)
    high = np.minimum(centre + _TAILS * sigma, _SURE * beta)
    some = high > low
    if not some.any():
        return loss
    width = high[some] - low[some]
    panels = math.ceil(float(width.max()) / (2.0 * min(sigma, beta)))
    edges = np.arange(panels) / panels
    share = ((edges[:, None] + 0.5 / panels) + _NODES * 0.5 / panels).ravel()
    weight = np.tile(_WEIGHTS * 0.5 / panels, panels)
    u = low[some][:, None] + width[:, None] * share
    bells = sum(
        np.exp(-0.5 * ((u - sign * centre[some][:, None]) / sigma) ** 2) for sign in (1, -1)
    )
    inside = u / (1.0 + np.exp(u / beta)) * bells / (sigma * math.sqrt(2.0 * math.pi))
    loss[some] = width * (inside * weight).sum(axis=1)
    return loss
