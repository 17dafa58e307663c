"""PointMaze: a small puck that is pushed through a maze to a goal.

Source: PointMaze of D4RL (Fu et al., 2020) and Gymnasium-Robotics for the task, the sizes, the
spread of starts and goals and the tolerance. Ours: dynamics without a physics engine (a double
integrator with a top speed that slides along walls), maps, time limits, and that start and goal
are some cells apart.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from operant.envs.batched.makers import makers
from operant.envs.batched.world import BatchWorld, Outcome
from operant.envs.goals.errands import ANY, WORDS, Errands
from operant.envs.goals.geometry import drive
from operant.envs.goals.layouts import layout
from operant.envs.goals.maze_features import way_features, way_table
from operant.envs.goals.picture import Canvas
from operant.envs.goals.routes import Routes
from operant.envs.goals.task import GoalTask, goal_space
from operant.types import Card, Feature, Float, Int, Oracle

STEP_TIME = 0.1
"""Seconds per env step."""
PUSH = 2.0
"""Largest acceleration in x and in y, m/s2."""
TOP_SPEED = 2.0
"""m/s, in any direction."""
HALF_SIDE = 0.1
"""Half of the puck's side, m."""
STRIDE = TOP_SPEED * STEP_TIME
EXPERT = """\
def reward(obs, action, next_obs, info):
    closer = info["prev_path_distance"] - info["path_distance"]
    arrived = 1.0 if info["goal_distance"] < {tolerance:g} else 0.0
    effort = 0.01
    return closer + arrived - effort
"""
"""The dense reward of a person: metres of the way, and something for arriving."""


class PointMaze(GoalTask, BatchWorld):
    """A puck in a maze, in N rows."""

    def __init__(
        self,
        *,
        num: int = 1,
        maze: str = "UMaze",
        task: str = ANY,
        apart: int = 5,
        tolerance: float = 0.45,
        continuing: bool = False,
        max_steps: int = 100,
        reward: str = "",
    ) -> None:
        """Build the maze.

        Args:
            num: Rows.
            maze: ``"Open"``, ``"UMaze"``, ``"Medium"`` or ``"Large"``.
            task: ``"any"`` draws start and goal among all cells, ``"long"`` takes the map's marks.
            apart: Fewest cells of way between start and goal in ``"any"``.
            tolerance: How near to the goal counts as there, m.
            continuing: True if episodes go on at the goal.
            max_steps: Time limit in env steps.
            reward: ``"cost"`` for -1 and 0 instead of 0 and 1.

        Raises:
            ValueError: If an argument is outside its range; names it.
        """
        super().__init__(
            num=num,
            max_steps=max_steps,
            maze=maze,
            task=task,
            apart=apart,
            tolerance=tolerance,
            continuing=continuing,
            reward=reward,
        )
        self.set_up_task(tolerance=tolerance, continuing=continuing, reward=reward)
        self.maze = layout(maze)
        self._task = task
        self._routes = Routes(self.maze, HALF_SIDE)
        self._errands = Errands(self.maze, task, apart)
        half = self.maze.half
        most = np.array([*half, TOP_SPEED, TOP_SPEED])
        self.observation_space = goal_space(spaces.Box(-most, most, dtype=np.float64), -half, half)
        self.action_space = spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.table = (
            *_own_table(*half.tolist()),
            *way_table(self.maze, self._routes),
        )
        self.out = Outcome.zeros(num, self.observation_space, self.table, paid=not reward)
        self._at, self._speed = np.zeros((num, 2)), np.zeros((num, 2))
        self._goal = np.zeros((num, 2))
        self._ahead = np.zeros((num, len(self._routes.corners)))
        self._canvas: Canvas | None = None

    def card(self, env_id: str) -> Card:
        """Describe the maze."""
        rows, columns = self.maze.walls.shape
        where = WORDS[self._task].format(apart=self._errands.apart)
        return Card(
            id=env_id,
            description=(
                f"A puck of {2 * HALF_SIDE:g} m side in a maze of {columns} x {rows} cells of 1 m, "
                f"walls included; {where}, up to 0.25 m off their middles. It is pushed with up to "
                f"{PUSH:g} m/s2 in x and y, rolls without friction at up to {TOP_SPEED:g} m/s, and "
                f"loses at a wall what speed points into it. A step is {STEP_TIME:g} s."
            ),
            observation=(
                "Dict of float64: observation (x, y in m from the middle of the map, velocity in "
                "x and y in m/s), achieved_goal (x, y) and desired_goal (x, y of the goal)"
            ),
            action="Box(-1, 1, (2,)): push to the right and up, in shares of the largest",
            reward=self.reward_words,
            termination=self.end_words,
            truncation=f"after {self.max_steps} steps",
            success=f"the last step ended within {self.tolerance:g} m of the goal",
            metric="success",
            oracle="upper_bound",
            features=self.table,
            tier=0,
            source="PointMaze of D4RL and Gymnasium-Robotics; dynamics and maps are ours.",
            expert=EXPERT.format(tolerance=self.tolerance),
        )

    def oracle(self, row: int) -> Oracle:
        """Bound the return of the steps left: the shortest way at top speed from the first step."""
        way = float(self.out.features["path_distance"][row])
        # within reach of the goal at most a bend of 90 degrees is left: sqrt(2) times straight
        fewest = max(1, math.ceil((way - math.sqrt(2) * self.tolerance) / STRIDE))
        left = self.max_steps - int(self.elapsed[row])
        paying = max(0, left - fewest + 1)
        return Oracle(
            kind="upper_bound",
            optimal_return=float(paying if self.continuing else min(paying, 1)),
            solution_length=None,
            actions=(),
            method=f"no policy needs fewer than {fewest} steps: {way:.2f} m of way at top speed",
        )

    def frame(self, row: int) -> npt.NDArray[np.uint8]:
        """Return the maze from above."""
        self._canvas = self._canvas or Canvas(self.maze)
        at, speed, goal = self._at[row], self._speed[row], self._goal[row]
        return self._canvas.frame(at, speed, goal, self.tolerance, HALF_SIDE)

    def _reset(self, rows: Int) -> None:
        for row in rows:
            self._at[row], self._goal[row] = self._errands.draw(self.streams[row])
        self._speed[rows] = 0.0
        self._ahead[rows] = self._routes.ahead(self._goal[rows])
        self._show(rows)

    def _step(self, rows: Int, actions: npt.NDArray[Any]) -> None:
        push = np.minimum(np.maximum(actions.astype(np.float64), -1.0), 1.0) * PUSH
        self._at[rows], self._speed[rows] = drive(
            self._at[rows], self._speed[rows], push, TOP_SPEED, STEP_TIME, self._routes.boxes
        )
        self._show(rows)
        self.judge(rows)

    def _show(self, rows: Int) -> None:
        """Write observations and features."""
        at, speed, goal = self._at[rows], self._speed[rows], self._goal[rows]
        obs: Any = self.out.obs
        obs["observation"][rows, :2], obs["observation"][rows, 2:] = at, speed
        obs["achieved_goal"][rows], obs["desired_goal"][rows] = at, goal
        own = {"x": at[:, 0], "y": at[:, 1], "x_velocity": speed[:, 0], "y_velocity": speed[:, 1]}
        way = way_features(self._routes, at, goal, self._ahead[rows])
        for name, values in (own | way).items():
            self.out.features[name][rows] = values

    def _get_state(self) -> dict[str, Float]:
        return {
            "at": self._at.copy(),
            "speed": self._speed.copy(),
            "goal": self._goal.copy(),
            "ahead": self._ahead.copy(),
        }

    def _set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        self._at[:], self._speed[:] = state["at"], state["speed"]
        self._goal[:], self._ahead[:] = state["goal"], state["ahead"]


def _own_table(x: float, y: float) -> tuple[Feature, ...]:
    """Return the puck's features."""
    fast = TOP_SPEED
    return (
        Feature(name="x", description="the puck, to the right", low=-x, high=x, unit="m"),
        Feature(name="y", description="the puck, up", low=-y, high=y, unit="m"),
        Feature(name="x_velocity", description="velocity in x", low=-fast, high=fast, unit="m/s"),
        Feature(name="y_velocity", description="velocity in y", low=-fast, high=fast, unit="m/s"),
    )


make, make_vector = makers(PointMaze)
