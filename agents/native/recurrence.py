"""A memory between an encoder and the networks above it."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from operant.agents.native.sequences import Packed

_NETWORKS: dict[str, type[nn.LSTM] | type[nn.GRU]] = {"lstm": nn.LSTM, "gru": nn.GRU}


class Recurrence(nn.Module):
    """An LSTM or a GRU. Its memory is one tensor, (M, B, H) for B rows: zeros where nothing is.

    M is the number of layers; twice as many of an LSTM, whose hidden states precede its cells.

    Attributes:
        rnn: Torch's network.
        shape: M and H.

    Source: Long Short-Term Memory (Hochreiter and Schmidhuber, 1997); Learning Phrase
    Representations using RNN Encoder-Decoder (Cho et al., 2014) for the GRU.
    """

    def __init__(
        self, kind: Literal["lstm", "gru"], *, inputs: int, units: int, layers: int
    ) -> None:
        """Allocate the layers; :meth:`draw` gives them weights.

        Args:
            kind: Which network.
            inputs: Columns of a row.
            units: Columns of the result, H.
            layers: Layers above each other.
        """
        super().__init__()
        # Without initial weights, which torch would draw from its global generator.
        meta = _NETWORKS[kind](inputs, units, layers, device="meta")
        self.rnn: nn.LSTM | nn.GRU = meta.to_empty(device="cpu")
        self.shape = (layers * (2 if kind == "lstm" else 1), units)

    def draw(self, *, orthogonal: bool, generator: torch.Generator) -> None:
        """Draw the weights, of each gate for itself.

        Args:
            orthogonal: True for orthogonal weights and no bias but that of an LSTM's forget gate,
                which is 1: the memory lasts. False for uniform weights.
            generator: What they are drawn from.

        Source: Learning to Forget (Gers, Schmidhuber and Cummins, 2000) for the forget gate.
        """
        units = self.shape[1]
        with torch.no_grad():
            for name, part in self.rnn.named_parameters():
                if not orthogonal:
                    bound = 1 / math.sqrt(units)
                    nn.init.uniform_(part, -bound, bound, generator=generator)
                elif part.ndim == 2:
                    for gate in part.chunk(len(part) // units):
                        nn.init.orthogonal_(gate, generator=generator)
                else:
                    part.zero_()
                    if isinstance(self.rnn, nn.LSTM) and name.startswith("bias_ih"):
                        part[units : 2 * units] = 1.0

    def step(self, rows: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Take one step in B episodes.

        Args:
            rows: (B, inputs).
            memory: (M, B, H) before it.

        Returns:
            (B, H) and the memory after it.
        """
        result, memory = self._run(rows.unsqueeze(0), memory)
        return result.squeeze(0), memory

    def forward(self, rows: Tensor, packed: Packed) -> Tensor:
        """Run over sequences: B steps, (B, inputs), to (B, H) in the same order."""
        size = sum(steps * width for steps, width in packed.blocks)
        padded = rows.new_zeros(size, rows.shape[1]).index_copy(0, packed.places, rows)
        memory, first, results = packed.memory, 0, []
        for steps, width in packed.blocks:
            block = padded[first : first + steps * width].view(steps, width, -1)
            result, memory = self._run(block, memory[:, :width])
            results.append(result.flatten(0, 1))
            first += steps * width
        return torch.cat(results).index_select(0, packed.places)

    def _run(self, rows: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Take some steps in B episodes: rows (steps, B, inputs) to (steps, B, H), and memory."""
        memory = memory.contiguous()
        if isinstance(self.rnn, nn.GRU):
            result, memory = self.rnn(rows, memory)
            return result, memory
        hidden, cells = memory.chunk(2)
        result, after = self.rnn(rows, (hidden, cells))
        return result, torch.cat(after)
