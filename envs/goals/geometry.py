"""Straight motion among axis-parallel boxes, compiled: sliding along them, and seeing past them.

A square of half-side r moves among boxes as its middle does among boxes that are larger by r, so
all of this is about points. All compiled functions are in this one file: numba's cache notices
changes of a function's own file only.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np

from operant.types import Bool, Float

F = TypeVar("F", bound=Callable[..., Any])
_njit: Any = numba.njit
_HAIR = 1e-9
"""Shorter lengths are none, m."""


def _compiled(function: F) -> F:
    """Compile a function and keep the machine code on disk, where there is a place for it."""
    try:
        return cast(F, _njit(error_model="numpy", cache=True)(function))
    except RuntimeError:  # no folder can be written to
        return cast(F, _njit(error_model="numpy")(function))


def grown(boxes: Float, by: float) -> Float:
    """Return boxes that are larger by a length on every side.

    Args:
        boxes: (K, 4), ``x_low, y_low, x_high, y_high``.
        by: Length, negative to shrink.

    >>> grown(np.array([[0.0, 0.0, 1.0, 1.0]]), 0.5).tolist()
    [[-0.5, -0.5, 1.5, 1.5]]
    """
    larger: Float = boxes + np.array([-by, -by, by, by])
    return larger


@_compiled
def _span(at: float, by: float, low: float, high: float) -> tuple[float, float]:
    """Return between which fractions of a motion one coordinate lies in (low, high)."""
    if by > 0.0:
        return (low - at) / by, (high - at) / by
    if by < 0.0:
        return (high - at) / by, (low - at) / by
    if low < at < high:
        return -math.inf, math.inf
    return math.inf, math.inf


@_compiled
def _box_around(x: float, y: float, boxes: Float) -> int:
    """Return a box that has a point inside of its faces, or -1."""
    for k in range(len(boxes)):
        if boxes[k, 0] < x < boxes[k, 2] and boxes[k, 1] < y < boxes[k, 3]:
            return k
    return -1


@_compiled
def _sees(x: float, y: float, to_x: float, to_y: float, boxes: Float) -> bool:
    """Tell whether the straight line between two points is free of boxes."""
    by_x, by_y = to_x - x, to_y - y
    for k in range(len(boxes)):
        in_x, out_x = _span(x, by_x, boxes[k, 0], boxes[k, 2])
        in_y, out_y = _span(y, by_y, boxes[k, 1], boxes[k, 3])
        enter, leave = max(in_x, in_y), min(out_x, out_y)
        if enter < leave and leave > 0.0 and enter < 1.0:
            return False
    return True


@_compiled
def slide(start: Float, move: Float, boxes: Float) -> tuple[Float, Bool]:
    """Move points as far as boxes let them.

    At a face the part of the motion that points into it is lost and the rest goes on. The motion
    is followed all along, so nothing is ever jumped over, however far it goes; a point that starts
    in no box ends in none, to the last bit.

    Args:
        start: (B, 2), in no box; on a face is fine.
        move: (B, 2), finite.
        boxes: (K, 4).

    Returns:
        Where they end, (B, 2), and which coordinate of each was stopped, (B, 2).
    """
    ends = start.copy()
    stopped = np.zeros(start.shape, np.bool_)
    for row in range(len(start)):
        left_x, left_y = move[row, 0], move[row, 1]
        for _ in range(2):  # the second face stops what the first left over
            x, y = ends[row, 0], ends[row, 1]
            when, axis, face = math.inf, 0, 0.0
            for k in range(len(boxes)):
                in_x, out_x = _span(x, left_x, boxes[k, 0], boxes[k, 2])
                in_y, out_y = _span(y, left_y, boxes[k, 1], boxes[k, 3])
                enter = max(in_x, in_y)
                if 0.0 <= enter < min(out_x, out_y) and enter <= 1.0 and enter < when:
                    when = enter
                    if in_x > in_y:
                        axis, face = 0, (boxes[k, 0] if left_x > 0 else boxes[k, 2])
                    else:
                        axis, face = 1, (boxes[k, 1] if left_y > 0 else boxes[k, 3])
            part = min(when, 1.0)
            ends[row, 0], ends[row, 1] = x + part * left_x, y + part * left_y
            left_x, left_y = (1.0 - part) * left_x, (1.0 - part) * left_y
            if when <= 1.0:
                ends[row, axis] = face  # exactly on it, which rounding would miss
                stopped[row, axis] = True
                left_x, left_y = (0.0, left_y) if axis == 0 else (left_x, 0.0)
            wrong = _box_around(ends[row, 0], ends[row, 1], boxes)
            if wrong >= 0:  # rounding put the other coordinate behind the face of another box
                nearest, deep = 0, math.inf
                for face_at in range(4):
                    depth = abs(boxes[wrong, face_at] - ends[row, face_at % 2])
                    if depth < deep:
                        nearest, deep = face_at, depth
                ends[row, nearest % 2] = boxes[wrong, nearest]
                stopped[row, nearest % 2] = True
                if _box_around(ends[row, 0], ends[row, 1], boxes) >= 0:
                    ends[row, 0], ends[row, 1] = x, y
                    stopped[row] = True
                    left_x, left_y = 0.0, 0.0
            if when > 1.0:
                break
    return ends, stopped


@_compiled
def lines(points: Float, targets: Float, boxes: Float) -> Float:
    """Return the lengths of the straight lines between points, infinite where boxes are in the way.

    Args:
        points: (B, 2).
        targets: (V, 2).
        boxes: (K, 4).

    Returns:
        (B, V).
    """
    found = np.full((len(points), len(targets)), np.inf)
    for row in range(len(points)):
        x, y = points[row, 0], points[row, 1]
        for v in range(len(targets)):
            if _sees(x, y, targets[v, 0], targets[v, 1], boxes):
                found[row, v] = math.hypot(targets[v, 0] - x, targets[v, 1] - y)
    return found


@_compiled
def drive(
    at: Float, speed: Float, push: Float, top: float, seconds: float, boxes: Float
) -> tuple[Float, Float]:
    """Push points for a while: they speed up, up to a top speed, move, and lose speed at boxes.

    Args:
        at: (B, 2), in no box.
        speed: (B, 2) velocities.
        push: (B, 2) accelerations.
        top: Top speed.
        seconds: How long.
        boxes: (K, 4).

    Returns:
        Places and velocities after it, (B, 2) each.
    """
    after = speed + push * seconds
    for row in range(len(at)):
        fast = math.hypot(after[row, 0], after[row, 1])
        if fast > top:
            for axis in range(2):  # rounding may not lead beyond the top speed
                after[row, axis] = min(max(after[row, axis] * (top / fast), -top), top)
    ends, stopped = slide(at, after * seconds, boxes)
    for row in range(len(at)):
        for axis in range(2):
            if stopped[row, axis]:
                after[row, axis] = 0.0
    return ends, after


@_compiled
def _fitting(x: float, y: float, frames: Float) -> tuple[float, float]:
    """Return the nearest point in any of some rectangles, (R, 4)."""
    best, best_x, best_y = math.inf, x, y
    for r in range(len(frames)):
        to_x = min(max(x, frames[r, 0]), frames[r, 2])
        to_y = min(max(y, frames[r, 1]), frames[r, 3])
        off = math.hypot(to_x - x, to_y - y)
        if off < best:
            best, best_x, best_y = off, to_x, to_y
    return best_x, best_y


@_compiled
def ways(
    points: Float,
    goals: Float,
    ahead: Float,
    corners: Float,
    boxes: Float,
    frames: Float,
    cell: float,
) -> tuple[Float, Float]:
    """Return the shortest ways to goals, straight or by way of corners.

    A point in a box first goes straight to where the body fits in its cell.

    Args:
        points: (B, 2).
        goals: (B, 2), in no box.
        ahead: (B, V) lengths of the ways from corners to the goals.
        corners: (V, 2) of boxes.
        boxes: (K, 4).
        frames: (H, W, R, 4): rectangles where the body fits in each cell of the map, whose middle
            is the origin; row 0 is at the top.
        cell: Side of a cell.

    Returns:
        Lengths, (B,), and the unit vectors in which ways begin, (B, 2), 0 at the goal.
    """
    length = np.zeros(len(points))
    towards = np.zeros(points.shape)
    rows, columns = frames.shape[0], frames.shape[1]
    for row in range(len(points)):
        from_x, from_y = points[row, 0], points[row, 1]
        x, y = from_x, from_y
        if _box_around(x, y, boxes) >= 0:
            r = min(max(math.floor(rows / 2 - y / cell), 0), rows - 1)
            c = min(max(math.floor(x / cell + columns / 2), 0), columns - 1)
            x, y = _fitting(x, y, frames[r, c])
        to_x, to_y = goals[row, 0], goals[row, 1]
        way = math.hypot(to_x - x, to_y - y)
        if not _sees(x, y, to_x, to_y, boxes):
            way = math.inf
            for v in range(len(corners)):
                at_x, at_y = corners[v, 0], corners[v, 1]
                leg = math.hypot(at_x - x, at_y - y)
                whole = leg + ahead[row, v]
                # a corner that is reached already leads nowhere: the next one is named
                if leg > _HAIR and whole < way and _sees(x, y, at_x, at_y, boxes):
                    way, to_x, to_y = whole, at_x, at_y
        lift = math.hypot(x - from_x, y - from_y)
        length[row] = way + lift
        if lift > _HAIR:
            to_x, to_y = x, y
        leg = math.hypot(to_x - from_x, to_y - from_y)
        if leg > _HAIR:
            towards[row, 0], towards[row, 1] = (to_x - from_x) / leg, (to_y - from_y) / leg
    return length, towards
