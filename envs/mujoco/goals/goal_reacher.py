"""GoalReacher: bring the fingertip of a planar arm of two links to a point.

Source: model, dynamics, starts and goals of Gymnasium's ``Reacher-v5``, to the bit; the tolerance
of 2 cm is that of Operant's specification.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from operant.envs.batched.makers import makers
from operant.envs.mujoco.goals.arm import Arm, norms
from operant.types import Card, Feature, Float, Int

UPPER, LOWER = 0.1, 0.11
"""Lengths of the links up to the fingertip, m."""
REACH = 0.2
"""Goals are within so much of the shoulder, m."""
NOISE, SPEED_NOISE = 0.1, 0.005
EXPERT = """\
def reward(obs, action, next_obs, info):
    near = -info["goal_distance"]
    effort = -info["control_cost"]
    return near + effort
"""
"""The reward of Reacher-v5."""


def _length(name: str, description: str, most: float, low: float | None = None) -> Feature:
    least = -most if low is None else low
    return Feature(name=name, description=description, low=least, high=most, unit="m")


TABLE = (
    _length("fingertip_x", "fingertip, along x", 0.25),
    _length("fingertip_y", "fingertip, along y", 0.25),
    _length("goal_x", "goal, along x", REACH),
    _length("goal_y", "goal, along y", REACH),
    _length("goal_distance", "from the fingertip to the goal", 0.45, 0.0),
)


class GoalReacher(Arm):
    """N planar arms."""

    XML = "reacher.xml"
    FRAME_SKIP = 2
    JOINTS = ("shoulder", "elbow")
    VIEW: ClassVar[Mapping[str, Any]] = {"distance": 0.75, "elevation": -89.0}

    def __init__(
        self,
        *,
        num: int = 1,
        tolerance: float = 0.02,
        continuing: bool = False,
        max_steps: int = 50,
        threads: int = 1,
        reward: str = "",
    ) -> None:
        """Build N arms.

        Args:
            num: Rows.
            tolerance: How near to the goal counts as there, m.
            continuing: True if episodes go on at the goal.
            max_steps: Time limit in env steps of 0.02 s.
            threads: Threads to step with; the numbers are the same with any.
            reward: ``"cost"`` for -1 and 0 instead of 0 and 1.

        Raises:
            ValueError: If an argument is outside its range; names it.
        """
        super().__init__(
            num=num,
            max_steps=max_steps,
            threads=threads,
            tolerance=tolerance,
            continuing=continuing,
            reward=reward,
            size=6,
            table=TABLE,
        )

    def card(self, env_id: str) -> Card:
        """Describe the task."""
        return Card(
            id=env_id,
            description=(
                "The arm of Reacher-v5: two links of 10 cm in a plane. The goal is uniform among "
                f"the points within {REACH:g} m of the shoulder, as there. A step is 0.02 s."
            ),
            observation=(
                "Dict of float64: observation (cosines of the two joints' angles, sines, angular "
                "velocities in rad/s), achieved_goal (x, y of the fingertip, m) and desired_goal "
                "(x, y, m)"
            ),
            action="Box(-1, 1, (2,), float32): torques at shoulder and elbow; 1 is 200 N m",
            reward=self.reward_words,
            termination=self.end_words,
            truncation=f"after {self.max_steps} steps",
            success=f"after the last step the fingertip is within {self.tolerance:g} m of the goal",
            metric="success",
            oracle="none",
            features=self.table,
            tier=1,
            extra="mujoco",
            source="Reacher-v5 of Gymnasium; the sparse reward is ours.",
            expert=EXPERT,
        )

    def _start(self, row: int, stream: np.random.Generator) -> None:
        qpos, qvel = self.simulation.qpos[row], self.simulation.qvel[row]
        qpos += stream.uniform(-NOISE, NOISE, len(qpos))
        goal = stream.uniform(-REACH, REACH, 2)
        while norms(goal) >= REACH:
            goal = stream.uniform(-REACH, REACH, 2)
        qvel += stream.uniform(-SPEED_NOISE, SPEED_NOISE, len(qvel))
        qpos[2:], qvel[2:] = goal, 0.0
        self.goals[row] = goal

    def _see(self, rows: Int) -> tuple[Float, Float, dict[str, npt.NDArray[Any]]]:
        angles = self.simulation.qpos[rows, :2]
        whole, goal = angles.sum(axis=1), self.goals[rows]
        cos, sin = np.cos(angles), np.sin(angles)
        tip = np.stack(
            [
                UPPER * cos[:, 0] + LOWER * np.cos(whole),
                UPPER * sin[:, 0] + LOWER * np.sin(whole),
            ],
            axis=1,
        )
        told = {
            "fingertip_x": tip[:, 0],
            "fingertip_y": tip[:, 1],
            "goal_x": goal[:, 0],
            "goal_y": goal[:, 1],
            "goal_distance": norms(tip - goal),
        }
        return np.concatenate([cos, sin, self.simulation.qvel[rows, :2]], axis=1), tip, told


make, make_vector = makers(GoalReacher)
