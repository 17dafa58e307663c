"""Run for Gymnasium's own reward, paid late: all of it with the last step, or in instalments.

What earns is what v5's reward says, so the best policy is v5's; which step earned what has to be
found out. It is the setting in which return decomposition and redistribution are compared.

Source: Learning Long-Term Reward Redistribution via Randomized Return Decomposition (Ren et al.,
2022) for episodic rewards on MuJoCo's robots; On Learning Intrinsic Rewards for Policy Gradient
Methods (Zheng, Oh, Singh, 2018) for rewards paid every 20 steps.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import VectorEnv

from operant.envs.batched.makers import makers
from operant.envs.delayed import DELAYED
from operant.envs.mujoco.robots import named
from operant.envs.mujoco.robots.robot import Motion
from operant.envs.mujoco.world import STEPS, RobotWorld
from operant.types import Card, Int


class V5World(RobotWorld):
    """A robot with Gymnasium's reward, paid at once or every ``delay`` steps."""

    def __init__(
        self,
        *,
        num: int,
        robot: str = "hopper",
        delay: int = 1,
        max_steps: int = STEPS,
        threads: int = 1,
    ) -> None:
        """Build N robots.

        Args:
            num: N >= 1.
            robot: One of :data:`operant.envs.mujoco.robots.NAMES`.
            delay: Steps between two payments, >= 1; what is held back at an episode's end is paid
                with its last step.
            max_steps: Time limit in env steps.
            threads: Threads to step with; the numbers are the same with any.

        Raises:
            ValueError: If an argument is outside its range.
        """
        if delay < 1:
            raise ValueError(
                f"delay must be >= 1 steps, or None for the whole episode; got {delay}"
            )
        self.delay = delay
        super().__init__(
            named(robot),
            num=num,
            max_steps=max_steps,
            threads=threads,
            options={"robot": robot, "delay": delay},
        )
        self.memory["held"] = np.zeros(num)
        if delay > 1:
            self.out.extras["step_reward"] = np.zeros(num)

    def _begin(self, rows: Int) -> None:
        self.memory["held"][rows] = 0.0

    def _judge(
        self,
        rows: Int,
        actions: npt.NDArray[Any],  # noqa: ARG002
        motion: Motion,
    ) -> None:
        earned, out = self.robot.v5_reward(motion)[0], self.out
        if self.delay == 1:
            out.reward[rows] = earned
            return
        steps = self.elapsed[rows]
        due = out.terminated[rows] | (steps % self.delay == 0) | (steps >= self.max_steps)
        held = self.memory["held"][rows] + earned
        out.reward[rows] = np.where(due, held, 0.0)
        self.memory["held"][rows] = np.where(due, 0.0, held)
        out.extras["step_reward"][rows] = earned

    def card(self, env_id: str) -> Card:
        """Describe it."""
        robot = self.robot
        late = f"; what was earned is paid every {self.delay} steps and at the end"
        return Card(
            id=env_id,
            description=f"The {robot.name} is to run along x, fast and without wasted effort.",
            observation=robot.obs_words,
            action=robot.action_words,
            reward=f"{robot.reward_words}{late if self.delay > 1 else ''}",
            termination=robot.end_words,
            truncation=f"after {self.max_steps} steps ({self.max_steps * robot.dt:g} s)",
            success="not defined (always False): the return is what counts",
            metric="return",
            oracle="none",
            features=self.table,
            tier=1,
            extra="mujoco",
            source=f"Gymnasium's {robot.gymnasium_id}.",
            expert=robot.expert,
        )


_make, _make_vector = makers(V5World)


def make(
    *, reward: str | None = DELAYED, delay: int | None = None, **options: Any
) -> gym.Env[Any, Any]:
    """Build a scalar env.

    Args:
        reward: ``"delayed"``, or ``"step"`` for v5's reward as it is earned.
        delay: Steps between two payments; None for one payment with the last step.
        **options: Those of :class:`V5World`, and ``render_mode``.

    Raises:
        ValueError: If an option is outside its range, or ``delay`` is given where nothing is late.
    """
    return _make(**_payments(reward, delay), **options)


def make_vector(
    *, num_envs: int, reward: str | None = DELAYED, delay: int | None = None, **options: Any
) -> VectorEnv[Any, Any, Any]:
    """Build a batched env; the arguments are those of :func:`make` and of every batched env."""
    return _make_vector(num_envs=num_envs, **_payments(reward, delay), **options)


def _payments(reward: str | None, delay: int | None) -> dict[str, Any]:
    if delay is None:
        return {"reward": reward}
    if reward != DELAYED:
        raise ValueError(f"delay={delay} is for reward='delayed', got reward={reward!r}")
    return {"delay": delay}  # paid late by the world itself
