"""A network's answers to the distinct inputs of a rollout, and actions drawn from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from operant.agents.base import Array, Arrays
from operant.agents.native.encoder import Tensors
from operant.agents.native.kernels import Ids, doubles, kernel, offsets, soften
from operant.agents.native.packing import DistinctTable, Packing

Evaluate: TypeAlias = Callable[[Tensors], tuple[Tensor, Tensor]]
"""Returns the logits, (B, P), and the values, (B, C), of a batch of inputs by key."""
_FIRST_ROWS = 1024


class DistinctPolicy:
    """A network's answers to the inputs met since its parameters last changed.

    Attributes:
        table: The inputs, numbered.
    """

    def __init__(self, evaluate: Evaluate, sizes: Sequence[int], streams: int) -> None:
        """Start with nothing kept.

        Args:
            evaluate: The network: a function of each row of its input alone.
            sizes: Choices per group of logits; the logits of the groups are concatenated.
            streams: Values per row, C >= 1.
        """
        self._evaluate, self._first = evaluate, offsets(sizes)
        self._packing: Packing | None = None
        self.table = DistinctTable(1)
        self._log_probs = np.zeros((_FIRST_ROWS, sum(sizes)))
        self._probs = np.zeros((_FIRST_ROWS, sum(sizes)))
        self._values = np.zeros((_FIRST_ROWS, streams), np.float32)
        self._inputs: Tensors | None = None

    def clear(self) -> None:
        """Forget everything; to be called whenever the network has changed."""
        self.table.clear()
        self._inputs = None

    def ids(self, parts: Mapping[str, Array]) -> Ids:
        """Return the ids of a batch of inputs by key, (B,), and evaluate the new ones.

        Args:
            parts: Key -> (B, ...), everything that decides the logits and values of a row. The
                first batch says which keys, shapes and types there are.

        Raises:
            ValueError: If keys, shapes or types change.
        """
        if self._packing is None:
            self._packing = Packing(parts)
            self.table = DistinctTable(self._packing.words)
        known = len(self.table)
        ids = self.table.ids(self._packing.pack(parts))
        if len(self.table) > known:
            self._inputs = None
            self._keep(known, self._packing.unpack(self.table.rows[known:]))
        return ids

    def sample(self, ids: Ids, uniforms: npt.NDArray[np.float64]) -> tuple[Tensor, Tensor, Tensor]:
        """Draw an action for each of B inputs by inverting the distribution function.

        Args:
            ids: (B,) of :meth:`ids`.
            uniforms: (B, H) numbers in [0, 1), one per group of logits.

        Returns:
            Actions (B, H) int64, their log-probabilities (B,), and the values (B, C).

        Raises:
            ValueError: If there is no input with such an id, or the numbers have another shape.
        """
        self.table.check(ids)
        shape = len(ids), len(self._first) - 1
        if uniforms.shape != shape:
            raise ValueError(f"uniforms must have the shape {shape}, got {uniforms.shape}")
        actions = np.empty(uniforms.shape, np.int64)
        log_probs = np.empty(len(ids), np.float32)
        _draw(ids, uniforms, self._log_probs, self._probs, self._first, actions, log_probs)
        return torch.from_numpy(actions), torch.from_numpy(log_probs), self.values(ids)

    def values(self, ids: Ids) -> Tensor:
        """Return the values of inputs, (B, C)."""
        return torch.from_numpy(self._values.take(ids, 0))

    def logits(self, ids: Ids) -> Tensor:
        """Return the log-probabilities of all choices given inputs, (B, P) float32."""
        return torch.from_numpy(self._log_probs.take(ids, 0).astype(np.float32))

    def inputs(self, unique: Ids) -> Tensors:
        """Return the inputs with some ids by key, (Q, ...)."""
        if self._inputs is None:
            parts = {} if self._packing is None else self._packing.unpack(self.table.rows)
            self._inputs = {key: torch.from_numpy(part) for key, part in parts.items()}
        chosen = torch.from_numpy(unique)
        return {key: part.index_select(0, chosen) for key, part in self._inputs.items()}

    def _keep(self, known: int, parts: Arrays) -> None:
        """Evaluate the inputs with ids from ``known`` on, and keep what sampling needs."""
        while len(self._values) < len(self.table):
            self._log_probs = _doubled(self._log_probs)
            self._probs = _doubled(self._probs)
            self._values = _doubled(self._values)
        with torch.inference_mode():
            logits, values = self._evaluate(
                {key: torch.from_numpy(part) for key, part in parts.items()}
            )
        new = slice(known, len(self.table))
        self._values[new] = values.numpy()
        soften(doubles(logits), self._first, self._log_probs[new], self._probs[new])


def _doubled(array: Array) -> Array:
    return np.concatenate([array, np.zeros_like(array)])


@kernel
def _draw(
    ids: Ids,
    uniforms: Array,
    log_probs: Array,
    probs: Array,
    first: Ids,
    actions: Ids,
    chosen: Array,
) -> None:
    """Choose the first action up to which the probabilities sum to more than the uniform number.

    The sum of all may round to less than 1: beyond it, the last possible action is chosen.
    """
    for i in range(ids.size):
        row, total = ids[i], 0.0
        for h in range(first.size - 1):
            action, passed = first[h], 0.0
            for j in range(first[h], first[h + 1]):
                if probs[row, j] > 0:
                    action = j
                    passed += probs[row, j]
                    if passed > uniforms[i, h]:
                        break
            actions[i, h] = action - first[h]
            total += log_probs[row, action]
        chosen[i] = total
