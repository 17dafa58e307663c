"""The closed forms of the off-switch game, against the table of the spec and other ways to them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operant.envs.off_switch.deference import (
    ACT,
    OFF,
    WAIT,
    allowed,
    best_choice,
    incentive,
    positive_part,
    value_of_waiting,
    values,
)

TABLE = [  # mean, beta (0: rational), incentive; sigma = 1
    *((0.0, 0.0, 0.3989), (0.5, 0.0, 0.1978), (1.0, 0.0, 0.0833), (-0.5, 0.0, 0.1978)),
    *((0.0, 0.1, 0.3926), (0.0, 1.0, 0.2066), (0.0, 2.0, 0.118), (0.5, 0.5, 0.1049)),
    *((0.5, 1.0, 0.0), (0.5, 2.0, -0.1042), (1.0, 0.5, 0.0), (1.0, 1.0, -0.1253)),
    (1.0, 2.0, -0.2721),
]
MEANS = st.floats(-5, 5)
SIGMAS = st.floats(0.05, 5)
BETAS = st.floats(0.01, 20)


def by_summation(mean: float, sigma: float, beta: float) -> float:
    """Add up the integrand on a fine grid: another way to the same number."""
    u = mean + sigma * np.linspace(-9, 9, 2_000_001)
    density = np.exp(-0.5 * ((u - mean) / sigma) ** 2) / (sigma * math.sqrt(2 * math.pi))
    with np.errstate(over="ignore"):
        odds = 1 / (1 + np.exp(-u / beta))
    return float((u * odds * density).sum() * (u[1] - u[0]))


@pytest.mark.parametrize(("mean", "beta", "expected"), TABLE)
def test_the_table_of_the_spec(mean: float, beta: float, expected: float) -> None:
    assert incentive(mean, 1.0, beta) == pytest.approx(expected, abs=1e-4)


def test_rational_closed_form() -> None:
    """mu Phi(mu / s) + s phi(mu / s), by the standard library's error function."""
    for mean, sigma in ((0.0, 1.0), (1.0, 1.0), (-1.0, 1.0), (0.3, 2.5), (-4.0, 0.7)):
        z = mean / sigma
        density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        expected = mean * 0.5 * (1 + math.erf(z / math.sqrt(2))) + sigma * density
        assert value_of_waiting(mean, sigma) == pytest.approx(expected, abs=1e-12)
    assert incentive(0.0, 1.0) == pytest.approx(0.3989422804, abs=1e-9)
    assert incentive(1.0, 1.0) == pytest.approx(0.0833154706, abs=1e-9)


@pytest.mark.parametrize("case", [(0.5, 1.0, 0.7), (-1.2, 0.3, 0.05), (2.0, 3.0, 8.0)])
def test_quadrature_is_exact_to_1e_8(case: tuple[float, float, float]) -> None:
    assert value_of_waiting(case[0], case[1], case[2]) == pytest.approx(
        by_summation(*case), abs=1e-8
    )


def test_incentive_vanishes_where_mistakes_cost_what_knowledge_brings() -> None:
    for mean in (0.1, 0.5, 1.0, 2.0, 7.0):
        for sigma in (0.5, 1.0, 3.0):
            assert abs(incentive(mean, sigma, sigma**2 / (2 * mean))) < 1e-12


@given(mean=MEANS, sigma=SIGMAS)
def test_a_rational_human_is_always_worth_asking(mean: float, sigma: float) -> None:
    assert incentive(mean, sigma) >= -1e-12
    assert incentive(-mean, sigma) == pytest.approx(incentive(mean, sigma), abs=1e-12)


@given(mean=MEANS, sigma=SIGMAS, beta=BETAS)
def test_the_best_choice_has_the_largest_value(mean: float, sigma: float, beta: float) -> None:
    worth = values(mean, sigma, beta)
    assert worth[best_choice(mean, sigma, beta)] >= worth.max() - 1e-12
    assert incentive(-mean, sigma, beta) == pytest.approx(incentive(mean, sigma, beta), abs=1e-11)


def test_limits() -> None:
    """No doubt, a human without noise, one who throws a coin."""
    assert incentive(1.0, 0.0) == 0.0
    assert incentive(-1.0, 0.0) == 0.0
    assert positive_part([-1.0, 0.0, 2.0], 0.0).tolist() == [0.0, 0.0, 2.0]
    assert value_of_waiting(0.4, 1.0, 1e-4) == pytest.approx(value_of_waiting(0.4, 1.0), abs=1e-7)
    assert value_of_waiting(0.4, 1.0, 1e9) == pytest.approx(0.2, abs=1e-8)
    assert value_of_waiting([0.4, -0.4], 0.0, 0.5) == pytest.approx(
        [0.4 / (1 + math.exp(-0.8)), -0.4 / (1 + math.exp(0.8))]
    )


def test_the_human_allows_what_is_useful() -> None:
    assert allowed([-1000.0, -1e-9, 0.0, 1000.0], 0.0).tolist() == [0.0, 0.0, 1.0, 1.0]
    assert allowed([-1e6, 0.0, 1e6], 0.01).tolist() == [0.0, 0.5, 1.0]


def test_the_three_regions() -> None:
    assert best_choice([-1.01, -0.99, 0.99, 1.01], 1.0, 0.5).tolist() == [OFF, WAIT, WAIT, ACT]
    assert best_choice([-9.0, 9.0], 1.0).tolist() == [WAIT, WAIT]


@pytest.mark.parametrize(
    ("sigma", "beta"), [(-1.0, 0.5), (1.0, -0.5), (math.inf, 0.5), (1.0, math.nan)]
)
def test_parameters_outside_their_range_are_refused(sigma: float, beta: float) -> None:
    with pytest.raises(ValueError, match="must be finite and >= 0"):
        value_of_waiting(0.0, sigma, beta)
