"""The walker: two legs, six motors; v5's episode ends when it leans far, sinks or jumps high.

Source: Gymnasium's ``Walker2d-v5``.
"""

from __future__ import annotations

from operant.envs.mujoco.robots.planar import PlanarRobot
from operant.envs.mujoco.robots.robot import Foot

JOINTS = tuple(f"{side}_{part}" for side in ("right", "left") for part in ("thigh", "leg", "foot"))
ROBOT = PlanarRobot(
    name="walker",
    gymnasium_id="Walker2d-v5",
    xml="walker2d_v5.xml",
    frame_skip=4,
    noise=5e-3,
    normal_noise=False,
    forward_weight=1.0,
    control_weight=1e-3,
    healthy_reward=1.0,
    joints=JOINTS,
    motors=JOINTS,
    feet=(Foot("right_foot", "foot_geom"), Foot("left_foot", "foot_left_geom")),
    healthy_height=(0.8, 2.0),
    healthy_pitch=(-1.0, 1.0),
    clip=10.0,
)
