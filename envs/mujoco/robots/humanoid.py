"""The humanoid: 17 motors; v5's episode ends when its torso is too low or too high.

Source: Gymnasium's ``Humanoid-v5``.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from operant.envs.mujoco.robots.free import FreeRobot, within
from operant.envs.mujoco.robots.robot import Foot
from operant.envs.mujoco.simulation import CONTACT_FORCES, Simulation
from operant.types import Bool, Float, Int

ROOT = 6
"""Degrees of freedom of the free joint, which no motor drives."""
MOST_CONTACT_COST = 10.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Humanoid(FreeRobot):
    """The humanoid."""

    @property
    def health(self) -> str:
        """When it is healthy, in words."""
        low, high = self.healthy_height
        return f"{low:g} < torso_height < {high:g}"

    @property
    def obs_words(self) -> str:
        """Observations in words."""
        return (
            "Box((348,), float64) as in Humanoid-v5: height of the torso (m), its quaternion, "
            f"angles (rad) of {self.joint_words}; velocities (m/s, rad/s) of these; of 13 "
            "bodies the inertia (10 each) and velocity (6 each) about the centre of mass; torques "
            "of the 17 motors (N m); contact torques and forces on the bodies (6 each)."
        )

    def observe(self, simulation: Simulation, rows: Int) -> Float:
        """Return the observations of B rows."""
        bodies = [
            simulation.field(name)[rows, 1:].reshape(len(rows), -1)
            for name in ("cinert", "cvel", CONTACT_FORCES)
        ]
        torques = simulation.field("qfrc_actuator")[rows, ROOT:]
        parts = (simulation.qpos[rows, 2:], simulation.qvel[rows], *bodies[:2], torques, bodies[2])
        return np.concatenate(parts, axis=1)

    def place(self, simulation: Simulation, rows: Int) -> Float:
        """Return (x, y) of the centre of mass as MuJoCo's last substep left it."""
        mass = self.model.body_mass
        weighted = mass[:, None] * simulation.field("xipos")[rows]
        centre: Float = (weighted.sum(axis=1) / np.sum(mass))[:, :2]
        return centre

    def healthy(self, simulation: Simulation, rows: Int) -> Bool:
        """Return in which of B rows v5's env would go on."""
        return within(simulation.qpos[rows, 2], self.healthy_height, closed=False)

    def _control_cost(self, simulation: Simulation, rows: Int) -> Float:
        """Return the cost of the last actions; v5 computes this one in double precision."""
        cost: Float = self.control_weight * np.square(simulation.ctrl[rows]).sum(axis=1)
        return cost

    def _contact_cost(self, simulation: Simulation, rows: Int) -> Float:
        squares = np.square(simulation.field(CONTACT_FORCES)[rows]).reshape(len(rows), -1)
        cost: Float = np.minimum(self.contact_weight * squares.sum(axis=1), MOST_CONTACT_COST)
        return cost


TRUNK = ("abdomen_z", "abdomen_y", "abdomen_x")
LEG = ("hip_x", "hip_z", "hip_y", "knee")
ARM = ("shoulder1", "shoulder2", "elbow")
LIMBS = tuple(
    f"{side}_{part}" for parts in (LEG, ARM) for side in ("right", "left") for part in parts
)
ROBOT = Humanoid(
    name="humanoid",
    gymnasium_id="Humanoid-v5",
    xml="humanoid.xml",
    frame_skip=5,
    noise=1e-2,
    normal_noise=False,
    forward_weight=1.25,
    control_weight=0.1,
    contact_weight=5e-7,
    healthy_reward=5.0,
    healthy_height=(1.0, 2.0),
    joints=TRUNK + LIMBS,
    motors=("abdomen_y", "abdomen_z", "abdomen_x", *LIMBS),
    feet=(Foot("right_foot", "right_foot"), Foot("left_foot", "left_foot")),
    fields=("geom_xpos", "geom_xmat", "xipos", "cinert", "cvel", "qfrc_actuator"),
    far_weights=(5.0, 1.0),  # v5 pays mostly for standing: 300,000 steps of it gave no stride
)
