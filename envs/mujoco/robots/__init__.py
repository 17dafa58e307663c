"""The robots: one file each, in the rows of ``NAMES``."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from operant.envs.mujoco.robots.robot import Robot

NAMES = ("hopper", "walker2d", "half_cheetah", "ant", "humanoid")
"""Each is a module of this folder that describes its robot as ``ROBOT``."""


def named(name: str) -> Robot:
    """Return a robot.

    Raises:
        ValueError: If there is no such robot.
    """
    if name not in NAMES:
        raise ValueError(f"robot must be one of {', '.join(map(repr, NAMES))}, got {name!r}")
    robot: Robot = importlib.import_module(f"operant.envs.mujoco.robots.{name}").ROBOT
    return robot
