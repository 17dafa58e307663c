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

from operant.envs.gridworld.cells import OPAQUE, TRIPLES
from operant.envs.gridworld.jit import compiled
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


@compiled
def observe(
    world: World,
    n: int,
    stride: int,
    image: npt.NDArray[np.uint8],
    rows: npt.NDArray[np.uint16],
) -> None:
    """Write row n's view into ``image[n]``, (VIEW, VIEW, 3) uint8 indexed [column, row].

    The agent stands at column 3 of the last row and looks towards row 0. Its own cell shows what it
    carries. Unseen cells are (0, 0, 0).
    """
    direction = world.agent[n, DIRECTION]
    ahead, right = delta(direction, stride), delta((direction + 1) & 3, stride)
    start = position(world, n, stride) - HALF * right
    seen = 1 << HALF
    for row in range(VIEW - 1, -1, -1):
        transparent = 0
        for column in range(VIEW):
            if world.grid[n, np.uint64(start + column * right)] < OPAQUE:
                transparent |= 1 << column
        entry: Any = np.int64(rows[seen, transparent])
        visible, seen = entry & ROW_MASK, entry >> VIEW
        for column in range(VIEW):
            cell = (
                world.grid[n, np.uint64(start + column * right)]
                if (visible >> column) & 1
                else np.uint8(0)
            )
            image[n, column, row, 0] = TRIPLES[cell, 0]
            image[n, column, row, 1] = TRIPLES[cell, 1]
            image[n, column, row, 2] = TRIPLES[cell, 2]
        start += ahead
    carried = world.agent[n, CARRY]
    for channel in range(3):
        image[n, HALF, VIEW - 1, channel] = TRIPLES[carried, channel]
