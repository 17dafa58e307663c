"""Mazes as text, and the same mazes in metres.

``#`` is a wall, ``.`` is open, ``S`` and ``G`` are the open cells where the long task starts and
ends. The origin is the middle of the map, x points right and y up.

Source: the four sizes are named as in D4RL (Fu et al., 2020) and Gymnasium-Robotics; the U is
theirs, the other maps are ours.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from operant.types import Bool, Float, Int

MAPS: dict[str, tuple[str, ...]] = {
    "Open": (
        "#######",
        "#S....#",
        "#.....#",
        "#....G#",
        "#######",
    ),
    "UMaze": (
        "#####",
        "#S..#",
        "###.#",
        "#G..#",
        "#####",
    ),
    "Medium": (
        "########",
        "#S.#...#",
        "##...#.#",
        "#..#.#.#",
        "#.##.###",
        "#....#.#",
        "###....#",
        "#G...#.#",
        "########",
    ),
    "Large": (
        "############",
        "#S...#.....#",
        "#.##.#.###.#",
        "#..#...#...#",
        "##.#####.#.#",
        "#......#.#.#",
        "#.####...#.#",
        "#....#.#..G#",
        "############",
    ),
}
"""Name -> the map, row by row from the top."""


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Maze:
    """A maze in metres.

    Attributes:
        name: One of :data:`MAPS`.
        cell: Side of a cell, m.
        walls: (H, W) bool, row 0 at the top.
        boxes: (K, 4) disjoint rectangles ``x_low, y_low, x_high, y_high`` that the walls are, m.
        places: (C, 2) middles of the open cells, m.
        steps: (C, C) cells to walk from one open cell to another.
        ends: Indices of the open cells S and G.
    """

    name: str
    cell: float
    walls: Bool
    boxes: Float
    places: Float
    steps: Int
    ends: tuple[int, int]

    @property
    def half(self) -> Float:
        """Half of the map's width and height, m: (2,)."""
        rows, columns = self.walls.shape
        return np.array([columns, rows]) * self.cell / 2

    def grid(self, points: Float) -> tuple[Int, Int]:
        """Return row and column of the cells in which points lie, the nearest ones if outside.

        Args:
            points: (B, 2), m.
        """
        rows, columns = self.walls.shape
        column = np.floor((points[:, 0] + self.half[0]) / self.cell).astype(np.int64)
        row = np.floor((self.half[1] - points[:, 1]) / self.cell).astype(np.int64)
        return np.clip(row, 0, rows - 1), np.clip(column, 0, columns - 1)


def layout(name: str, cell: float = 1.0) -> Maze:
    """Return a maze.

    Args:
        name: One of :data:`MAPS`.
        cell: Side of a cell, m, above 0.

    Raises:
        ValueError: If there is no such maze, or cells have no size.

    >>> layout("UMaze").places.tolist()[0]
    [-1.0, 1.0]
    """
    if name not in MAPS:
        raise ValueError(f"maze must be one of {', '.join(MAPS)}, got {name!r}")
    if not cell > 0:
        raise ValueError(f"cell must be a length above 0 m, got {cell}")
    letters = np.array([list(row) for row in MAPS[name]])
    walls = letters == "#"
    half = np.array([letters.shape[1], letters.shape[0]]) * cell / 2
    cells = np.argwhere(~walls)
    marks = [letters[tuple(at)] for at in cells]
    return Maze(
        name=name,
        cell=cell,
        walls=walls,
        boxes=_in_metres(_rectangles(walls), half, cell),
        places=np.stack(
            [(cells[:, 1] + 0.5) * cell - half[0], half[1] - (cells[:, 0] + 0.5) * cell], axis=1
        ),
        steps=_walks(cells),
        ends=(marks.index("S"), marks.index("G")),
    )


def _rectangles(walls: Bool) -> list[tuple[int, int, int, int]]:
    """Cover wall cells with few disjoint rectangles: top, left, bottom, right (exclusive)."""
    left, found = walls.copy(), []
    for row, column in np.argwhere(walls).tolist():
        if not left[row, column]:
            continue
        right, bottom = column, row
        while right < left.shape[1] and left[row, right]:
            right += 1
        while bottom < left.shape[0] and left[bottom, column:right].all():
            bottom += 1
        left[row:bottom, column:right] = False
        found.append((row, column, bottom, right))
    return found


def _in_metres(
    rectangles: list[tuple[int, int, int, int]], half: npt.NDArray[np.float64], cell: float
) -> Float:
    return np.array(
        [
            [
                left * cell - half[0],
                half[1] - bottom * cell,
                right * cell - half[0],
                half[1] - top * cell,
            ]
            for top, left, bottom, right in rectangles
        ]
    )


def _walks(cells: Int) -> Int:
    """Return the cells to walk between all pairs of open cells, by relaxation."""
    apart = np.abs(cells[:, None] - cells[None]).sum(-1)
    far = len(cells)
    steps = np.where(apart <= 1, apart, far)
    for middle in range(len(cells)):
        steps = np.minimum(steps, steps[:, middle, None] + steps[None, middle])
    return steps
