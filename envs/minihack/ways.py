"""How far it is: fewest moves over a level, by the game's rules for doors and diagonals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np

from operant.envs.minihack.ground import (
    BROKEN,
    CLOSED,
    DOOR,
    SECRET_CORRIDOR,
    SECRET_DOOR,
    Ground,
)
from operant.types import Bool, Int

FAR = 200
"""What stands for "no way", and for longer ways."""
MOVES = ((-1, 0), (0, 1), (1, 0), (0, -1), (-1, 1), (1, 1), (1, -1), (-1, -1))
"""(down, right) of the eight directions, in the order of the actions."""
Place = tuple[int, int]


class Ways:
    """Distances on one level: every door stands open, no way is hidden, nothing is in the way.

    Maps of distances are kept until :meth:`refresh` sees that the terrain has changed.
    """

    def __init__(self, ground: Ground) -> None:
        """Take a level."""
        self._ground, self._print = ground, b""
        self._maps: dict[Place, Int] = {}
        self.refresh()

    def refresh(self) -> None:
        """Look at the terrain again; to be called after every move."""
        terrain, doors = self._ground.terrain, self._ground.doors
        seen = terrain.tobytes() + doors.tobytes()
        if seen == self._print:
            return
        self._print = seen
        self._maps.clear()
        hidden = (terrain == SECRET_DOOR) | (terrain == SECRET_CORRIDOR)
        self._free: Bool = (terrain >= DOOR) | hidden
        self._narrow: Bool = ((terrain == DOOR) & (doors > BROKEN)) | (terrain == SECRET_DOOR)
        self._any_closed = bool(((terrain == DOOR) & (doors >= CLOSED)).any())

    def steps(self, goal: Place | None, start: Place) -> int:
        """Return the fewest moves between two places; ``FAR`` where none lead there."""
        return FAR if goal is None else int(self.map(goal)[start])

    def map(self, goal: Place) -> Int:
        """Return the fewest moves from each cell to a goal, (21, 79)."""
        if goal not in self._maps:
            self._maps[goal] = _spread(self._free, self._narrow, *goal)
        return self._maps[goal]

    def path(self, goal: Place, start: Place) -> tuple[int, ...]:
        """Return the directions of a shortest way, indices into ``MOVES``; () if none leads."""
        return tuple(_descend(self.map(goal), self._narrow, *start).tolist())

    def closed_doors(self, goal: Place, start: Place) -> list[Place]:
        """Return the closed doors on the way that :meth:`path` takes, in their order."""
        (row, column), found = start, list[Place]()
        if not self._any_closed:
            return found
        for direction in self.path(goal, start):
            row, column = row + MOVES[direction][0], column + MOVES[direction][1]
            if self._narrow[row, column] and self._ground.door(row, column) >= CLOSED:
                found.append((row, column))
        return found


_Function = TypeVar("_Function", bound=Callable[..., Any])


def _compiled(function: _Function) -> _Function:
    """Compile a function, once for all processes."""
    njit: Any = numba.njit
    made: _Function = njit(cache=True)(function)
    return made


@_compiled
def _spread(free: Bool, narrow: Bool, row: int, column: int) -> Int:
    """Return how many moves lead from each cell to a goal.

    Args:
        free: (21, 79), cells that can be stood upon.
        narrow: (21, 79), doorways that are neither entered nor left diagonally.
        row: Of the goal.
        column: Of the goal.
    """
    height, width = free.shape
    steps = np.full((height, width), FAR, np.int64)
    queue = np.empty(height * width, np.int64)
    steps[row, column] = 0
    queue[0], first, last = row * width + column, 0, 1
    while first < last:
        y, x = queue[first] // width, queue[first] % width
        first += 1
        length = steps[y, x] + 1
        for down in range(-1, 2):
            for right in range(-1, 2):
                to_y, to_x = y + down, x + right
                inside = 0 <= to_y < height and 0 <= to_x < width
                if not inside or not free[to_y, to_x] or steps[to_y, to_x] <= length:
                    continue
                if down != 0 and right != 0 and (narrow[y, x] or narrow[to_y, to_x]):
                    continue
                steps[to_y, to_x] = length
                queue[last] = to_y * width + to_x
                last += 1
    return steps


@_compiled
def _descend(steps: Int, narrow: Bool, row: int, column: int) -> Int:
    """Return the directions of a shortest way from a place, given the moves left from each cell."""
    left = steps[row, column] if steps[row, column] < FAR else 0
    path = np.empty(left, np.int64)
    for i in range(left):
        for direction in range(8):
            down, right = MOVES[direction]
            y, x = row + down, column + right
            if not (0 <= y < steps.shape[0] and 0 <= x < steps.shape[1]):
                continue
            if down != 0 and right != 0 and (narrow[row, column] or narrow[y, x]):
                continue
            if steps[y, x] == left - i - 1:
                path[i], row, column = direction, y, x
                break
    return path
