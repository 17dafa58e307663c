"""Fewest actions on an open floor, in closed form: turning costs one action, so does a step.

On a floor without obstacles a shortest way is one straight run per axis, so only the turns have to
be chosen: before, between and (where the last heading is given) after the runs. They depend on the
signs of the offset and on headings alone, so they are looked up: agents at random make the choices
unpredictable, and a branch that the processor guesses wrong costs more than all the rest.
"""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

from operant.envs.gridworld.jit import compiled, tiny

RIGHT, DOWN, LEFT, UP = HEADINGS = range(4)


def _turns(heading: int, wanted: int) -> int:
    """Return the fewest quarter turns between two directions."""
    apart = (heading - wanted) & 3
    return 1 if apart == 3 else apart


def _turns_to_reach(right: int, down: int, heading: int) -> int:
    """Return the turns on a shortest way to an offset with these signs."""
    across, along = RIGHT if right > 0 else LEFT, DOWN if down > 0 else UP
    if right == 0 and down == 0:
        return 0
    if down == 0:
        return _turns(heading, across)
    if right == 0:
        return _turns(heading, along)
    return 1 + min(_turns(heading, across), _turns(heading, along))


def _turns_to_pose(right: int, down: int, heading: int, final: int) -> int:
    """Return the turns on a shortest way to an offset with these signs, the last one included."""
    across, along = RIGHT if right > 0 else LEFT, DOWN if down > 0 else UP
    if right == 0 and down == 0:
        return _turns(heading, final)
    if down == 0:
        return _turns(heading, across) + _turns(across, final)
    if right == 0:
        return _turns(heading, along) + _turns(along, final)
    across_first = _turns(heading, across) + _turns(along, final)
    along_first = _turns(heading, along) + _turns(across, final)
    return 1 + min(across_first, along_first)


def _tables() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Tabulate the turns by the signs of (dx, dy), each plus 1, the heading[, the final one]."""
    reach, pose = np.zeros((9, 4), np.uint8), np.zeros((9, 16), np.uint8)
    for row, (right, down) in enumerate(itertools.product((-1, 0, 1), repeat=2)):
        for heading in HEADINGS:
            reach[row, heading] = _turns_to_reach(right, down, heading)
            for final in HEADINGS:
                pose[row, 4 * heading + final] = _turns_to_pose(right, down, heading, final)
    return reach, pose


_REACH, _POSE = _tables()


@tiny
def turns(heading: int, wanted: int) -> int:
    """Return the fewest quarter turns between two directions."""
    apart = (heading - wanted) & 3
    return apart - 2 * (apart == 3)


@tiny
def _quarter(dx: int, dy: int) -> int:
    """Return the row of the tables for an offset."""
    return 3 * ((dx > 0) - (dx < 0)) + (dy > 0) - (dy < 0) + 4


@compiled
def steps_to_reach(dx: int, dy: int, heading: int) -> int:
    """Return the fewest actions to stand on the cell at offset (dx, dy)."""
    return int(abs(dx) + abs(dy) + _REACH[_quarter(dx, dy), heading])


@compiled
def steps_to_face(dx: int, dy: int, heading: int) -> int:
    """Return the fewest actions to stand beside the cell at offset (dx, dy) and face it.

    From the cell itself one first has to step off it: one step and a half turn.
    """
    return steps_to_reach(dx, dy, heading) - 1 + 4 * (dx == 0 and dy == 0)


@compiled
def steps_to_pose(dx: int, dy: int, heading: int, final: int) -> int:
    """Return the fewest actions to stand on the cell at offset (dx, dy), facing ``final``."""
    return int(abs(dx) + abs(dy) + _POSE[_quarter(dx, dy), 4 * heading + final])
