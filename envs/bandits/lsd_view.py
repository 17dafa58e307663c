"""Pictures of LSD bandits: a column per arm, up for rest, down for a run."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_CELL = 12
_REST, _RUN, _LAST, _GROUND = (70, 150, 90), (200, 90, 60), (250, 210, 80), (245, 245, 245)


def lsd_frame(taus: npt.NDArray[np.int64], D: int, S: int, last: int) -> npt.NDArray[np.uint8]:
    """Draw the counters of one row.

    Args:
        taus: (K,) counters.
        D: Longest rest.
        S: Longest run.
        last: The arm played last, which is marked; anything else for none.

    Returns:
        (H, W, 3) uint8.
    """
    up, down = _heights(D, S)
    width = len(taus) * 2 + 1
    cells = np.full((up + down + 3, width, 3), _GROUND, np.uint8)
    for arm, tau in enumerate(taus.tolist()):
        column, base = 2 * arm + 1, up + 1
        if tau > 0:
            cells[base - _scaled(tau, D, up) : base, column] = _REST
        else:
            cells[base + 1 : base + 1 + _scaled(-tau, S, down), column] = _RUN
        cells[base, column] = _LAST if arm == last else (150, 150, 150)
    return cells.repeat(_CELL, axis=0).repeat(_CELL, axis=1)


def lsd_text(taus: npt.NDArray[np.int64], turn: int, last: str, total: float) -> str:
    """Describe one row in one line."""
    counters = " ".join(f"{tau:+d}" for tau in taus.tolist())
    return f"round {turn}: tau {counters}; last {last}; expected total {total:.3f}"


def _heights(D: int, S: int) -> tuple[int, int]:
    """Return rows of cells above and below the ground, at most 20 each."""
    return min(D, 20), min(S, 20)


def _scaled(value: int, most: int, cells: int) -> int:
    """Return at least one cell of so many."""
    return max(1, value * cells // most)
