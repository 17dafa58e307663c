"""Robots that move freely in space: ant and humanoid."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from operant.envs.mujoco.robots.robot import Motion, Robot, value
from operant.types import Bool, Feature, Float


@dataclasses.dataclass(frozen=True, kw_only=True)
class FreeRobot(Robot):
    """A robot with a free root joint: position, unit quaternion (w, x, y, z), then hinges.

    Attributes:
        healthy_height: Interval of the torso's height in m.
        contact_weight: Of v5's reward.
    """

    healthy_height: tuple[float, float]
    contact_weight: float
    contact_forces: bool = True

    def _body_table(self) -> tuple[Feature, ...]:
        return (
            value("forward_velocity", "mean velocity along x over the step", "m/s"),
            value("side_velocity", "mean velocity along y over the step", "m/s"),
            value("vertical_velocity", "velocity upwards", "m/s"),
            value("x_position", "position along x", "m", privileged=True),
            value("y_position", "position along y", "m", privileged=True),
            value(
                "distance_from_origin",
                "of the torso, in the plane of the floor",
                "m",
                low=0.0,
                privileged=True,
            ),
            value("torso_height", "height of the torso's centre over the floor", "m"),
            value("up", "height of the torso's unit up vector: 1 upright", low=-1.0, high=1.0),
            value("roll", "of the torso, to its right", "rad", low=-math.pi, high=math.pi),
            value("pitch", "of the torso, forwards", "rad", low=-math.pi / 2, high=math.pi / 2),
            value("heading", "left from +x", "rad", low=-math.pi, high=math.pi),
            value("roll_velocity", "angular velocity about the torso's own x axis", "rad/s"),
            value("pitch_velocity", "angular velocity about the torso's own y axis", "rad/s"),
            value("yaw_velocity", "angular velocity about the torso's own z axis", "rad/s"),
        )

    def _body(self, qpos: Float, qvel: Float, motion: Motion, out: Float) -> None:
        out[:, :2] = motion.velocity
        out[:, 2] = qvel[:, 2]
        out[:, 3:5] = qpos[:, :2]
        out[:, 5] = np.sqrt(np.square(qpos[:, :2]).sum(axis=1))
        out[:, 6] = qpos[:, 2]
        out[:, 7], out[:, 8], out[:, 9], out[:, 10] = attitude(qpos[:, 3:7])
        out[:, 11:] = qvel[:, 3:6]


def attitude(quaternion: Float) -> tuple[Float, Float, Float, Float]:
    """Return the up vector's height, roll, pitch and heading of quaternions (B, 4), each (B,).

    The angles are those of turning about z (heading), then y (pitch), then x (roll).

    >>> [round(float(angle[0]), 3) for angle in attitude(np.array([[1.0, 0.0, 0.0, 1.0]]))]
    [1.0, 0.0, 0.0, 1.571]
    """
    # mj_step leaves positions whose quaternion may not have length 1 yet
    w, x, y, z = (quaternion / np.sqrt(np.square(quaternion).sum(axis=1, keepdims=True))).T
    up = np.clip(1.0 - 2.0 * (x * x + y * y), -1.0, 1.0)
    roll = np.arctan2(2.0 * (w * x + y * z), up)
    pitch = np.arcsin(np.clip(2.0 * (w * y - z * x), -1.0, 1.0))
    heading = np.arctan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))
    return up, roll, pitch, heading


def within(values: Float, interval: tuple[float, float], *, closed: bool) -> Bool:
    """Tell which values lie in an interval."""
    low, high = interval
    if closed:
        return (low <= values) & (values <= high)
    return (low < values) & (values < high)
