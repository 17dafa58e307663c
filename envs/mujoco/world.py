"""A world of a robot: Gymnasium's v5 env in N rows, with another task.

A row seeded s starts and moves as ``gym.make("<Robot>-v5")`` does after ``reset(seed=s)``, to the
bit, as long as its task lets it. A task implements :meth:`RobotWorld._judge` and :meth:`card`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from operant.arrays import section
from operant.envs.batched.world import BatchWorld, Outcome
from operant.envs.mujoco.render import Camera
from operant.envs.mujoco.robots.robot import Motion, Robot
from operant.types import Feature, Int

STEPS = 1000
"""Gymnasium's time limit of the robots."""


class RobotWorld(BatchWorld):
    """N robots and a task.

    Attributes:
        robot: The description of the robot.
        simulation: Where the rows are.
        task_obs: (N, size) the part of the observations that a task adds, to be written by it.
        memory: What a task remembers of the running episodes, name -> (N, ...); saved and restored
            with the state, so write into the arrays and do not replace them.
        ends_unhealthy: True if an episode ends when the robot is no longer healthy.
    """

    def __init__(
        self,
        robot: Robot,
        *,
        num: int,
        max_steps: int = STEPS,
        threads: int = 1,
        ends_unhealthy: bool = True,
        task_features: Sequence[Feature] = (),
        task_obs: int = 0,
        extras: Mapping[str, npt.NDArray[Any]] | None = None,
        paid: bool = True,
        options: Mapping[str, Any],
    ) -> None:
        """Build N robots.

        Args:
            robot: The robot.
            num: N >= 1.
            max_steps: Time limit in env steps.
            threads: Threads to step with; the numbers are the same with any.
            ends_unhealthy: False to let an episode go on when the robot has fallen.
            task_features: Features that the task adds to the robot's; it writes them itself.
            task_obs: How many numbers it adds to the observation; it writes ``self.task_obs``.
            extras: Arrays of further infos.
            paid: False if another reward than the true one is paid.
            options: All other arguments of the task's constructor, for copies of it.
        """
        super().__init__(num=num, max_steps=max_steps, threads=threads, **options)
        self.FPS = round(1.0 / robot.dt)  # type: ignore[misc]  # a world of another robot has another
        self.robot, self.ends_unhealthy = robot, ends_unhealthy
        self.simulation = robot.simulation(num, threads)
        self.memory: dict[str, npt.NDArray[Any]] = {}
        every: Int = np.arange(num)
        size = robot.observe(self.simulation, every).shape[1]
        shape = (size + task_obs,)
        self.observation_space = spaces.Box(-np.inf, np.inf, shape, np.float64)
        low, high = robot.model.actuator_ctrlrange.T.astype(np.float32)
        self.action_space = spaces.Box(low, high, dtype=np.float32)
        self.table = (*robot.table, *task_features)
        self.out = Outcome.zeros(num, self.observation_space, self.table, extras, paid=paid)
        obs: Any = self.out.obs
        self._obs, self.task_obs = obs[:, :size], obs[:, size:]
        self._values = np.zeros((num, len(robot.table)))
        flags = [f.dtype == "bool" for f in robot.table]
        self._flags = [(column, f.name) for column, f in enumerate(robot.table) if flags[column]]
        for column, feature in enumerate(robot.table):  # numbers are columns, written all at once
            if not flags[column]:
                self.out.features[feature.name] = self._values[:, column]
        self._camera: Camera | None = None

    def _reset(self, rows: Int) -> None:
        simulation = self.simulation
        simulation.reset(rows)
        for row in rows.tolist():
            self.robot.start(simulation, row, self.streams[row])
        simulation.forward(rows)
        self._show(rows, self.robot.rest(simulation, rows))
        self._begin(rows)
        self._features(rows)

    def _step(self, rows: Int, actions: npt.NDArray[Any]) -> None:
        before = self.robot.place(self.simulation, rows)
        self.simulation.step(rows, actions)
        motion = self.robot.motion(self.simulation, rows, before)
        self.out.terminated[rows] = ~motion.healthy & self.ends_unhealthy
        self._show(rows, motion)
        self._judge(rows, actions, motion)
        self._features(rows)

    def _begin(self, rows: Int) -> None:
        """Start the task in rows that were just reset: write ``memory`` of them.

        ``out.features`` has the robot's features of the start already.
        """

    def _judge(self, rows: Int, actions: npt.NDArray[Any], motion: Motion) -> None:
        """Judge a step that was just simulated: write ``reward``, ``true_reward``, ``success``.

        ``out.features`` has the robot's features after the step already, and ``out.terminated``
        says which robots are unhealthy; a task may write the latter as well.

        Args:
            rows: (B,) indices.
            actions: (B, motors) what was done.
            motion: What v5's reward pays for.
        """
        raise NotImplementedError

    def _features(self, rows: Int) -> None:
        """Write the task's features and observations of some rows, after the other two hooks."""

    def _show(self, rows: Int, motion: Motion) -> None:
        self._obs[rows] = self.robot.observe(self.simulation, rows)
        values = self.robot.features(self.simulation, rows, motion)
        self._values[rows] = values
        for column, name in self._flags:
            self.out.features[name][rows] = values[:, column] != 0.0

    def _get_state(self) -> dict[str, npt.NDArray[Any]]:
        memory = {f"memory/{name}": value.copy() for name, value in self.memory.items()}
        return memory | {f"sim/{name}": v for name, v in self.simulation.get_state().items()}

    def _set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        self.simulation.set_state(section(state, "sim"))
        for name, value in section(state, "memory").items():
            self.memory[name][...] = value

    def frame(self, row: int) -> npt.NDArray[np.uint8]:
        """Return a picture of a row, (480, 480, 3) uint8, with the robot in its middle."""
        if self._camera is None:
            self._camera = Camera(self.robot.model, distance=self.robot.camera_distance)
        return self._camera.picture(self.simulation.data(row))

    def close(self) -> None:
        """End threads and the renderer."""
        self.simulation.close()
        if self._camera is not None:
            self._camera.close()
            self._camera = None
