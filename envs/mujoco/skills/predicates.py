"""What a robot has shown so far, in numbers: the pure functions that the skills are judged by.

All take and return arrays with one entry per row; none draws, and none knows MuJoCo.
"""

from __future__ import annotations

import numpy as np

from operant.types import Bool, Float, Int

TURN = 2 * np.pi
"""Radians of a whole turn."""


def streak(steps: Int, holds: Bool) -> Int:
    """Return how many steps in a row a condition has held.

    Args:
        steps: (B,) the count before this step.
        holds: (B,) whether it holds after this step.

    >>> streak(np.array([4, 4]), np.array([True, False])).tolist()
    [5, 0]
    """
    return np.where(holds, steps + 1, 0)


def wrapped(angle: Float) -> Float:
    """Return angles in radians as the equal ones in [-pi, pi).

    >>> wrapped(np.array([2 * np.pi + 0.5, -3 * np.pi / 2])).round(3).tolist()
    [0.5, 1.571]
    """
    turned: Float = angle - TURN * np.floor((angle + np.pi) / TURN)
    return np.clip(turned, -np.pi, np.pi)  # rounding may leave it an ulp outside


def whole_turns(turned: Float, before: Int) -> Int:
    """Return the whole turns made so far; turning back takes none away.

    Args:
        turned: (B,) radians turned since the start, in the direction that counts.
        before: (B,) the count before this step.

    >>> whole_turns(np.array([6.2, 6.3, 1.0, -9.0]), np.array([0, 0, 2, 0])).tolist()
    [0, 1, 2, 0]
    """
    return np.maximum(before, np.floor(turned / TURN).astype(np.int64))


def swings(count: Int, side: Int, velocity: Float, waving: Bool, least: float) -> tuple[Int, Int]:
    """Count how often a leg reversed its swing; both numbers start anew where it stops waving.

    A velocity below ``least`` has no direction, so that trembling is no waving.

    Args:
        count: (B,) reversals before this step.
        side: (B,) direction of the last swing, -1 or 1; 0 for none yet.
        velocity: (B,) angular velocity of the leg, rad/s.
        waving: (B,) whether a swing counts after this step.
        least: Angular velocity of a swing, rad/s.

    Returns:
        Reversals and direction after this step.

    >>> count, side = np.array([1, 1, 1]), np.array([1, 1, 1])
    >>> velocity, waving = np.array([-2.0, -0.1, -2.0]), np.array([True, True, False])
    >>> [part.tolist() for part in swings(count, side, velocity, waving, 0.5)]
    [[2, 1, 0], [-1, 1, 0]]
    """
    now = np.where(np.abs(velocity) >= least, np.sign(velocity), 0).astype(np.int64)
    reversed_ = now * side < 0
    return (
        np.where(waving, count + reversed_, 0),
        np.where(waving, np.where(now == 0, side, now), 0),
    )


def up_z(quaternion: Float) -> Float:
    """Return the vertical part of a body's own up direction: 1 upright, -1 on its back.

    Args:
        quaternion: (B, 4) orientation (w, x, y, z) of length 1.

    >>> up_z(np.array([[1.0, 0, 0, 0], [0, 1, 0, 0]])).tolist()
    [1.0, -1.0]
    """
    x, y = quaternion[:, 1], quaternion[:, 2]
    return np.clip(1.0 - 2.0 * (x * x + y * y), -1.0, 1.0)


def speed(velocity: Float) -> Float:
    """Return the lengths of velocities in space, (B, 3) to (B,).

    >>> speed(np.array([[2.0, -1.0, 2.0]])).tolist()
    [3.0]
    """
    x, y, z = velocity[:, 0], velocity[:, 1], velocity[:, 2]
    length: Float = np.sqrt(x * x + y * y + z * z)
    return length
