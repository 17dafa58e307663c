"""The steps of a rollout as sequences that a recurrent network can run over without resets."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

SPAN = 4
"""Lengths of segments are rounded up to multiples of this: fewer calls, some padding.

16,384 steps forth and back through an LSTM of 256 units, in episodes of 30 steps, take one thread
0.55 s; 0.62 s without rounding, 0.75 s with 16, 0.80 s in a loop over time, and 4.0 s as torch's
packed sequences.
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Packed:
    """B steps in S segments: the parts of episodes within one sequence each, the longest first.

    The segments lie side by side in blocks: one block is so many steps of so many segments, which
    a network passes in one call. What a segment lacks at the end of its last block is padding.

    Attributes:
        memory: (M, S, H) before the first step of each segment.
        blocks: Steps and segments of each block; together they hold R >= B places.
        places: (B,) where each step lies among the R places.
    """

    memory: Tensor
    blocks: list[tuple[int, int]]
    places: Tensor


class Sequences:
    """The valid steps of a rollout by sequence: chunks of rows, numbered chunk * N + row.

    Attributes:
        numbers: (Q,) sequences that have a valid step, ascending.
    """

    def __init__(self, valid: Tensor, starts: Tensor, memories: Tensor) -> None:
        """Cut the rollout where an episode starts, and where a chunk does.

        Args:
            valid: (T, N) bool; what is False is passed over. It ends an episode.
            starts: (T, N) bool, an episode starts with the observation before this step.
            memories: (K, M, N, H) before the first step of each of K chunks of equal length.
        """
        (steps, rows), chunks = valid.shape, len(memories)
        self._horizon, self._num_envs, self._memories = steps // chunks, rows, memories
        step = torch.arange(steps, device=valid.device).unsqueeze(1)
        cut = starts | (step % self._horizon == 0)
        begun = torch.where(cut, step, 0).cummax(0).values
        row = torch.arange(rows, device=valid.device)
        self._positions = valid.flatten().nonzero().squeeze(1)
        begins, segment = torch.unique(
            (begun * rows + row).flatten()[self._positions], return_inverse=True
        )
        # The longest segments first: at every age, those that go on are the first ones.
        lengths, order = segment.bincount().sort(descending=True, stable=True)
        self._lengths, self._begins = lengths, begins[order]
        rank = torch.empty_like(order)
        rank[order] = torch.arange(len(order), device=order.device)
        self._segments = rank[segment]
        self._ages = (step - begun).flatten()[self._positions]
        self.numbers = torch.unique(self._number(self._begins))

    def _number(self, positions: Tensor) -> Tensor:
        """Return the sequences that positions in the rollout, step * N + row, belong to."""
        chunk = positions // (self._num_envs * self._horizon)
        return chunk * self._num_envs + positions % self._num_envs

    def take(self, chosen: Tensor) -> tuple[Tensor, Packed]:
        """Return the positions of all valid steps of some sequences, and how to run over them."""
        is_chosen = torch.zeros(
            len(self._memories) * self._num_envs, dtype=torch.bool, device=chosen.device
        )
        is_chosen[chosen] = True
        kept = is_chosen[self._number(self._begins)]
        mine = kept[self._segments]
        blocks = _blocks(self._lengths[kept])
        widths = torch.tensor([width for steps, width in blocks for _ in range(steps)])
        first = (widths.cumsum(0) - widths).to(chosen.device)
        segments = (kept.cumsum(0) - 1)[self._segments[mine]]
        places = first[self._ages[mine]] + segments
        return self._positions[mine], Packed(self._memory(self._begins[kept]), blocks, places)

    def _memory(self, begins: Tensor) -> Tensor:
        """Return the memory at the beginnings of segments, (M, S, H): zero within a chunk."""
        step, row = begins // self._num_envs, begins % self._num_envs
        stored = self._memories[step // self._horizon, :, row].transpose(0, 1)
        return stored * (step % self._horizon == 0).view(1, -1, 1)


def _blocks(lengths: Tensor) -> list[tuple[int, int]]:
    """Return blocks for segments of descending lengths; a new one only where some segment ends."""
    longest = int(lengths[0])
    ends = torch.unique(((lengths + SPAN - 1) // SPAN * SPAN).clamp(max=longest))
    starts = torch.cat([ends.new_zeros(1), ends[:-1]])
    widths = (lengths > starts.unsqueeze(1)).sum(1)
    return list(zip((ends - starts).tolist(), widths.tolist(), strict=True))
