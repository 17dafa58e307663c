"""The gradient of an outer objective through the solution of an inner problem.

The inner problem is solved where a field ``Delta(theta, phi)`` vanishes. There the theorem of
implicit functions gives ``dJ/dphi = -dJ/dtheta (dDelta/dtheta)^-1 dDelta/dphi``. The inverse is a
Neumann series, and each of its terms is one vector-Jacobian product: the matrix is never built.

Source: Behavior Alignment via Reward Function Optimization (Gupta, Chandak, Jordan, Thomas, Castro
da Silva, 2023); Optimizing Millions of Hyperparameters by Implicit Differentiation (Lorraine,
Vicol, Duvenaud, 2020).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def neumann(vjp: Callable[[Tensor], Tensor], vector: Tensor, eta: float, terms: int) -> Tensor:
    """Return ``eta * sum over k < terms of (I + eta H)^k g``, which tends to ``-H^-1 g``.

    It converges where every eigenvalue of ``eta H`` lies within 1 of -1, so where the field is one
    to ascend by and ``eta`` is small enough. Cut off, it leaves directions alone along which ``H``
    is all but flat, instead of dividing by next to nothing.

    Args:
        vjp: From a vector, (P,), to its product with the Jacobian, ``H v``, (P,).
        vector: ``g``, (P,).
        eta: Step size, > 0.
        terms: >= 1.
    """
    term = total = vector
    for _ in range(terms - 1):
        term = term + eta * vjp(term)
        total = total + term
    return eta * total


def implicit_gradient(
    field: Tensor,
    inner: Sequence[Tensor],
    outer: Sequence[Tensor],
    gradient: Tensor,
    *,
    eta: float,
    terms: int,
) -> tuple[Tensor, ...]:
    """Return ``dJ/dphi`` through the inner solution, one tensor per outer parameter.

    Args:
        field: ``Delta``, (P,), differentiable with respect to both kinds of parameters; ascending
            along it solves the inner problem.
        inner: What the inner problem solves for, P numbers in total.
        outer: What it depends on.
        gradient: ``dJ/dtheta``, (P,).
        eta: Step size of the Neumann series.
        terms: Its terms.
    """

    def vjp(vector: Tensor) -> Tensor:
        return flat(torch.autograd.grad(field, inner, vector, retain_graph=True))

    direction = neumann(vjp, gradient, eta, terms)
    return torch.autograd.grad(field, outer, direction)


def flat(parts: Sequence[Tensor]) -> Tensor:
    """Return all numbers of several tensors in a row, (P,)."""
    return torch.cat([part.reshape(-1) for part in parts])
