"""Run, and be paid for distance alone: 1 for each further stride, nothing between.

The robot, its start and its falls are those of Gymnasium's v5 env; what v5 pays at every step for
speed, posture and effort is gone, so that an agent must move a whole stride before it learns that
moving pays. A reward design has to put back what a person knows about walking.

Source: Gymnasium's MuJoCo envs; the sparse reward in the manner of rllab's and later sparse
locomotion tasks (a reward where a distance is passed). Ours: one line after the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.batched.makers import makers
from operant.envs.mujoco.robots import named
from operant.envs.mujoco.robots.robot import Motion, value
from operant.envs.mujoco.world import STEPS, RobotWorld
from operant.types import Card, Float, Int

STRIDES = {"hopper": 1.0, "walker2d": 1.0, "half_cheetah": 5.0, "ant": 2.0, "humanoid": 1.0}
"""Default stride of each robot in m; random actions pass the first line never, ants' one in 12."""
GOAL = 10
"""Strides of a success."""
V5 = "v5"
"""Name of the reward of Gymnasium's env."""


class SparseWorld(RobotWorld):
    """A robot that is paid for strides along x."""

    REWARDS = (V5,)

    def __init__(
        self,
        *,
        num: int,
        robot: str = "hopper",
        stride: float | None = None,
        markov: bool = False,
        reward: str | None = None,
        max_steps: int = STEPS,
        threads: int = 1,
    ) -> None:
        """Build N robots.

        Args:
            num: N >= 1.
            robot: One of :data:`operant.envs.mujoco.robots.NAMES`.
            stride: Length of a stride in m, > 0; None for the robot's own in ``STRIDES``.
            markov: True to append the distance to the next line to the observation, which else
                does not tell how near the next reward is.
            reward: ``"v5"`` to pay Gymnasium's reward instead of the true one, or None.
            max_steps: Time limit in env steps.
            threads: Threads to step with; the numbers are the same with any.

        Raises:
            ValueError: If an argument is outside its range.
        """
        described = named(robot)
        self.stride = STRIDES[robot] if stride is None else stride
        length = isinstance(self.stride, int | float | np.number) and self.stride is not True
        if not (length and 0.0 < self.stride < np.inf):
            raise ValueError(f"stride must be a length > 0 in m, a number, got {stride!r}")
        if reward not in (None, V5):
            raise ValueError(f"reward must be {V5!r} or None, got {reward!r}")
        self._markov, self._v5 = markov, reward == V5
        options = {"robot": robot, "stride": stride, "markov": markov, "reward": reward}
        to_next = value(
            "to_next_line",
            "way along x to the next line that pays",
            "m",
            low=0.0,
            privileged=not markov,
        )
        super().__init__(
            described,
            num=num,
            max_steps=max_steps,
            threads=threads,
            task_features=(to_next,),
            task_obs=int(markov),
            paid=not self._v5,
            options=options,
        )
        self.memory["strides"] = np.zeros(num)

    def _begin(self, rows: Int) -> None:
        self.memory["strides"][rows] = np.maximum(self._lines(rows), 0.0)

    def _judge(
        self,
        rows: Int,
        actions: npt.NDArray[Any],  # noqa: ARG002
        motion: Motion,
    ) -> None:
        out, before = self.out, self.memory["strides"][rows]
        strides = np.maximum(self._lines(rows), before)
        self.memory["strides"][rows] = strides
        out.true_reward[rows] = strides - before
        out.success[rows] = strides >= GOAL
        if self._v5:
            out.reward[rows] = self.robot.v5_reward(motion)[0]

    def _lines(self, rows: Int) -> Float:
        """Return how many lines lie behind some rows; negative behind the origin."""
        lines: Float = np.floor(self.simulation.qpos[rows, 0] / self.stride)
        return lines

    def _features(self, rows: Int) -> None:
        line = (self.memory["strides"][rows] + 1.0) * self.stride
        away = np.maximum(line - self.simulation.qpos[rows, 0], 0.0)
        self.out.features["to_next_line"][rows] = away
        if self._markov:
            self.task_obs[rows, 0] = away

    def card(self, env_id: str) -> Card:
        """Describe it."""
        robot, step = self.robot, f"{self.stride:g} m"
        shown = " The way to the next line (m) follows." if self._markov else ""
        return Card(
            id=env_id,
            description=(
                f"Gymnasium's {robot.gymnasium_id}, paid for distance alone: there is a line every "
                f"{step} along x, and each pays once."
            ),
            observation=robot.obs_words + shown,
            action=robot.action_words,
            reward=(
                f"1 for each multiple of {step} that x reaches for the first time in the episode, "
                'else 0; reward="v5" pays what Gymnasium pays instead'
            ),
            termination=robot.end_words,
            truncation=f"after {self.max_steps} steps ({self.max_steps * robot.dt:g} s)",
            success=f"{GOAL} lines are behind: x was {GOAL * self.stride:g} m",
            metric="return",
            oracle="none",
            features=self.table,
            tier=1,
            extra="mujoco",
            source=f"Gymnasium's {robot.gymnasium_id}; the reward is ours.",
            expert=robot.far_expert,
        )


make, make_vector = makers(SparseWorld)
