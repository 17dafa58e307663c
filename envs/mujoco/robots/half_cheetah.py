"""The half cheetah: two legs, six motors, and no way to fall that would end an episode.

Source: Gymnasium's ``HalfCheetah-v5``.
"""

from __future__ import annotations

from operant.envs.mujoco.robots.planar import PlanarRobot
from operant.envs.mujoco.robots.robot import Foot

JOINTS = tuple(f"{end}_{part}" for end in ("back", "front") for part in ("thigh", "shin", "foot"))
ROBOT = PlanarRobot(
    name="half cheetah",
    gymnasium_id="HalfCheetah-v5",
    xml="half_cheetah.xml",
    frame_skip=5,
    noise=0.1,
    normal_noise=True,
    forward_weight=1.0,
    control_weight=0.1,
    healthy_reward=0.0,
    joints=JOINTS,
    motors=JOINTS,
    feet=(Foot("back_foot", "bfoot"), Foot("front_foot", "ffoot")),
)
