"""Shortest ways through a maze: exact, for a square body, from anywhere to anywhere.

A shortest way among boxes is a chain of straight lines that turns at corners of boxes. How far
these are from each other is worked out once; a way is then the best of "straight to a corner,
along the chain, straight to the goal".

Source: An algorithm for planning collision-free paths among polyhedral obstacles (Lozano-Perez,
Wesley, 1979).
"""

from __future__ import annotations

import numpy as np

from operant.envs.goals.geometry import grown, lines, ways
from operant.envs.goals.layouts import Maze
from operant.types import Float

_HAIR = 1e-9
"""A way may touch a box so far beyond its face, m: corners lie on faces."""


class Routes:
    """The shortest ways of a body through a maze.

    Attributes:
        boxes: (K, 4) where the middle of the body cannot be, m.
        corners: (V, 2) where ways can turn, m.
        apart: (V, V) lengths of the ways between corners, m.
        longest: No way through the maze is longer, m.
    """

    def __init__(self, maze: Maze, clearance: float) -> None:
        """Work out the ways between corners.

        Args:
            maze: The maze.
            clearance: Half of the body's side: what it keeps from walls, m, above 0.

        Raises:
            ValueError: If the body does not fit through a cell.
        """
        if not 0 < clearance < maze.cell / 2:
            raise ValueError(
                f"clearance must be above 0 and below half a cell ({maze.cell / 2:g} m), got "
                f"{clearance}"
            )
        self.boxes = grown(maze.boxes, clearance)
        self._thin = grown(self.boxes, -_HAIR)
        self._cell, self._frames = maze.cell, _frames(maze, clearance)
        self.corners = _turns(maze, self.boxes)
        self.apart = lines(self.corners, self.corners, self._thin)
        for middle in range(len(self.corners)):
            through = self.apart[:, middle, None] + self.apart[None, middle]
            self.apart = np.minimum(self.apart, through)
        chain = self.apart.max() if len(self.corners) else 0.0
        self.longest = float(chain + 2 * np.hypot(*(2 * maze.half)))

    def ahead(self, goals: Float) -> Float:
        """Return how far goals are from every corner, (B, V) m: what :meth:`ways` wants to know.

        Args:
            goals: (B, 2), m, where the body fits.
        """
        straight = lines(goals, self.corners, self._thin)
        way: Float = (straight[:, None] + self.apart).min(axis=2, initial=np.inf)
        return way

    def ways(self, points: Float, goals: Float, ahead: Float) -> tuple[Float, Float]:
        """Return the shortest ways to goals.

        A point nearer to a wall than the body fits first goes straight to where it does.

        Args:
            points: (B, 2), m.
            goals: (B, 2), m, where the body fits.
            ahead: (B, V), what :meth:`ahead` says of the goals.

        Returns:
            Their lengths, (B,) m, and the unit vectors in which they begin, (B, 2), 0 at the goal.
        """
        return ways(points, goals, ahead, self.corners, self._thin, self._frames, self._cell)


def _turns(maze: Maze, boxes: Float) -> Float:
    """Return the corners of boxes that stick out into the open, (V, 2)."""
    corners = np.unique(np.concatenate([boxes[:, [i, j]] for i in (0, 2) for j in (1, 3)]), axis=0)
    corners = corners[(np.abs(corners) < maze.half).all(axis=1)]
    # A corner on the face of another box is no end of the wall: two of them continue each other.
    wide = grown(boxes, _HAIR)
    within = (wide[:, :2] < corners[:, None]) & (corners[:, None] < wide[:, 2:])
    turns: Float = corners[within.all(axis=2).sum(axis=1) == 1]
    return turns


def _frames(maze: Maze, clearance: float) -> Float:
    """Return where the body fits in each cell: (H, W, 2, 4), a wide and a tall rectangle.

    A wall's are those of the open cell next to it.
    """
    rows, columns = maze.walls.shape
    frames = np.zeros((rows, columns, 2, 4))
    open_cells = np.argwhere(~maze.walls)
    half = maze.cell / 2 - clearance
    for row, column in np.ndindex(rows, columns):
        near = np.abs(open_cells - (row, column)).sum(axis=1).argmin()
        r, c = open_cells[near]
        x, y = maze.places[near]
        left, right = ~maze.walls[r, c - 1] * clearance, ~maze.walls[r, c + 1] * clearance
        up, down = ~maze.walls[r - 1, c] * clearance, ~maze.walls[r + 1, c] * clearance
        frames[row, column, 0] = (x - half - left, y - half, x + half + right, y + half)
        frames[row, column, 1] = (x - half, y - half - down, x + half, y + half + up)
    return frames
