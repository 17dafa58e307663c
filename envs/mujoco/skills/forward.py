"""Moving forward: fast over the second half of the episode, without a fall before its end."""

from __future__ import annotations

import numpy as np

from operant.envs.mujoco.robots import named
from operant.envs.mujoco.robots.robot import Motion, value
from operant.envs.mujoco.skills.skill import Skill, count
from operant.types import Bool, Int

SPEED = 1.0
"""Mean forward velocity in m/s that must be exceeded over the second half."""


class Forward(Skill):
    """N robots that are to move along +x."""

    def __init__(self, robot: str, *, num: int, max_steps: int, threads: int) -> None:
        """Build N robots.

        Args:
            robot: Name of the robot.
            num: N >= 1.
            max_steps: Length of an episode in env steps, at whose end it is judged; >= 2.
            threads: Threads to step with, >= 1.

        Raises:
            ValueError: If a number is outside its range.
        """
        if max_steps < 2:
            raise ValueError(f"max_steps must be >= 2, as there are two halves, got {max_steps}")
        super().__init__(
            named(robot),
            num=num,
            max_steps=max_steps,
            threads=threads,
            features=(
                count("steps_left", "steps until it is judged", max_steps, "env steps"),
                value(
                    "late_velocity",
                    "mean forward velocity in the second half so far; 0 before",
                    "m/s",
                    privileged=True,
                ),
            ),
            memory={"late_sum": float},
        )
        # A wrapper or ``cut`` may end episodes earlier: then they are not judged, cut or wrapped.
        self.memory["due"] = np.full(num, max_steps, np.int64)

    def predicate(self) -> str:
        """Return in words when the skill was shown."""
        due = int(self.memory["due"][0])
        return (
            f"at step {due}: no fall until then, and a mean forward velocity of more than "
            f"{SPEED:g} m/s over the last {due - due // 2} steps"
        )

    def _shown(self, rows: Int, motion: Motion) -> Bool:
        memory, late = self.memory, self._late_steps(rows)
        memory["late_sum"][rows] += np.where(late > 0, motion.velocity[:, 0], 0.0)
        fast = memory["late_sum"][rows] > SPEED * late
        over: Bool = self.elapsed[rows] >= memory["due"][rows]
        return over & fast

    def _features(self, rows: Int) -> None:
        memory, features, late = self.memory, self.out.features, self._late_steps(rows)
        features["steps_left"][rows] = memory["due"][rows] - self.elapsed[rows]
        features["late_velocity"][rows] = memory["late_sum"][rows] / np.maximum(late, 1)

    def _late_steps(self, rows: Int) -> Int:
        """Return the steps that were taken in the second half."""
        late: Int = np.maximum(self.elapsed[rows] - self.memory["due"][rows] // 2, 0)
        return late
