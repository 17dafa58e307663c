"""A robot with a goal: where its torso is to be."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gymnasium.envs.mujoco as assets
import numpy as np
import numpy.typing as npt

from operant.envs.goals.layouts import layout
from operant.envs.goals.task import GoalTask, check_tolerance, goal_space
from operant.envs.mujoco.render import Camera
from operant.envs.mujoco.robots.ant import ROBOT as ANT
from operant.envs.mujoco.robots.ant import Ant
from operant.envs.mujoco.robots.robot import Motion, no_advice
from operant.envs.mujoco.simulation import mujoco
from operant.envs.mujoco.world import RobotWorld
from operant.types import Feature, Int

MARK = "goal"
"""Name of the site that shows the goal in pictures; sites touch nothing."""
WALL_HEIGHT = 2.0
CELL = 4.0
"""Side of a maze's cell, m."""
PLACE = ("x_position", "y_position", "distance_from_origin")
"""Features that v5's observation hides and ``achieved_goal`` shows."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlacedAnt(Ant):
    """v5's ant on a floor with walls and a mark.

    Attributes:
        maze: Name of the layout; ``""`` for an open floor.
        radius: Of the mark, m.
    """

    maze: str = ""
    radius: float = 0.5

    @functools.cached_property
    def model(self) -> Any:
        """The ant's model, with walls that it cannot pass."""
        return _model(self.xml, self.maze, self.radius)

    @functools.cached_property
    def table(self) -> tuple[Feature, ...]:
        """The ant's features; where it is, is observed here."""
        return tuple(
            dataclasses.replace(feature, privileged=False) if feature.name in PLACE else feature
            for feature in super().table
        )


def placed_ant(maze: str, radius: float) -> PlacedAnt:
    """Return an ant among the walls of a maze.

    Args:
        maze: Name of the layout; ``""`` for none.
        radius: Of the mark, m: the tolerance.

    Raises:
        ValueError: If the radius is not above 0.
    """
    check_tolerance(radius)
    fields = {field.name: getattr(ANT, field.name) for field in dataclasses.fields(ANT)}
    return PlacedAnt(**fields, maze=maze, radius=radius)


@functools.cache
def _model(xml: str, maze: str, radius: float) -> Any:
    spec = mujoco.MjSpec.from_file(str(Path(str(assets.__file__)).parent / "assets" / xml))
    floor = spec.worldbody
    if maze:
        for low_x, low_y, high_x, high_y in layout(maze, CELL).boxes:
            floor.add_geom(
                type=mujoco.mjtGeom.mjGEOM_BOX,
                pos=[(low_x + high_x) / 2, (low_y + high_y) / 2, WALL_HEIGHT / 2],
                size=[(high_x - low_x) / 2, (high_y - low_y) / 2, WALL_HEIGHT / 2],
                rgba=[0.25, 0.3, 0.38, 1.0],
                contype=1,
                conaffinity=1,
            )
    floor.add_site(
        name=MARK,
        type=mujoco.mjtGeom.mjGEOM_CYLINDER,
        size=[radius, 0.02, 0.0],
        rgba=[0.2, 0.8, 0.3, 0.6],
    )
    with no_advice():
        return spec.compile()


class GoalRobot(GoalTask, RobotWorld):
    """N robots that are to walk somewhere.

    A task implements ``_begin``, which writes ``memory["goal"]``, ``_told`` and ``card``.
    """

    def __init__(
        self,
        robot: Ant,
        *,
        num: int,
        max_steps: int,
        threads: int,
        tolerance: float,
        continuing: bool,
        ends_unhealthy: bool,
        reward: str,
        task_features: Sequence[Feature],
        options: Mapping[str, Any],
    ) -> None:
        """Build N robots.

        Args:
            robot: The robot.
            num: Rows.
            max_steps: Time limit in env steps.
            threads: Threads to step with.
            tolerance: How near to the goal counts as there, m.
            continuing: True if episodes go on at the goal.
            ends_unhealthy: True if an episode ends when the robot falls.
            reward: ``"cost"`` for -1 and 0 instead of 0 and 1.
            task_features: Features beside the robot's.
            options: Arguments of the task's own constructor.
        """
        super().__init__(
            robot,
            num=num,
            max_steps=max_steps,
            threads=threads,
            ends_unhealthy=ends_unhealthy,
            task_features=task_features,
            paid=not reward,
            options={
                "tolerance": tolerance,
                "continuing": continuing,
                "ends_unhealthy": ends_unhealthy,
                "reward": reward,
                **options,
            },
        )
        self.set_up_task(tolerance=tolerance, continuing=continuing, reward=reward)
        own: Any = self.observation_space
        anywhere = np.full(2, np.inf)
        self.observation_space = goal_space(own, -anywhere, anywhere)
        goals = {key: np.zeros((num, 2)) for key in ("achieved_goal", "desired_goal")}
        whole: Any = self.out.obs  # the robot's, which stays a part of the new one
        self.out = dataclasses.replace(self.out, obs={"observation": whole, **goals})
        self.memory["goal"] = np.zeros((num, 2))

    def frame(self, row: int) -> npt.NDArray[np.uint8]:
        """Return a picture of a row, (480, 480, 3) uint8, in which the goal is marked."""
        if self._camera is None:
            self._camera = Camera(self.robot.model, **self._view())
        data = self.simulation.data(row)
        data.site_xpos[self.robot.model.site(MARK).id] = (*self.memory["goal"][row], 0.02)
        return self._camera.picture(data)

    def _view(self) -> dict[str, Any]:
        """Return how the camera looks: arguments of :class:`~operant.envs.mujoco.render.Camera`."""
        return {"distance": 12.0, "elevation": -60.0}

    def _judge(self, rows: Int, actions: npt.NDArray[Any], motion: Motion) -> None:  # noqa: ARG002
        self._show_goals(rows)
        self.judge(rows, failed=self.out.terminated[rows])

    def _features(self, rows: Int) -> None:
        self._show_goals(rows)
        for name, values in self._told(rows).items():
            self.out.features[name][rows] = values

    def _told(self, rows: Int) -> dict[str, npt.NDArray[Any]]:
        """Return the task's features of some rows."""
        raise NotImplementedError

    def _show_goals(self, rows: Int) -> None:
        obs: Any = self.out.obs
        obs["achieved_goal"][rows] = self.simulation.qpos[rows, :2]
        obs["desired_goal"][rows] = self.memory["goal"][rows]

    @property
    def obs_words(self) -> str:
        """Observations in words, for a card."""
        return (
            f"Dict of float64: observation, {self.robot.obs_words} achieved_goal: x and y of the "
            "torso, and desired_goal: x and y of the goal, in m."
        )

    @property
    def fall_words(self) -> str:
        """What a fall does, for a card."""
        return "; when the ant is unhealthy" if self.ends_unhealthy else "; a fall ends nothing"
