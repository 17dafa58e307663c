from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from operant.agents.native.linear import MIN_ROWS, Linear


def layer(inputs: int = 7, outputs: int = 5, *, tanh: bool = False) -> Linear:
    made = Linear(inputs, outputs, tanh=tanh)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        made.weight.normal_(generator=generator)
        made.bias.normal_(generator=generator)
    return made


@pytest.mark.parametrize("rows", [1, MIN_ROWS - 1, MIN_ROWS, 3 * MIN_ROWS + 1])
@pytest.mark.parametrize("contiguous", [True, False])
@pytest.mark.parametrize("tanh", [False, True])
def test_values_and_gradients_are_torchs(rows: int, contiguous: bool, tanh: bool) -> None:
    made = layer(tanh=tanh)

    def torchs() -> torch.Tensor:
        plain = F.linear(x, made.weight, made.bias)
        return plain.tanh() if tanh else plain

    x = torch.randn(rows, 7, generator=torch.Generator().manual_seed(1))
    x = x if contiguous else x.T.contiguous().T
    x.requires_grad_()
    weights = torch.randn(rows, 5, generator=torch.Generator().manual_seed(2))
    found = torch.autograd.grad((made(x) * weights).sum(), [x, made.weight, made.bias])
    expected = torch.autograd.grad((torchs() * weights).sum(), [x, made.weight, made.bias])
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-4)
    with torch.no_grad():
        torch.testing.assert_close(made(x), torchs())


@pytest.mark.parametrize("tanh", [False, True])
def test_a_gradient_of_a_gradient_is_torchs(tanh: bool) -> None:
    """As a gradient penalty needs it."""
    made = layer(tanh=tanh)
    x = torch.randn(MIN_ROWS, 7, generator=torch.Generator().manual_seed(1), requires_grad=True)

    def penalty(values: torch.Tensor) -> torch.Tensor:
        (slope,) = torch.autograd.grad(values.tanh().sum(), x, create_graph=True)
        return slope.square().sum()

    found = torch.autograd.grad(penalty(made(x)), made.weight)[0]
    plain = F.linear(x, made.weight, made.bias)
    expected = torch.autograd.grad(penalty(plain.tanh() if tanh else plain), made.weight)[0]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_other_types_and_shapes_are_torchs() -> None:
    made = layer().double()
    x = torch.randn(MIN_ROWS, 7, dtype=torch.float64)
    assert torch.equal(made(x), F.linear(x, made.weight, made.bias))
    single = layer()
    deep = torch.randn(3, MIN_ROWS, 7)
    assert torch.equal(single(deep), F.linear(deep, single.weight, single.bias))
