"""Fewest actions on an open floor, in closed form: turning costs one action, so does a step.

On a floor without obstacles a shortest way is one straight run per axis, so only the turns have to
be chosen: before, between and (where the last heading is given) after the runs.
"""

from __future__ import annotations

from operant.envs.gridworld.jit import compiled, tiny

RIGHT, DOWN, LEFT, UP = range(4)


@tiny
def turns(heading: int, wanted: int) -> int:
    """Return the fewest quarter turns between two directions."""
    apart = (heading - wanted) & 3
    return 1 if apart == 3 else apart


@compiled
def steps_to_reach(dx: int, dy: int, heading: int) -> int:
    """Return the fewest actions to stand on the cell at offset (dx, dy)."""
    across, along = RIGHT if dx > 0 else LEFT, DOWN if dy > 0 else UP
    if dx == 0 and dy == 0:
        return 0
    if dy == 0:
        return abs(dx) + turns(heading, across)
    if dx == 0:
        return abs(dy) + turns(heading, along)
    return abs(dx) + abs(dy) + 1 + min(turns(heading, across), turns(heading, along))


@compiled
def steps_to_face(dx: int, dy: int, heading: int) -> int:
    """Return the fewest actions to stand beside the cell at offset (dx, dy) and face it.

    From the cell itself one first has to step off it: one step and a half turn.
    """
    if dx == 0 and dy == 0:
        return 3
    return steps_to_reach(dx, dy, heading) - 1


@compiled
def steps_to_pose(dx: int, dy: int, heading: int, final: int) -> int:
    """Return the fewest actions to stand on the cell at offset (dx, dy), facing ``final``."""
    across, along = RIGHT if dx > 0 else LEFT, DOWN if dy > 0 else UP
    if dx == 0 and dy == 0:
        return turns(heading, final)
    if dy == 0:
        return abs(dx) + turns(heading, across) + turns(across, final)
    if dx == 0:
        return abs(dy) + turns(heading, along) + turns(along, final)
    across_first = turns(heading, across) + turns(along, final)
    along_first = turns(heading, along) + turns(across, final)
    return abs(dx) + abs(dy) + 1 + min(across_first, along_first)
