"""A bandit as a picture: bars for what arms pay and for how often they were chosen."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from operant.types import Float

_HEIGHT, _WIDTH = 160, 320
_GROUND, _BAR, _SHARE, _LAST = (250, 250, 252), (196, 202, 212), (46, 120, 200), (226, 120, 40)


def draw_arms(means: Float, share: Float | None, last: float) -> npt.NDArray[np.uint8]:
    """Return a picture, (160, 320, 3) uint8.

    Args:
        means: (K,) what arms pay on average; shown between the smallest and the largest of these
            and of 0 and 1.
        share: (K,) shares of the rounds in which each was chosen; None for points of [0, 1], of
            which ``means`` are K equally spaced ones.
        last: Last arm or point; negative for none.
    """
    image = np.full((_HEIGHT, _WIDTH, 3), _GROUND, np.uint8)
    low, high = min(0.0, float(means.min())), max(1.0, float(means.max()))
    arms = len(means)
    edges = np.linspace(0, _WIDTH, arms + 1).astype(int)
    gap = 2 if arms <= _WIDTH // 8 else 0
    tops = _rows((means - low) / (high - low))
    for arm in range(arms):
        left, right = edges[arm] + gap, max(edges[arm] + gap + 1, edges[arm + 1] - gap)
        image[tops[arm] :, left:right] = _BAR
        if share is not None:
            middle = (left + right) // 2
            image[_rows(share)[arm] :, middle - 2 : middle + 3] = _SHARE
    if last >= 0:
        at = last if share is None else (last + 0.5) / arms
        middle = min(_WIDTH - 3, max(2, round(at * _WIDTH)))
        image[:6, middle - 2 : middle + 3] = _LAST
    return image


def _rows(heights: Float) -> npt.NDArray[np.int64]:
    rows: npt.NDArray[np.int64] = (8 + (1 - heights) * (_HEIGHT - 8)).astype(np.int64)
    return rows
