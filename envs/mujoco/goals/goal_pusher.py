"""GoalPusher: push an object on a table to a place.

Source: model, dynamics and starts of Gymnasium's ``Pusher-v5``, to the bit, whose goal never moves;
where goals are is ours. The tolerance of 10 cm is that of Operant's specification.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from operant.envs.batched.makers import makers
from operant.envs.mujoco.goals.arm import Arm, norms
from operant.envs.mujoco.goals.goal_reacher import SPEED_NOISE
from operant.types import Card, Feature, Float, Int

MIDDLE = np.array([0.45, -0.05])
"""Where v5's goal is, and from where the model counts the places of object and goal, m."""
GOALS = np.array([[-0.1, -0.1], [0.1, 0.05]])
"""Goals are in this rectangle around it, low and high (x, y), m."""
APART = 0.17
"""Object and goal are at least so far apart at the start, m."""
EXPERT = """\
def reward(obs, action, next_obs, info):
    placed = -info["goal_distance"]
    near = -0.5 * info["tip_distance"]
    effort = -0.1 * info["control_cost"]
    return placed + near + effort
"""
"""The reward of Pusher-v5, whose distance to the goal adds 5 cm of height."""
_WIDE = np.inf


def _length(name: str, description: str, low: float = -_WIDE) -> Feature:
    return Feature(name=name, description=description, low=low, high=_WIDE, unit="m")


TABLE = (
    *(
        _length(f"{what}_{axis}", f"{words}, along {axis}")
        for what, words in (("tip", "wrist, where the fork begins"), ("object", "object"))
        for axis in ("x", "y")
    ),
    _length("tip_z", "height of the wrist over the shoulder"),
    _length("goal_x", "goal, along x"),
    _length("goal_y", "goal, along y"),
    _length("tip_distance", "from the wrist to the middle of the object", 0.0),
    _length("goal_distance", "from the object to the goal, on the table", 0.0),
)


class GoalPusher(Arm):
    """N arms that push."""

    XML = "pusher_v5.xml"
    FRAME_SKIP = 5
    FIELDS = ("xpos",)
    JOINTS = (
        "shoulder_pan",
        "shoulder_lift",
        "upper_arm_roll",
        "elbow_flex",
        "forearm_roll",
        "wrist_flex",
        "wrist_roll",
    )
    VIEW: ClassVar[Mapping[str, Any]] = {
        "distance": 2.2,
        "elevation": -50.0,
        "lookat": (0.3, -0.2, -0.2),
    }

    def __init__(
        self,
        *,
        num: int = 1,
        tolerance: float = 0.1,
        continuing: bool = False,
        max_steps: int = 100,
        threads: int = 1,
        reward: str = "",
    ) -> None:
        """Build N arms.

        Args:
            num: Rows.
            tolerance: How near to the goal counts as there, m.
            continuing: True if episodes go on at the goal.
            max_steps: Time limit in env steps of 0.05 s.
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
            size=20,
            table=TABLE,
        )
        model = self.simulation.model
        self._tip, self._object = model.body("tips_arm").id, model.body("object").id

    def card(self, env_id: str) -> Card:
        """Describe the task."""
        low, high = (MIDDLE + GOALS).round(2).tolist()
        return Card(
            id=env_id,
            description=(
                "The arm of Pusher-v5: seven joints, and a fork that pushes a light object over a "
                f"table. The goal is uniform with x in [{low[0]:g}, {high[0]:g}] and y in "
                f"[{low[1]:g}, {high[1]:g}] m, at least {APART:g} m from the object, which starts "
                "as there. A step is 0.05 s."
            ),
            observation=(
                "Dict of float64: observation (angles of the seven joints in rad, angular "
                "velocities in rad/s, x, y, z of the wrist and of the object in m), achieved_goal "
                "(x, y of the object, m) and desired_goal (x, y, m)"
            ),
            action="Box(-2, 2, (7,), float32): torques at the joints from the shoulder on, N m",
            reward=self.reward_words,
            termination=self.end_words,
            truncation=f"after {self.max_steps} steps",
            success=f"after the last step the object is within {self.tolerance:g} m of the goal",
            metric="success",
            oracle="none",
            features=self.table,
            tier=1,
            extra="mujoco",
            source="Pusher-v5 of Gymnasium; the goals and the sparse reward are ours.",
            expert=EXPERT,
        )

    def _start(self, row: int, stream: np.random.Generator) -> None:
        qpos, qvel = self.simulation.qpos[row], self.simulation.qvel[row]
        # v5 draws first what its model takes for y, and keeps the object away from its own goal
        place = _v5_place(stream)
        while norms(place) <= APART:
            place = _v5_place(stream)
        qvel += stream.uniform(-SPEED_NOISE, SPEED_NOISE, len(qvel))
        goal = stream.uniform(*GOALS)
        while norms(goal - place[::-1]) <= APART:
            goal = stream.uniform(*GOALS)
        qpos[7:9], qpos[9:11], qvel[7:] = place, goal[::-1], 0.0
        self.goals[row] = MIDDLE + goal

    def _see(self, rows: Int) -> tuple[Float, Float, dict[str, npt.NDArray[Any]]]:
        qpos, qvel = self.simulation.qpos[rows], self.simulation.qvel[rows]
        bodies, goal = self.simulation.field("xpos")[rows], self.goals[rows]
        tip, thing = bodies[:, self._tip], bodies[:, self._object]
        place = MIDDLE + qpos[:, 8:6:-1]  # exact, where the body's is of the last substep
        told = {
            "tip_x": tip[:, 0],
            "tip_y": tip[:, 1],
            "tip_z": tip[:, 2],
            "object_x": place[:, 0],
            "object_y": place[:, 1],
            "goal_x": goal[:, 0],
            "goal_y": goal[:, 1],
            "tip_distance": norms(tip - thing),
            "goal_distance": norms(place - goal),
        }
        seen = np.concatenate([qpos[:, :7], qvel[:, :7], tip, thing], axis=1)
        return seen, place, told


def _v5_place(stream: np.random.Generator) -> Float:
    return np.concatenate([stream.uniform(-0.3, 0.0, 1), stream.uniform(-0.2, 0.2, 1)])


make, make_vector = makers(GoalPusher)
