"""Implicit gradients, held against exact inverses and against the derivative of exact solutions."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from operant.agents.barfi.implicit import flat, implicit_gradient, neumann


def number(value: float) -> torch.Tensor:
    return torch.tensor([value], dtype=torch.float64, requires_grad=True)


def quadratic(phi: float, *, theta: float | None = None, terms: int = 60) -> float:
    """Return dJ/dphi for Delta = phi - 2 theta and J = -(theta - 3)^2."""
    outer, inner = number(phi), number(phi / 2 if theta is None else theta)
    (found,) = implicit_gradient(
        outer - 2 * inner, [inner], [outer], -2 * (inner.detach() - 3), eta=0.25, terms=terms
    )
    return float(found)


def test_quadratic_of_the_spec() -> None:
    assert quadratic(0.0) == pytest.approx(3.0, abs=1e-15)


@pytest.mark.parametrize("phi", [-4.0, 1.0, 6.0, 11.0])
def test_quadratic_everywhere(phi: float) -> None:
    assert quadratic(phi) == pytest.approx(-2 * (phi / 2 - 3) / 2, abs=1e-14)


@pytest.mark.parametrize("terms", [1, 2, 5])
def test_series_cut_off_is_the_geometric_sum(terms: int) -> None:
    assert quadratic(0.0, terms=terms) == pytest.approx(3.0 * (1 - 0.5**terms), abs=1e-15)


@pytest.mark.parametrize("seed", range(3))
def test_neumann_solves_a_system_that_is_not_symmetric(seed: int) -> None:
    rng = np.random.default_rng(seed)
    jacobian = -np.eye(6) - 0.1 * rng.normal(size=(6, 6))
    vector = rng.normal(size=6)
    matrix = torch.from_numpy(jacobian)
    found = neumann(lambda v: matrix.T @ v, torch.from_numpy(vector), 0.5, 200)
    assert np.allclose(found.numpy(), -np.linalg.solve(jacobian.T, vector), atol=1e-12)


def test_the_jacobian_is_applied_once_per_further_term() -> None:
    calls = 0

    def vjp(vector: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return -vector

    neumann(vjp, torch.ones(3), 0.5, 7)
    assert calls == 6


def test_gradient_through_a_soft_bandit_is_the_derivative_of_its_exact_solution() -> None:
    """The inner solution is softmax(r_phi / temperature), so J(phi) can be differentiated."""
    rewards = torch.tensor([[1.0, 1, 1], [0, 0.2, 1], [1, 0, 0.3]], dtype=torch.float64)
    phi = torch.tensor([0.3, 1.0, 0.7], dtype=torch.float64, requires_grad=True)
    temperature = 0.5
    exact = torch.softmax(phi @ rewards / temperature, 0) @ rewards[1]
    (wanted,) = torch.autograd.grad(exact, phi)

    theta = (phi.detach() @ rewards / temperature).requires_grad_()
    policy = torch.softmax(theta, 0)
    gain = phi @ rewards - temperature * torch.log_softmax(theta, 0)
    field = policy * (gain - policy @ gain)  # E[grad log pi (r - temperature ln pi)], all actions
    (gradient,) = torch.autograd.grad(policy @ rewards[1], theta, retain_graph=True)
    (found,) = implicit_gradient(field, [theta], [phi], gradient, eta=2.0, terms=400)
    assert torch.allclose(found, wanted, atol=1e-12)
    assert found[0].abs() < 1e-12  # a constant changes no solution
    assert found[1] > 0 > found[2]


def test_flat_keeps_the_order() -> None:
    assert flat([torch.ones(1, 2), torch.zeros(()), torch.full((2,), 2.0)]).tolist() == [
        *(1, 1, 0),
        *(2, 2),
    ]
