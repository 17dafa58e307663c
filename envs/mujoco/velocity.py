"""Run at a given speed, neither slower nor faster: paid only while it is kept.

Source: the target speeds of meta-learning's half cheetah (Model-Agnostic Meta-Learning, Finn,
Abbeel, Levine, 2017), which pays ``-abs(speed - target)``; ours pays 1 within a band, 0 outside.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.batched.makers import makers
from operant.envs.mujoco.robots import named
from operant.envs.mujoco.robots.robot import Motion, value
from operant.envs.mujoco.world import STEPS, RobotWorld
from operant.types import Card, Int

WINDOW = 10
"""Steps over which the speed is measured: the speed of one step swings with every stride."""
KEEP = 100
"""Steps in the band, one after the other, that are a success."""


class VelocityWorld(RobotWorld):
    """A robot that is paid for a speed."""

    def __init__(
        self,
        *,
        num: int,
        robot: str = "half_cheetah",
        target: float = 1.0,
        band: float = 0.2,
        max_steps: int = STEPS,
        threads: int = 1,
    ) -> None:
        """Build N robots.

        Args:
            num: N >= 1.
            robot: One of :data:`operant.envs.mujoco.robots.NAMES`.
            target: Speed along x in m/s.
            band: What it may be off, > 0, in m/s.
            max_steps: Time limit in env steps.
            threads: Threads to step with; the numbers are the same with any.

        Raises:
            ValueError: If an argument is outside its range.
        """
        if not 0.0 < band < math.inf or not math.isfinite(target):
            raise ValueError(
                f"target must be a speed and band a speed > 0 in m/s, got {target} and {band}"
            )
        self.target, self.band = target, band
        super().__init__(
            named(robot),
            num=num,
            max_steps=max_steps,
            threads=threads,
            task_features=(
                value("speed", f"mean velocity along x of the last {WINDOW} steps", "m/s"),
            ),
            options={"robot": robot, "target": target, "band": band},
        )
        self.memory = {"past_x": np.zeros((num, WINDOW)), "kept": np.zeros(num, np.int64)}

    def _begin(self, rows: Int) -> None:
        self.memory["past_x"][rows] = self.simulation.qpos[rows, :1]
        self.memory["kept"][rows] = 0
        self.out.features["speed"][rows] = 0.0

    def _judge(
        self,
        rows: Int,
        actions: npt.NDArray[Any],  # noqa: ARG002
        motion: Motion,  # noqa: ARG002
    ) -> None:
        out, past, x = self.out, self.memory["past_x"], self.simulation.qpos[rows, 0]
        steps, slot = np.minimum(self.elapsed[rows], WINDOW), self.elapsed[rows] % WINDOW
        speed = (x - past[rows, slot]) / (steps * self.robot.dt)
        past[rows, slot] = x
        inside = np.abs(speed - self.target) <= self.band
        kept = np.where(inside, self.memory["kept"][rows] + 1, 0)
        self.memory["kept"][rows] = kept
        out.features["speed"][rows] = speed
        out.reward[rows] = inside
        out.success[rows] = kept >= KEEP

    def card(self, env_id: str) -> Card:
        """Describe it."""
        robot, band = self.robot, f"{self.target:g} +- {self.band:g} m/s"
        return Card(
            id=env_id,
            description=f"The {robot.name} of {robot.gymnasium_id} is to keep a speed: {band}.",
            observation=robot.obs_words,
            action=robot.action_words,
            reward=(
                f"1 while its mean speed along x over the last {WINDOW} steps (since the start, if "
                f"these are fewer) is {band}, else 0"
            ),
            termination=robot.end_words,
            truncation=f"after {self.max_steps} steps ({self.max_steps * robot.dt:g} s)",
            success=f"the last {KEEP} steps were all paid",
            metric="return",
            oracle="none",
            features=self.table,
            tier=1,
            extra="mujoco",
            source="The half cheetah with target speeds (Finn, Abbeel, Levine, 2017); band: ours.",
            expert=_expert(self.target, bool(robot.healthy_reward)),
        )


def _expert(target: float, falls: bool) -> str:
    """Return what a person pays: minus the error, minus effort, and for standing where it falls."""
    lines = [
        "def reward(obs, action, next_obs, info):",
        f'    off = -abs(info["forward_velocity"] - {target:g})'.replace("- -", "+ "),
        '    effort = -info["control_cost"]',
    ]
    if falls:
        lines.append('    alive = 1.0 if info["healthy"] else 0.0')
    return "\n".join([*lines, f"    return off + effort{' + alive' if falls else ''}", ""])


make, make_vector = makers(VelocityWorld)
