"""What the agent sees: MiniGrid's egocentric 7x7 view with occlusion, exactly.

MiniGrid spreads visibility cell by cell, row by row away from the agent, in two in-place sweeps per
row. A row's outcome depends only on which of its cells were already seen and which are transparent,
so it is one lookup in a 128 x 128 table: v = seen and transparent, flooded sideways through
transparent cells; the row shows ``seen | v | v << 1 | v >> 1`` and seeds the next row with
``v | v << 1 | v >> 1``. (MiniGrid's left sweep runs after the right one and sees its results, which
is the same flood; ``tests/envs`` checks the table against the sweeps exhaustively.)

Source: MiniGrid 3.2 ``Grid.process_vis`` and ``MiniGridEnv.gen_obs_grid``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.gridworld.jit import compiled, tiny
from operant.envs.gridworld.words import put_cell
from operant.envs.gridworld.world import CARRY, DIRECTION, VIEW, World, delta, position

ROW_MASK = (1 << VIEW) - 1
HALF = VIEW // 2


def spread(seen: int, transparent: int) -> tuple[int, int]:
    """Return (visible cells of this row, cells seen from it in the next row) as bit masks.

    Args:
        seen: Cells of the row lit by the previous row, bit i is column i.
        transparent: Cells of the row one can see through.
    """
    lit = seen & transparent
    for _ in range(VIEW):
        lit |= ((lit << 1) | (lit >> 1)) & transparent
    beside = (lit | (lit << 1) | (lit >> 1)) & ROW_MASK
    return seen | beside, beside


def _row_table() -> npt.NDArray[np.uint16]:
    """Tabulate :func:`spread`: (seen, transparent) -> visible | next << 7."""
    table = np.zeros((ROW_MASK + 1, ROW_MASK + 1), np.uint16)
    for seen in range(ROW_MASK + 1):
        for transparent in range(ROW_MASK + 1):
            visible, following = spread(seen, transparent)
            table[seen, transparent] = visible | (following << VIEW)
    return table


ROWS = _row_table()


@tiny
def _show_cell(
    image: npt.NDArray[np.uint8],
    n: int,
    column: int,
    row: int,
    cell: Any,
    triples: npt.NDArray[np.uint8],
) -> None:
    """Write the triple of a cell code into ``image[n, column, row]``."""
    image[n, column, row, 0] = triples[cell, 0]
    image[n, column, row, 1] = triples[cell, 1]
    image[n, column, row, 2] = triples[cell, 2]


@compiled
def _look(
    world: World, n: int, start: int, right: int, seen: int, rows: npt.NDArray[np.uint16]
) -> tuple[Any, ...]:
    """Return (cells lit in the next row as a mask, the seven cells of this row or else UNSEEN).

    The cells are held in locals: between two loads of one cell a store to the image could have
    changed it, for all that the compiler knows, so it would load again, behind a branch.
    """
    c0 = world.grid[n, np.uint64(start)]
    c1 = world.grid[n, np.uint64(start + right)]
    c2 = world.grid[n, np.uint64(start + 2 * right)]
    c3 = world.grid[n, np.uint64(start + 3 * right)]
    c4 = world.grid[n, np.uint64(start + 4 * right)]
    c5 = world.grid[n, np.uint64(start + 5 * right)]
    c6 = world.grid[n, np.uint64(start + 6 * right)]
    # Bit 7 of a cell says that it is opaque: shift each to its column.
    opaque = (
        (c0 >> 7)
        | (c1 >> 7 << 1)
        | (c2 >> 7 << 2)
        | (c3 >> 7 << 3)
        | (c4 >> 7 << 4)
        | (c5 >> 7 << 5)
        | (c6 >> 7 << 6)
    )
    entry: Any = np.int64(rows[seen, ROW_MASK - opaque])
    dark = np.uint8(0)
    return (
        entry >> VIEW,
        c0 if entry & 1 else dark,
        c1 if entry & 2 else dark,
        c2 if entry & 4 else dark,
        c3 if entry & 8 else dark,
        c4 if entry & 16 else dark,
        c5 if entry & 32 else dark,
        c6 if entry & 64 else dark,
    )


@compiled
def observe(
    world: World,
    n: int,
    stride: int,
    image: npt.NDArray[np.uint8],
    rows: npt.NDArray[np.uint16],
    words: npt.NDArray[np.uint32],
    triples: npt.NDArray[np.uint8],
) -> None:
    """Write row n's view into ``image[n]``, (VIEW, VIEW, 3) uint8 indexed [column, row].

    The agent stands at column 3 of the last row and looks towards row 0. Its own cell shows what it
    carries. Unseen cells are (0, 0, 0).
    """
    direction = world.agent[n, DIRECTION]
    ahead, right = delta(direction, stride), delta((direction + 1) & 3, stride)
    start = position(world, n, stride) - HALF * right
    seen = 1 << HALF
    for row in range(VIEW - 1, 0, -1):
        seen, c0, c1, c2, c3, c4, c5, c6 = _look(world, n, start, right, seen, rows)
        put_cell(image, n, 0, row, words[c0])
        put_cell(image, n, 1, row, words[c1])
        put_cell(image, n, 2, row, words[c2])
        put_cell(image, n, 3, row, words[c3])
        put_cell(image, n, 4, row, words[c4])
        put_cell(image, n, 5, row, words[c5])
        put_cell(image, n, 6, row, words[c6])
        start += ahead
    seen, c0, c1, c2, c3, c4, c5, c6 = _look(world, n, start, right, seen, rows)
    _show_cell(image, n, 0, 0, c0, triples)
    _show_cell(image, n, 1, 0, c1, triples)
    _show_cell(image, n, 2, 0, c2, triples)
    _show_cell(image, n, 3, 0, c3, triples)
    _show_cell(image, n, 4, 0, c4, triples)
    _show_cell(image, n, 5, 0, c5, triples)
    _show_cell(image, n, 6, 0, c6, triples)
    _show_cell(image, n, HALF, VIEW - 1, world.agent[n, CARRY], triples)


@compiled
def observe_through_walls(
    world: World,
    n: int,
    stride: int,
    image: npt.NDArray[np.uint8],
    words: npt.NDArray[np.uint32],
    triples: npt.NDArray[np.uint8],
) -> None:
    """Write row n's view as :func:`observe` does, but with nothing hidden."""
    direction = world.agent[n, DIRECTION]
    ahead, right = delta(direction, stride), delta((direction + 1) & 3, stride)
    start = position(world, n, stride) - HALF * right
    for column in range(VIEW):
        at = start + column * right
        for row in range(VIEW - 1, 0, -1):
            put_cell(image, n, column, row, words[world.grid[n, np.uint64(at)]])
            at += ahead
        _show_cell(image, n, column, 0, world.grid[n, np.uint64(at)], triples)
    _show_cell(image, n, HALF, VIEW - 1, world.agent[n, CARRY], triples)
