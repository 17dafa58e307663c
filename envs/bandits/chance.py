"""The chance of bandit worlds: drawn in blocks of rounds, row by row, ahead of the rounds."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from operant.types import Float, Int

BLOCK = 128
"""Rounds drawn at once: a row's stream is asked rarely, and little memory is held."""
Draw: TypeAlias = Callable[[np.random.Generator, int], Float]
"""(stream, rounds) -> (rounds, W) numbers."""


class Chance:
    """W random numbers per round and row.

    What the world's arms pay in a round is a function of these numbers, whichever arm is chosen: an
    oracle can so be told what another choice would have paid.
    """

    def __init__(self, num: int, width: int, draw: Draw) -> None:
        """Allocate.

        Args:
            num: N rows.
            width: W numbers per round.
            draw: What draws them; its result for some rounds must not depend on those before.
        """
        self._draw = draw
        self._drawn: Float = np.zeros((BLOCK, num, width))

    def restart(self, rows: Int, streams: Sequence[np.random.Generator]) -> None:
        """Draw the next block of some rows."""
        for row in rows.tolist():
            self._drawn[:, row] = self._draw(streams[row], BLOCK)

    def of(self, rows: Int, t: Int, whole: bool) -> Float:
        """Return the numbers of round ``t`` (B,) of some rows, (B, W).

        Args:
            rows: (B,) rows.
            t: (B,) their rounds, of the block that was drawn last.
            whole: True if these are all rows in order.
        """
        within = t % BLOCK
        if whole and (within == within[0]).all():  # a view: rows in lockstep are the usual case
            view: Float = self._drawn[int(within[0])]
            return view
        some: Float = self._drawn[within, rows]
        return some

    def advance(self, rows: Int, t: Int, streams: Sequence[np.random.Generator]) -> None:
        """Draw for the rows whose next round ``t`` (B,) begins a block."""
        due = t % BLOCK == 0
        if due.any():
            self.restart(rows[due], streams)

    def rest(self, row: int, t: int, end: int, stream: np.random.Generator) -> Float:
        """Return the numbers of rounds ``t`` to ``end`` of a row, (end - t, W); nothing moves.

        Args:
            row: The row.
            t: Its next round.
            end: Round after the last one.
            stream: The row's stream.
        """
        ahead = copy.deepcopy(stream)
        parts = [self._drawn[t % BLOCK :, row]]
        while sum(map(len, parts)) < end - t:
            parts.append(self._draw(ahead, BLOCK))
        joined: Float = np.concatenate(parts)[: end - t]
        return joined

    def get_state(self) -> Float:
        """Return a copy of what was drawn."""
        return self._drawn.copy()

    def set_state(self, drawn: Float) -> None:
        """Restore what :meth:`get_state` returned."""
        self._drawn[...] = drawn


def uniform(width: int) -> Draw:
    """Return what draws W numbers in [0, 1) per round."""
    return lambda stream, rounds: stream.random((rounds, width))


def normal(width: int) -> Draw:
    """Return what draws W standard normal numbers per round."""
    return lambda stream, rounds: stream.standard_normal((rounds, width))
