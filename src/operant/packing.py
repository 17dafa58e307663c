"""Packing linear programs, many small ones at once: what to do how often under scarce resources.

They are the benchmark of bandits with knapsacks, and what optimistic algorithms solve every round.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from operant.types import Float, Int

_TINY = 1e-11
"""Gains and pivots below this count as zero."""
_DANTZIG = 100
"""Pivots by the largest gain; then by the lowest index (Bland), which cannot cycle."""


def packing_lp(values: Float, costs: Float, limits: Float) -> tuple[Float, Float]:
    """Maximise ``sum_a p_a v_a`` with ``p >= 0``, ``sum_a p_a <= 1``, ``sum_a p_a c_aj <= b_j``.

    N programs are solved in lockstep by the simplex method from ``p = 0``, each as if alone.

    Args:
        values: (N, K) v.
        costs: (N, K, D) c.
        limits: (N, D) b >= 0.

    Returns:
        (N,) optimal values, and (N, K) optimal shares p.

    Raises:
        ValueError: If shapes do not fit, a number is not finite, or a limit is negative.

    Source: The Simplex Method (Dantzig, 1951); New Finite Pivoting Rules (Bland, 1977).

    >>> best, shares = packing_lp(np.array([[1.0, 0.4]]), np.array([[[1.0], [0.0]]]),
    ...                           np.array([[0.25]]))
    >>> best.round(3).tolist(), shares.round(3).tolist()
    ([0.55], [[0.25, 0.75]])
    """
    num, arms = values.shape
    resources = costs.shape[-1]
    if costs.shape != (num, arms, resources) or limits.shape != (num, resources):
        raise ValueError(
            f"values (N, K), costs (N, K, D) and limits (N, D) must fit, got {values.shape}, "
            f"{costs.shape} and {limits.shape}"
        )
    if not (np.isfinite(values).all() and np.isfinite(costs).all() and np.isfinite(limits).all()):
        raise ValueError("values, costs and limits must be finite numbers")
    if (limits < 0).any():
        raise ValueError(f"limits must be >= 0, got {limits.min()}")
    table, basis = _tableau(values, costs, limits)
    pivots = 0
    while True:
        rows = np.flatnonzero((table[:, -1, :-1] > _TINY).any(1))
        if not len(rows):
            break
        _pivot(table, basis, rows, bland=pivots >= _DANTZIG)
        pivots += 1
    shares = np.zeros((num, arms + resources + 1))
    np.put_along_axis(shares, basis, table[:, :-1, -1], 1)
    return -table[:, -1, -1], np.maximum(shares[:, :arms], 0.0)


def _tableau(values: Float, costs: Float, limits: Float) -> tuple[Float, Int]:
    """Return (N, D + 2, K + D + 2) tableaus, objectives last, and (N, D + 1) basic variables."""
    num, arms = values.shape
    rows = costs.shape[-1] + 1
    table = np.zeros((num, rows + 1, arms + rows + 1))
    table[:, 0, :arms], table[:, 0, -1] = 1.0, 1.0
    table[:, 1:rows, :arms], table[:, 1:rows, -1] = np.swapaxes(costs, 1, 2), limits
    table[:, :rows, arms : arms + rows] = np.eye(rows)
    table[:, -1, :arms] = values
    return table, np.tile(np.arange(arms, arms + rows), (num, 1))


def _pivot(table: Float, basis: Int, rows: Int, *, bland: bool) -> None:
    """Do one step of the simplex method in some programs."""
    some = table[rows]
    each = np.arange(len(rows))
    gains = some[:, -1, :-1]
    enters = (gains > _TINY).argmax(1) if bland else gains.argmax(1)
    column = some[each, :, enters]
    steps = column[:, :-1]
    ratios = np.where(steps > _TINY, some[:, :-1, -1] / np.maximum(steps, _TINY), np.inf)
    leaves: npt.NDArray[np.int64] = ratios.argmin(1)
    if bland:
        tied = ratios <= ratios.min(1, keepdims=True)
        leaves = np.where(tied, basis[rows], table.shape[2]).argmin(1)
    pivot = some[each, leaves] / column[each, leaves][:, None]
    some -= column[:, :, None] * pivot[:, None, :]
    some[each, leaves] = pivot
    table[rows] = some
    basis[rows, leaves] = enters
