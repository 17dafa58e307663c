"""How much a walk can cover: a bound from above, and a greedy walk that bounds it from below."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from operant.types import Bool, Float, Int

STEPS = ((1, 0), (0, 1), (-1, 0), (0, -1))
"""Moves as (x, y): right, down, left, up."""


class Field(NamedTuple):
    """What is left to cover.

    Attributes:
        worth: (H, W) weight of every cell that is not covered yet, else 0.
        footprint: (K, 2) offsets (x, y) of what a visit covers, each -1, 0 or 1.
    """

    worth: Float
    footprint: Int


def _looking(values: Float, dx: int, dy: int) -> Float:
    """Return for every cell the value at an offset from it, 0 outside."""
    height, width = values.shape
    seen: Float = np.pad(values, 1)[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]
    return seen


def gains(field: Field) -> Float:
    """Return (H, W): what a visit to each cell would newly cover."""
    total: Float = sum((_looking(field.worth, *o) for o in field.footprint), np.zeros(()))
    return total


def upper_bound(field: Field, steps: int) -> float:
    """Return a bound on what any walk of so many steps newly covers.

    A step into a cell covers at most what it sees there and did not see from the cell before (which
    is covered by then), and pays only the first time. So the sum of the best such cells, one per
    step, is a bound; so is all that is left.
    """
    seen = {tuple(offset) for offset in field.footprint.tolist()}
    best = np.zeros(field.worth.shape)
    for dx, dy in STEPS:
        ahead = [(x, y) for x, y in seen if (x + dx, y + dy) not in seen]
        new: Float = sum((_looking(field.worth, *o) for o in ahead), np.zeros(()))
        best = np.maximum(best, new * _looking(np.ones_like(best), -dx, -dy))
    highest = np.sort(best, axis=None)[::-1][:steps].sum()
    return float(min(highest, field.worth.sum()))


def greedy_walk(field: Field, x: int, y: int, steps: int) -> tuple[float, tuple[int, ...]]:
    """Return what a walk covers that always makes for the best gain per step, and its moves.

    Args:
        field: What is left to cover; it is not changed.
        x: Column of the start.
        y: Row of the start.
        steps: Length of the walk.

    Returns:
        The sum of what is newly covered, and directions (indices into ``STEPS``); fewer than
        ``steps`` if nothing more can be gained.
    """
    left = Field(field.worth.copy(), field.footprint)
    moves: list[int] = []
    before = left.worth.sum()
    while (found := _best_target(left, x, y, steps - len(moves))) is not None:
        while (x, y) != found:
            move = _towards(x, y, found)
            x, y = x + STEPS[move][0], y + STEPS[move][1]
            _visit(left, x, y)
            moves.append(move)
    return float(before - left.worth.sum()), tuple(moves)


def _best_target(field: Field, x: int, y: int, steps: int) -> tuple[int, int] | None:
    """Return the cell with the highest gain per step to it, or None if none in reach has any."""
    rows, columns = np.indices(field.worth.shape)
    away = np.abs(columns - x) + np.abs(rows - y)
    reachable: Bool = (away > 0) & (away <= steps)
    rate = np.where(reachable, gains(field) / np.maximum(away, 1), 0.0)
    at = int(rate.argmax())
    if rate.flat[at] <= 0:
        return None
    return at % rate.shape[1], at // rate.shape[1]


def _towards(x: int, y: int, target: tuple[int, int]) -> int:
    """Return a move that brings (x, y) closer to a target, along its row first."""
    if x != target[0]:
        return 0 if target[0] > x else 2
    return 1 if target[1] > y else 3


def _visit(field: Field, x: int, y: int) -> None:
    """Cover what is seen from (x, y)."""
    height, width = field.worth.shape
    for dx, dy in field.footprint.tolist():
        if 0 <= x + dx < width and 0 <= y + dy < height:
            field.worth[y + dy, x + dx] = 0.0
