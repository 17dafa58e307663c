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
    """``torch.nn.Linear``, equal up to rounding."""

    def __init__(self, inputs: int, outputs: int) -> None:
        """Leave the weights unset: torch would draw them from its global generator."""
        super().__init__(inputs, outputs, device="meta")
        self.to_empty(device="cpu")

    def forward(self, rows: Tensor) -> Tensor:
        """Map rows, (B, inputs), to (B, outputs)."""
        # Without a gradient batches have many sizes, for each of which oneDNN prepares anew.
        suits = torch.is_grad_enabled() and rows.ndim == 2 and len(rows) >= MIN_ROWS
        suits = suits and rows.dtype == torch.float32
        if not (_HERE and suits and rows.device.type == "cpu") or torch.compiler.is_compiling():
            return F.linear(rows, self.weight, self.bias)
        result: Tensor = _Linear.apply(rows, self.weight, self.bias)  # type: ignore[no-untyped-call]
        return result


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(rows, weight)
        return _multiply(rows, weight, bias)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        rows, weight = ctx.saved_tensors
        wanted = ctx.needs_input_grad[0]
        if torch.is_grad_enabled():  # a gradient of this gradient may be asked for
            return grad @ weight if wanted else None, grad.T @ rows, grad.sum(0)
        to_rows = _multiply(grad, weight.T, None) if wanted else None
        return to_rows, _multiply(grad.T, rows.T, None), grad.sum(0)


def _multiply(rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return ``rows @ weight.T + bias``."""
    result: Tensor = _MULTIPLY(rows, weight, bias, "none", [], "")
    return result
