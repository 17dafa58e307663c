"""Robots that move in a vertical plane: hopper, walker and half cheetah.

Their torso slides along x and z and turns about y, so that its pitch is a joint angle, which counts
full turns. A positive pitch leans forwards (towards +x).
"""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np

from operant.envs.mujoco.robots.robot import Motion, Robot, value
from operant.envs.mujoco.simulation import Simulation
from operant.types import Bool, Feature, Float, Int


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlanarRobot(Robot):
    """A robot with the root joints x, z and pitch.

    Attributes:
        healthy_height: Open interval of ``qpos[1]`` in m; None for a robot that cannot fall.
        healthy_pitch: Open interval of the pitch in rad.
        healthy_rest: Bound of the magnitude of all other positions and velocities.
        clip: Bound of observed velocities.
    """

    healthy_height: tuple[float, float] | None = None
    healthy_pitch: tuple[float, float] = (-math.inf, math.inf)
    healthy_rest: float = math.inf
    clip: float = math.inf

    @property
    def health(self) -> str:
        """When it is healthy, in words."""
        if self.healthy_height is None:
            return "always"
        low, high = self.healthy_height
        tall = f"{low:g} < torso_height" + (f" < {high:g}" if high < math.inf else "")
        rest = f", and all other positions and velocities within +-{self.healthy_rest:g}"
        lean = f"{self.healthy_pitch[0]:g} < torso_pitch < {self.healthy_pitch[1]:g}"
        return f"{tall}, {lean}{rest if self.healthy_rest < math.inf else ''}"

    @property
    def obs_words(self) -> str:
        """Observations in words."""
        clipped = f", clipped to +-{self.clip:g}" if self.clip < math.inf else ""
        start = f"; less {self._lift:g}" if self._lift else ""
        size = 2 * (3 + len(self.joints)) - 1
        return (
            f"Box(({size},), float64) as in {self.gymnasium_id}: height of the torso (m{start}), "
            f"its pitch (rad), angles (rad) of {self.joint_words}"
            f"; then velocities of x and z (m/s), pitch and joints (rad/s){clipped}."
        )

    def observe(self, simulation: Simulation, rows: Int) -> Float:
        """Return the observations of B rows: all positions but x, and velocities."""
        velocities = simulation.qvel[rows]
        if self.clip < math.inf:
            velocities = velocities.clip(-self.clip, self.clip)
        return np.concatenate([simulation.qpos[rows, 1:], velocities], axis=1)

    def place(self, simulation: Simulation, rows: Int) -> Float:
        """Return (x, 0) of B rows."""
        point: Float = simulation.qpos[rows, :1] * np.array([1.0, 0.0])
        return point

    def healthy(self, simulation: Simulation, rows: Int) -> Bool:
        """Return in which of B rows v5's env would go on."""
        if self.healthy_height is None:
            return np.ones(len(rows), np.bool_)
        qpos, qvel, most = simulation.qpos[rows], simulation.qvel[rows], self.healthy_rest
        (low, high), (back, front) = self.healthy_height, self.healthy_pitch
        fine: Bool = (low < qpos[:, 1]) & (qpos[:, 1] < high)
        fine &= (back < qpos[:, 2]) & (qpos[:, 2] < front)
        if most < math.inf:
            fine &= (np.abs(qpos[:, 2:]) < most).all(axis=1) & (np.abs(qvel) < most).all(axis=1)
        return fine

    def _body_table(self) -> tuple[Feature, ...]:
        return (
            value("forward_velocity", "mean velocity along x over the step", "m/s"),
            value("x_position", "position along x", "m", privileged=True),
            value("torso_height", "height of the torso's joint over the floor", "m"),
            value("vertical_velocity", "velocity upwards", "m/s"),
            value("torso_pitch", "lean forwards; counts full turns", "rad"),
            value("pitch_velocity", "angular velocity of the lean", "rad/s"),
        )

    def _body(self, qpos: Float, qvel: Float, motion: Motion, out: Float) -> None:
        out[:, 0] = motion.velocity[:, 0]
        out[:, 1] = qpos[:, 0]
        out[:, 2::2] = qpos[:, 1:3]
        out[:, 2] += self._lift
        out[:, 3::2] = qvel[:, 1:3]

    @functools.cached_property
    def _lift(self) -> float:
        """Height of the torso where its joint says 0; the half cheetah's counts from its start."""
        lift: float = self.model.body_pos[1, 2] - self.model.qpos0[1]
        return lift
