"""AntMaze: the ant walks through a maze to a goal.

Source: AntMaze of D4RL (Fu et al., 2020) and Gymnasium-Robotics for the task, the sizes of cells
and walls, and the time limits; dynamics and observation are those of Gymnasium's ``Ant-v5``. Ours:
maps, where start and goal are, and that by default an episode ends at the goal.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from operant.envs.batched.makers import makers
from operant.envs.goals.errands import ANY, WORDS, Errands
from operant.envs.goals.layouts import layout
from operant.envs.goals.maze_features import way_features, way_table
from operant.envs.goals.routes import Routes
from operant.envs.mujoco.goals.goal_ant import EXPERT
from operant.envs.mujoco.goals.goal_robot import CELL, WALL_HEIGHT, GoalRobot, placed_ant
from operant.types import Card, Int

CLEARANCE = 1.0
"""What the shortest ways keep from walls, m: half of what a standing ant needs."""
SPREAD = 0.15
"""Starts and goals are up to so many cells off the middle of theirs: no leg touches a wall."""


class AntMaze(GoalRobot):
    """N ants, each in a maze of its own."""

    def __init__(
        self,
        *,
        num: int = 1,
        maze: str = "UMaze",
        task: str = ANY,
        apart: int = 5,
        tolerance: float = 0.5,
        continuing: bool = False,
        ends_unhealthy: bool = False,
        max_steps: int = 700,
        threads: int = 1,
        reward: str = "",
    ) -> None:
        """Build the mazes.

        Args:
            num: Rows.
            maze: ``"Open"``, ``"UMaze"``, ``"Medium"`` or ``"Large"``.
            task: ``"any"`` draws start and goal among all cells, ``"long"`` takes the map's marks.
            apart: Fewest cells of way between start and goal in ``"any"``.
            tolerance: How near to the goal counts as there, m.
            continuing: True if episodes go on at the goal.
            ends_unhealthy: True if an episode ends when the ant falls, as in v5.
            max_steps: Time limit in env steps of 0.05 s.
            threads: Threads to step with; the numbers are the same with any.
            reward: ``"cost"`` for -1 and 0 instead of 0 and 1.

        Raises:
            ValueError: If an argument is outside its range; names it.
        """
        self.maze = layout(maze, CELL)
        self._routes = Routes(self.maze, CLEARANCE)
        self._errands, self._task = Errands(self.maze, task, apart, SPREAD), task
        super().__init__(
            placed_ant(maze, tolerance),
            num=num,
            max_steps=max_steps,
            threads=threads,
            tolerance=tolerance,
            continuing=continuing,
            ends_unhealthy=ends_unhealthy,
            reward=reward,
            task_features=way_table(self.maze, self._routes),
            options={"maze": maze, "task": task, "apart": apart},
        )
        self.memory["ahead"] = self._routes.ahead(self.memory["goal"])

    def card(self, env_id: str) -> Card:
        """Describe the task."""
        rows, columns = self.maze.walls.shape
        where = WORDS[self._task].format(apart=self._errands.apart)
        return Card(
            id=env_id,
            description=(
                f"The four-legged ant of Ant-v5 in a maze of {columns} x {rows} cells of {CELL:g} "
                f"m, walls included, which are {WALL_HEIGHT:g} m high; {where}, up to "
                f"{SPREAD * CELL:g} m off their middles. A step is 0.05 s."
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
            source="AntMaze of D4RL and Gymnasium-Robotics on Ant-v5 of Gymnasium; own maps.",
            expert=EXPERT.format(way="path_distance", tolerance=self.tolerance),
        )

    def _view(self) -> dict[str, Any]:
        across = 2.0 * float(self.maze.half.max())
        return {"body": None, "distance": 1.25 * across, "elevation": -89.0}

    def _begin(self, rows: Int) -> None:
        for row in rows.tolist():
            start, self.memory["goal"][row] = self._errands.draw(self.streams[row])
            self.simulation.qpos[row, :2] += start
        self.simulation.forward(rows)
        self._show(rows, self.robot.rest(self.simulation, rows))
        self.memory["ahead"][rows] = self._routes.ahead(self.memory["goal"][rows])

    def _told(self, rows: Int) -> dict[str, npt.NDArray[Any]]:
        place, goal = self.simulation.qpos[rows, :2], self.memory["goal"][rows]
        return {**way_features(self._routes, place, goal, self.memory["ahead"][rows])}


make, make_vector = makers(AntMaze)
