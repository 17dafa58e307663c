"""Linear layers by oneDNN, which is twice as fast on some CPUs as the library torch chooses.

Torch multiplies float32 matrices by Intel's MKL, whose code for AMD's CPUs leaves half of their
width unused; torch brings oneDNN as well, but asks it only for compiled models.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_MULTIPLY: Any = getattr(torch.ops.mkldnn, "_linear_pointwise", None)
_HERE = bool(getattr(torch._C, "_has_mkldnn", False)) and _MULTIPLY is not None
MIN_ROWS = 256
"""Fewer rows than this are multiplied sooner than oneDNN has looked at them."""


class Linear(nn.Linear):
    """``torch.nn.Linear``, and a tanh behind it if so wished, equal up to rounding."""

    def __init__(self, inputs: int, outputs: int, *, tanh: bool = False) -> None:
        """Leave the weights unset: torch would draw them from its global generator."""
        super().__init__(inputs, outputs, device="meta")
        self.to_empty(device="cpu")
        self._tanh = tanh

    def forward(self, rows: Tensor) -> Tensor:
        """Map rows, (B, inputs), to (B, outputs)."""
        # Without a gradient batches have many sizes, for each of which oneDNN prepares anew.
        suits = torch.is_grad_enabled() and rows.ndim == 2 and len(rows) >= MIN_ROWS
        suits = suits and rows.dtype == torch.float32
        result: Tensor
        if _HERE and suits and rows.device.type == "cpu" and not torch.compiler.is_compiling():
            result = _Linear.apply(rows, self.weight, self.bias, self._tanh)  # type: ignore[no-untyped-call]
            return result
        result = F.linear(rows, self.weight, self.bias)
        return fast_tanh(result) if self._tanh else result

    def extra_repr(self) -> str:
        """Say whether there is a tanh."""
        return super().extra_repr() + (", tanh" if self._tanh else "")


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor, tanh: bool) -> Tensor:
        result = _multiply(rows, weight, bias, "tanh" if tanh else "none")
        ctx.save_for_backward(rows, weight, *([result] if tanh else []))
        return result

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor, Tensor, None]:
        rows, weight, *results = ctx.saved_tensors
        for result in results:
            grad = torch.ops.aten.tanh_backward(grad, result)
        wanted = ctx.needs_input_grad[0]
        if torch.is_grad_enabled():  # a gradient of this gradient may be asked for
            return grad @ weight if wanted else None, grad.T @ rows, grad.sum(0), None
        to_rows = _multiply(grad, weight.T) if wanted else None
        return to_rows, _multiply(grad.T, rows.T), grad.sum(0), None


def _multiply(
    rows: Tensor, weight: Tensor, bias: Tensor | None = None, then: str = "none"
) -> Tensor:
    """Return ``rows @ weight.T + bias``, or a function of it."""
    result: Tensor = _MULTIPLY(rows, weight, bias, then, [], "")
    return result


def fast_tanh(value: Tensor) -> Tensor:
    """Replace numbers by their tanh, to 2e-7.

    It is ``2 * sigmoid(2 * x) - 1``, which torch computes 6 times as fast on a CPU; in place,
    because a new tensor would cost as much as the function.
    """
    result: Tensor = _FastTanh.apply(value)  # type: ignore[no-untyped-call]
    return result


class _FastTanh(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        ctx.mark_dirty(value)
        ctx.save_for_backward(value)
        return value.mul_(2).sigmoid_().mul_(2).sub_(1)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (value,) = ctx.saved_tensors
        result: Tensor = torch.ops.aten.tanh_backward(grad, value)
        return result
