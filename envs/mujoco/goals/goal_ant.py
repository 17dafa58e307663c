"""GoalAnt: the ant walks to a place some metres away, in any direction.

Source: dynamics, start and observation are Gymnasium's ``Ant-v5``; the goals are ours.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.batched.makers import makers
from operant.envs.mujoco.goals.goal_robot import GoalRobot, placed_ant
from operant.envs.mujoco.robots.free import attitude
from operant.types import Card, Feature, Int

RING = (2.0, 5.0)
"""Distances of goals from the start, m."""
EXPERT = """\
def reward(obs, action, next_obs, info):
    speed = 20.0 * (info["prev_{way}"] - info["{way}"])
    arrived = 10.0 if info["goal_distance"] < {tolerance:g} else 0.0
    upright = 0.0 if info["healthy"] else -0.5
    effort = -0.2 * info["control_cost"]
    return speed + arrived + upright + effort
"""
"""The dense reward of a person: speed along the way in m/s, less effort; nothing for being alive,
which would make arriving, where the episode ends, a loss."""
_WIDE = math.inf
TABLE = (
    Feature(name="goal_x", description="goal, along x", low=-_WIDE, high=_WIDE, unit="m"),
    Feature(name="goal_y", description="goal, along y", low=-_WIDE, high=_WIDE, unit="m"),
    Feature(
        name="goal_distance",
        description="from the torso to the goal, in the plane of the floor",
        low=0,
        high=_WIDE,
        unit="m",
    ),
    Feature(
        name="goal_bearing",
        description="direction of the goal, to the left from where the torso faces",
        low=-math.pi,
        high=math.pi,
        unit="rad",
    ),
)


class GoalAnt(GoalRobot):
    """N ants and their goals on an open floor."""

    def __init__(
        self,
        *,
        num: int = 1,
        tolerance: float = 0.5,
        continuing: bool = False,
        ends_unhealthy: bool = False,
        max_steps: int = 200,
        threads: int = 1,
        reward: str = "",
    ) -> None:
        """Build N ants.

        Args:
            num: Rows.
            tolerance: How near to the goal counts as there, m.
            continuing: True if episodes go on at the goal.
            ends_unhealthy: True if an episode ends when the ant falls, as in v5.
            max_steps: Time limit in env steps of 0.05 s.
            threads: Threads to step with; the numbers are the same with any.
            reward: ``"cost"`` for -1 and 0 instead of 0 and 1.

        Raises:
            ValueError: If an argument is outside its range; names it.
        """
        super().__init__(
            placed_ant("", tolerance),
            num=num,
            max_steps=max_steps,
            threads=threads,
            tolerance=tolerance,
            continuing=continuing,
            ends_unhealthy=ends_unhealthy,
            reward=reward,
            task_features=TABLE,
            options={},
        )

    def card(self, env_id: str) -> Card:
        """Describe the task."""
        return Card(
            id=env_id,
            description=(
                "The four-legged ant of Ant-v5, which starts as there, facing +x. The goal is "
                f"{RING[0]:g} to {RING[1]:g} m away, in any direction. A step is 0.05 s."
            ),
            observation=self.obs_words,
            action=self.robot.action_words,
            reward=self.reward_words,
            termination=self.end_words + self.fall_words,
            truncation=f"after {self.max_steps} steps",
            success=f"after the last step the torso is within {self.tolerance:g} m of the goal",
            metric="success",
            oracle="none",
            features=self.table,
            tier=1,
            extra="mujoco",
            source="Ant-v5 of Gymnasium; the goals are ours.",
            expert=EXPERT.format(way="goal_distance", tolerance=self.tolerance),
        )

    def _begin(self, rows: Int) -> None:
        for row in rows.tolist():
            stream = self.streams[row]
            far, angle = stream.uniform(*RING), stream.uniform(-math.pi, math.pi)
            away = far * np.array([math.cos(angle), math.sin(angle)])
            self.memory["goal"][row] = self.simulation.qpos[row, :2] + away

    def _told(self, rows: Int) -> dict[str, npt.NDArray[Any]]:
        goal, qpos = self.memory["goal"][rows], self.simulation.qpos[rows]
        x, y = (goal - qpos[:, :2]).T
        *_, heading = attitude(qpos[:, 3:7])
        bearing = np.arctan2(y, x) - heading
        return {
            "goal_x": goal[:, 0],
            "goal_y": goal[:, 1],
            "goal_distance": np.sqrt(x * x + y * y),
            "goal_bearing": np.arctan2(np.sin(bearing), np.cos(bearing)),
        }


make, make_vector = makers(GoalAnt)
