"""Packing programs against scipy's solver and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linprog

from operant.packing import packing_lp


@pytest.mark.parametrize(("arms", "resources"), [(2, 1), (5, 1), (5, 3), (12, 4)])
def test_equal_to_scipy(arms: int, resources: int) -> None:
    rng = np.random.default_rng(arms)
    num = 30
    values, costs = rng.random((num, arms)), rng.random((num, arms, resources))
    costs[rng.random(costs.shape) < 0.2] = 0.0
    values[rng.random(values.shape) < 0.1] = 0.0
    limits = rng.random((num, resources)) * 0.6
    limits[0] = 0.0
    best, shares = packing_lp(values, costs, limits)
    for n in range(num):
        rows = np.vstack([costs[n].T, np.ones(arms)])
        judge = linprog(-values[n], A_ub=rows, b_ub=[*limits[n], 1.0])
        assert best[n] == pytest.approx(-judge.fun, abs=1e-9)
        assert values[n] @ shares[n] == pytest.approx(best[n], abs=1e-9)
        assert (rows @ shares[n] <= np.array([*limits[n], 1.0]) + 1e-9).all()
        assert (shares[n] >= 0).all()


def test_programs_in_a_batch_are_solved_as_if_alone() -> None:
    rng = np.random.default_rng(1)
    values, costs, limits = rng.random((9, 6)), rng.random((9, 6, 2)), rng.random((9, 2))
    best, shares = packing_lp(values, costs, limits)
    for n in range(9):
        alone = packing_lp(values[[n]], costs[[n]], limits[[n]])
        assert best[n] == alone[0][0]
        assert np.array_equal(shares[n], alone[1][0])


def test_degenerate_programs_end() -> None:
    # Beale's example of cycling, as a packing program with ties everywhere
    costs = np.tile(np.array([[0.25, 0.5], [0.5, 0.5], [0.5, 0.25]]), (4, 1, 1))
    best, shares = packing_lp(np.ones((4, 3)), costs, np.zeros((4, 2)))
    assert best.tolist() == [0.0] * 4
    assert not shares.any()
    assert packing_lp(np.zeros((1, 2)), np.ones((1, 2, 1)), np.ones((1, 1)))[0][0] == 0.0


def test_bad_input_is_named() -> None:
    one = np.ones((1, 1))
    with pytest.raises(ValueError, match="must fit, got"):
        packing_lp(np.ones((1, 2)), np.ones((1, 3, 1)), one)
    with pytest.raises(ValueError, match="limits must be >= 0"):
        packing_lp(one, np.ones((1, 1, 1)), -one)
    with pytest.raises(ValueError, match="finite"):
        packing_lp(one * np.nan, np.ones((1, 1, 1)), one)
