"""An arm of Gymnasium with a goal: what reaching and pushing share."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import gymnasium.envs.mujoco as assets
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from operant.arrays import section
from operant.envs.batched.world import BatchWorld, Outcome
from operant.envs.goals.task import GoalTask, goal_space
from operant.envs.mujoco.render import Camera
from operant.envs.mujoco.robots.robot import no_advice
from operant.envs.mujoco.simulation import Simulation, mujoco
from operant.types import Feature, Float, Int

CONTROL_COST = Feature(
    name="control_cost",
    description="sum of the squares of the last action; 0 at the start",
    low=0,
    high=np.inf,
)


def joint_table(joints: tuple[str, ...]) -> tuple[Feature, ...]:
    """Return the features of an arm's joints: angle and angular velocity of each."""
    wide = np.inf
    return tuple(
        feature
        for joint in joints
        for feature in (
            Feature(
                name=f"{joint}_angle",
                description=f"angle of the joint {joint}",
                low=-wide,
                high=wide,
                unit="rad",
            ),
            Feature(
                name=f"{joint}_velocity",
                description=f"angular velocity of the joint {joint}",
                low=-wide,
                high=wide,
                unit="rad/s",
            ),
        )
    )


class Arm(GoalTask, BatchWorld):
    """N arms. A task implements ``_start``, ``_see`` and ``card``.

    Attributes:
        XML: The model, among Gymnasium's.
        FRAME_SKIP: Its substeps per step.
        FIELDS: Derived fields that the task reads.
        JOINTS: Names of the arm's joints, which come first in ``qpos``.
        VIEW: How the camera looks.
    """

    XML: ClassVar[str]
    FRAME_SKIP: ClassVar[int]
    FIELDS: ClassVar[tuple[str, ...]] = ()
    JOINTS: ClassVar[tuple[str, ...]]
    VIEW: ClassVar[Mapping[str, Any]]

    def __init__(
        self,
        *,
        num: int,
        max_steps: int,
        threads: int,
        tolerance: float,
        continuing: bool,
        reward: str,
        size: int,
        table: tuple[Feature, ...],
    ) -> None:
        """Build N arms.

        Args:
            num: Rows.
            max_steps: Time limit in env steps.
            threads: Threads to step with.
            tolerance: How near to the goal counts as there, m.
            continuing: True if episodes go on at the goal.
            reward: ``"cost"`` for -1 and 0 instead of 0 and 1.
            size: Numbers in the observation beside the goals.
            table: Features beside those of joints and action.
        """
        super().__init__(
            num=num,
            max_steps=max_steps,
            threads=threads,
            tolerance=tolerance,
            continuing=continuing,
            reward=reward,
        )
        self.set_up_task(tolerance=tolerance, continuing=continuing, reward=reward)
        self.simulation = Simulation(
            load(self.XML), num=num, frame_skip=self.FRAME_SKIP, fields=self.FIELDS, threads=threads
        )
        self.FPS = round(1.0 / self.simulation.dt)  # type: ignore[misc]
        wide = np.full(2, np.inf)
        whole = spaces.Box(-np.inf, np.inf, (size,), np.float64)
        self.observation_space = goal_space(whole, -wide, wide)
        low, high = self.simulation.model.actuator_ctrlrange.T.astype(np.float32)
        self.action_space = spaces.Box(low, high, dtype=np.float32)
        self.table = (*joint_table(self.JOINTS), CONTROL_COST, *table)
        self.out = Outcome.zeros(num, self.observation_space, self.table, paid=not reward)
        self.goals: Float = np.zeros((num, 2))
        self._camera: Camera | None = None

    def frame(self, row: int) -> npt.NDArray[np.uint8]:
        """Return a picture of a row, (480, 480, 3) uint8."""
        if self._camera is None:
            self._camera = Camera(self.simulation.model, body=None, **self.VIEW)
        return self._camera.picture(self.simulation.data(row))

    def close(self) -> None:
        """End threads and the renderer."""
        self.simulation.close()
        if self._camera is not None:
            self._camera.close()
            self._camera = None

    def _start(self, row: int, stream: np.random.Generator) -> None:
        """Write a row's start into the simulation and its goal into ``goals``."""
        raise NotImplementedError

    def _see(self, rows: Int) -> tuple[Float, Float, dict[str, npt.NDArray[Any]]]:
        """Return observations (B, D), achieved goals (B, 2) and the task's features."""
        raise NotImplementedError

    def _reset(self, rows: Int) -> None:
        self.simulation.reset(rows)
        for row in rows.tolist():
            self._start(row, self.streams[row])
        self.simulation.forward(rows)
        self._show(rows, np.zeros(len(rows)))

    def _step(self, rows: Int, actions: npt.NDArray[Any]) -> None:
        self.simulation.step(rows, actions)
        self._show(rows, np.square(actions.astype(np.float64)).sum(axis=1))
        self.judge(rows)

    def _show(self, rows: Int, cost: Float) -> None:
        obs: Any = self.out.obs
        seen, achieved, told = self._see(rows)
        obs["observation"][rows], obs["achieved_goal"][rows] = seen, achieved
        obs["desired_goal"][rows] = self.goals[rows]
        features = self.out.features
        for column, joint in enumerate(self.JOINTS):
            features[f"{joint}_angle"][rows] = self.simulation.qpos[rows, column]
            features[f"{joint}_velocity"][rows] = self.simulation.qvel[rows, column]
        features[CONTROL_COST.name][rows] = cost
        for name, values in told.items():
            features[name][rows] = values

    def _get_state(self) -> dict[str, npt.NDArray[Any]]:
        simulated = {f"sim/{name}": value for name, value in self.simulation.get_state().items()}
        return {"goals": self.goals.copy(), **simulated}

    def _set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        self.goals[...] = state["goals"]
        self.simulation.set_state(section(state, "sim"))


@functools.cache
def load(xml: str) -> Any:
    """Return a model among Gymnasium's MuJoCo assets."""
    with no_advice():
        return mujoco.MjModel.from_xml_path(str(Path(str(assets.__file__)).parent / "assets" / xml))


def norms(vectors: Float) -> Float:
    """Return Euclidean lengths over the last axis."""
    found: Float = np.sqrt(np.square(vectors).sum(axis=-1))
    return found
