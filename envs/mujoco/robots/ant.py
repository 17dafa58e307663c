"""The ant: four legs, eight motors; v5's episode ends when its torso is too low or too high.

Legs are named as they stand when it faces +x; the names in MuJoCo's file are turned.
Source: Gymnasium's ``Ant-v5``.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from operant.envs.mujoco.robots.free import FreeRobot, within
from operant.envs.mujoco.robots.robot import Foot
from operant.envs.mujoco.simulation import CONTACT_FORCES, Simulation
from operant.types import Bool, Float, Int

TORSO = 1
FORCE_BOUND = 1.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ant(FreeRobot):
    """The ant."""

    @property
    def health(self) -> str:
        """When it is healthy, in words."""
        low, high = self.healthy_height
        return f"{low:g} <= torso_height <= {high:g}, and all numbers are finite"

    @property
    def obs_words(self) -> str:
        """Observations in words."""
        return (
            "Box((105,), float64) as in Ant-v5: height of the torso (m), its quaternion, angles "
            f"(rad) of {self.joint_words}; velocities of the torso (m/s), angular ones "
            "(rad/s) and of the joints (rad/s); contact torques and forces on the 13 bodies, "
            "6 each, clipped to +-1."
        )

    def observe(self, simulation: Simulation, rows: Int) -> Float:
        """Return the observations of B rows."""
        forces = self._forces(simulation, rows)[:, 1:].reshape(len(rows), -1)
        return np.concatenate([simulation.qpos[rows, 2:], simulation.qvel[rows], forces], axis=1)

    def place(self, simulation: Simulation, rows: Int) -> Float:
        """Return (x, y) of the torso as MuJoCo's last substep left it."""
        return simulation.field("xpos")[rows, TORSO, :2]

    def healthy(self, simulation: Simulation, rows: Int) -> Bool:
        """Return in which of B rows v5's env would go on."""
        qpos, qvel = simulation.qpos[rows], simulation.qvel[rows]
        finite = np.isfinite(qpos).all(axis=1) & np.isfinite(qvel).all(axis=1)
        return finite & within(qpos[:, 2], self.healthy_height, closed=True)

    def _forces(self, simulation: Simulation, rows: Int) -> Float:
        return simulation.field(CONTACT_FORCES)[rows].clip(-FORCE_BOUND, FORCE_BOUND)

    def _contact_cost(self, simulation: Simulation, rows: Int) -> Float:
        squares = np.square(self._forces(simulation, rows)).reshape(len(rows), -1)
        cost: Float = self.contact_weight * squares.sum(axis=1)
        return cost


LEGS = ("front_left", "back_left", "back_right", "front_right")
ROBOT = Ant(
    name="ant",
    gymnasium_id="Ant-v5",
    xml="ant.xml",
    frame_skip=5,
    noise=0.1,
    normal_noise=True,
    forward_weight=1.0,
    control_weight=0.5,
    contact_weight=5e-4,
    healthy_reward=1.0,
    healthy_height=(0.2, 1.0),
    joints=tuple(f"{leg}_{joint}" for leg in LEGS for joint in ("hip", "ankle")),
    motors=tuple(f"{leg}_{joint}" for leg in LEGS[3:] + LEGS[:3] for joint in ("hip", "ankle")),
    feet=tuple(
        Foot(f"{leg}_foot", f"{geom}_ankle_geom", tip=True)
        for leg, geom in zip(LEGS, ("left", "right", "third", "fourth"), strict=True)
    ),
    fields=("geom_xpos", "geom_xmat", "xpos"),
    contact_height=0.03,  # margins of its geoms keep a standing foot 0.02 m above the floor
)
