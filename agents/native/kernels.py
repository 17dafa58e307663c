"""What the compiled parts of PPO on distinct observations share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from operant.agents.base import Array

Words: TypeAlias = npt.NDArray[np.uint64]
Ids: TypeAlias = npt.NDArray[np.int64]
F = TypeVar("F", bound=Callable[..., Any])


def kernel(function: F) -> F:
    """Compile a function of arrays and numbers; it lets other threads run meanwhile."""
    compiled: Any = numba.njit(nogil=True, error_model="numpy")
    return cast(F, compiled(function))


def offsets(sizes: Sequence[int]) -> Ids:
    """Return where each group of logits starts, and where the last one ends, (H + 1,).

    >>> offsets([3, 2]).tolist()
    [0, 3, 5]
    """
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def doubles(tensor: Tensor) -> npt.NDArray[np.float64]:
    """Return a tensor's numbers with 64 bits."""
    # One type for all kernels, which are then compiled once; sums over duplicates gain by it.
    return tensor.detach().to(torch.float64).contiguous().numpy()


@kernel
def soften(logits: Array, first: Ids, log_probs: Array, probs: Array) -> None:
    """Turn logits into log-probabilities and probabilities, group by group."""
    for row in range(logits.shape[0]):
        for h in range(first.size - 1):
            highest, total = logits[row, first[h]], 0.0
            for j in range(first[h] + 1, first[h + 1]):
                highest = max(highest, logits[row, j])
            for j in range(first[h], first[h + 1]):
                probs[row, j] = np.exp(logits[row, j] - highest)
                total += probs[row, j]
            shift = highest + np.log(total)
            for j in range(first[h], first[h + 1]):
                log_probs[row, j] = logits[row, j] - shift
                probs[row, j] /= total
