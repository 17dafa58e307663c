"""The hopper: one leg, three motors; v5's episode ends when it leans or sinks.

Source: Gymnasium's ``Hopper-v5``.
"""

from __future__ import annotations

import math

from operant.envs.mujoco.robots.planar import PlanarRobot
from operant.envs.mujoco.robots.robot import Foot

JOINTS = ("thigh", "leg", "foot")
ROBOT = PlanarRobot(
    name="hopper",
    gymnasium_id="Hopper-v5",
    xml="hopper.xml",
    frame_skip=4,
    noise=5e-3,
    normal_noise=False,
    forward_weight=1.0,
    control_weight=1e-3,
    healthy_reward=1.0,
    joints=JOINTS,
    motors=JOINTS,
    feet=(Foot("foot", "foot_geom"),),
    healthy_height=(0.7, math.inf),
    healthy_pitch=(-0.2, 0.2),
    healthy_rest=100.0,
    clip=10.0,
    camera_distance=3.0,
)
