"""When to look again, and when to decide: the off-switch game with signals, solved.

Before it decides, the robot may look up to n times. A look costs c and shows U plus normal noise,
so the belief stays normal: its variance falls by rule, its mean takes a normal step. Backward
induction over the number of looks gives what every choice is worth at every mean.

With V the value, V - m / 2 is even in m and has no kink at 0, and the mean of m / 2 does not change
by looking; so that is what is tabulated. Expectations are sums over the table's own points, whose
spacing makes the values good to 1e-5 standard deviations of the first belief.
"""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np
import numpy.typing as npt

from operant.envs.off_switch.deference import ACT, LOOK, OFF, WAIT, value_of_waiting
from operant.types import Float, Int

REACH = 10.0
"""Standard deviations of the first belief that the table covers to each side."""
_FINEST = 40_000
"""Points to each side at most."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LookingPlan:
    """What every choice is worth after k looks, at every mean of the belief.

    Attributes:
        sigmas: (n + 1,) standard deviations of the belief after k looks.
        means: (G,) the table's means, ascending and even.
        table: (n + 1, 4, G) values of the four choices minus half the mean; 0 for looking when all
            looks are used up.
    """

    sigmas: Float
    means: Float
    table: Float

    def values(self, mean: npt.ArrayLike, looks: npt.ArrayLike = 0) -> Float:
        """Return what acting, switching off, waiting and looking are worth, (..., 4).

        Args:
            mean: Of the belief, any shape.
            looks: Looks so far, 0 .. n, of the same shape or one for all.
        """
        m, k = np.broadcast_arrays(np.asarray(mean, np.float64), np.asarray(looks, np.int64))
        edge, step = self.means[-1], self.means[1] - self.means[0]
        inside = np.minimum(np.maximum(m, -edge), edge)
        place = (inside + edge) / step
        left = np.minimum(place.astype(np.int64), len(self.means) - 2)
        share = (place - left)[..., None]
        below, above = self.table[k, :, left], self.table[k, :, left + 1]
        beyond = 0.5 * np.abs(m - inside) + 0.5 * m
        worth: Float = below + share * (above - below) + beyond[..., None]
        worth[..., ACT], worth[..., OFF] = m, 0.0
        worth[k == len(self.sigmas) - 1, LOOK] = -np.inf
        return worth

    def best(self, mean: npt.ArrayLike, looks: npt.ArrayLike = 0) -> Int:
        """Return the Bayes-optimal choices; see :meth:`values`."""
        best: Int = self.values(mean, looks).argmax(axis=-1)
        return best


def belief_sigmas(sigma: float, noise: float, looks: int) -> Float:
    """Return the standard deviation of the belief after 0 .. looks looks.

    Args:
        sigma: Before the first.
        noise: Standard deviation of a signal's error, > 0.
        looks: n >= 0.
    """
    if sigma == 0.0:
        return np.zeros(looks + 1)
    return 1.0 / np.sqrt(1.0 / sigma**2 + np.arange(looks + 1) / noise**2)


@functools.lru_cache(maxsize=64)
def looking_plan(
    *, sigma: float, beta: float, noise: float, cost: float, looks: int
) -> LookingPlan:
    """Solve the game.

    Args:
        sigma: Standard deviation of the first belief, > 0.
        beta: How noisy the human is; 0 for a rational one.
        noise: Standard deviation of a signal's error, > 0.
        cost: Of a look.
        looks: Most looks n >= 0.
    """
    sigmas = belief_sigmas(sigma, noise, looks)
    jumps = np.sqrt(np.maximum(sigmas[:-1] ** 2 - sigmas[1:] ** 2, 0.0))
    finest = min([sigma / 100.0, *(jumps / 12.0)])
    half = min(math.ceil(REACH * sigma / finest), _FINEST)
    step = REACH * sigma / half
    means = np.arange(-half, half + 1) * step
    table = np.empty((looks + 1, 4, len(means)))
    for look in range(looks, -1, -1):
        table[look, 0], table[look, 1] = 0.5 * means, -0.5 * means
        right = value_of_waiting(means[half:], float(sigmas[look]), beta) - 0.5 * means[half:]
        table[look, WAIT] = np.concatenate([right[:0:-1], right])
        table[look, LOOK] = 0.0
        if look < looks:
            choices = table[look + 1] if look + 1 < looks else table[look + 1, :LOOK]
            after = choices.max(axis=0)
            table[look, LOOK] = _expected(after, means, float(jumps[look]), step) - cost
    return LookingPlan(sigmas=sigmas, means=means, table=table)


def _expected(even: Float, means: Float, jump: float, step: float) -> Float:
    """Return the mean of a function after a normal jump; beyond the table it is |m| / 2."""
    width = math.ceil(8.0 * jump / step)
    bell = np.exp(-0.5 * (np.arange(-width, width + 1) * step / jump) ** 2)
    bell /= bell.sum()
    outer = 0.5 * (means[-1] + step * np.arange(1, width + 1))
    wide = np.concatenate([outer[::-1], even, outer])
    return np.convolve(wide, bell, mode="valid")
