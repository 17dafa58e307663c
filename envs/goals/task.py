"""What goal tasks share: the dict space, the sparse reward, and its recomputation for HER."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from operant.envs.batched.world import Outcome
from operant.types import Bool, Float, Int

COST = "cost"
"""Reward of -1 for every step that does not end at the goal, the convention of the HER paper."""


class GoalTask:
    """Mixed into a world: reach the goal that the observation shows.

    The world calls :meth:`set_up_task`, keeps ``achieved_goal`` and ``desired_goal`` of its
    observations up to date, and calls :meth:`judge` at the end of a step. Both goals are float64,
    so that what was paid can be recomputed from observations to the bit.

    Source: Hindsight experience replay (Andrychowicz et al., 2017); the methods are named as in
    Gymnasium-Robotics' ``GoalEnv``.
    """

    OFFERS: ClassVar[frozenset[str]] = frozenset(
        {"compute_reward", "compute_terminated", "compute_truncated", "tolerance", "continuing"}
    )
    REWARDS: ClassVar[tuple[str, ...]] = (COST,)

    out: Outcome
    tolerance: float
    continuing: bool
    _costs: bool

    def set_up_task(self, *, tolerance: float, continuing: bool, reward: str) -> None:
        """Remember what counts as success, and what it pays.

        Args:
            tolerance: Largest distance from the goal, m, above 0.
            continuing: True if episodes go on at the goal.
            reward: ``"cost"`` for -1 and 0, ``""`` for 0 and 1.

        Raises:
            ValueError: If the tolerance is not above 0.
        """
        check_tolerance(tolerance)
        self.tolerance, self.continuing, self._costs = tolerance, continuing, reward == COST

    def reached(self, achieved_goal: Any, desired_goal: Any) -> Bool:
        """Tell whether goals are achieved: (...,) bool for two arrays (..., d)."""
        apart = np.asarray(achieved_goal, np.float64) - np.asarray(desired_goal, np.float64)
        near: Bool = np.sqrt((apart * apart).sum(axis=-1)) <= self.tolerance
        return near

    def compute_reward(
        self,
        achieved_goal: Any,
        desired_goal: Any,
        info: Any = None,  # noqa: ARG002 (the signature that HER calls)
    ) -> Any:
        """Return what a step pays that achieved one goal where another one was desired.

        Args:
            achieved_goal: (d,) or (B, d).
            desired_goal: The same shape.
            info: Anything: infos play no part in it.

        Returns:
            A float, or (B,) float64.
        """
        near = self.reached(achieved_goal, desired_goal)
        paid: Float = near.astype(np.float64) - self._costs
        return paid if near.ndim else float(paid)

    def compute_terminated(
        self,
        achieved_goal: Any,
        desired_goal: Any,
        info: Any = None,  # noqa: ARG002 (GoalEnv's signature)
    ) -> Any:
        """Tell whether that step ends the episode by success: a bool, or (B,)."""
        near = self.reached(achieved_goal, desired_goal)
        ends: Bool = near & (not self.continuing)
        return ends if near.ndim else bool(ends)

    def compute_truncated(
        self,
        achieved_goal: Any,
        desired_goal: Any,  # noqa: ARG002 (GoalEnv's signature)
        info: Any = None,  # noqa: ARG002
    ) -> Any:
        """Return False: the time limit does not depend on goals. A bool, or (B,)."""
        shape = np.shape(achieved_goal)[:-1]
        return np.zeros(shape, np.bool_) if shape else False

    def judge(self, rows: Int, failed: Bool | None = None) -> None:
        """Write reward, success and termination of rows, from the goals in their observations.

        Args:
            rows: (B,) indices.
            failed: (B,) whose episodes end for another reason.
        """
        out = self.out
        assert isinstance(out.obs, dict)
        near = self.reached(out.obs["achieved_goal"][rows], out.obs["desired_goal"][rows])
        ends = near & (not self.continuing)
        out.success[rows] = near
        out.terminated[rows] = ends if failed is None else ends | failed
        out.true_reward[rows] = near
        if self._costs:
            out.reward[rows] = near - 1.0

    @property
    def end_words(self) -> str:
        """When success ends an episode, for a card."""
        if self.continuing:
            return "never by success: every step at the goal pays"
        return f"at the first step that ends within {self.tolerance:g} m of the goal"

    @property
    def reward_words(self) -> str:
        """The true reward, for a card."""
        return (
            f"1 for a step that ends within {self.tolerance:g} m of the goal, else 0 (0 and -1 "
            "with reward='cost'); compute_reward says it of any goals, as hindsight replay asks"
        )


def check_tolerance(tolerance: float) -> None:
    """Refuse what is no distance.

    Raises:
        ValueError: If the tolerance is not above 0.
    """
    if not 0 < tolerance < np.inf:
        raise ValueError(f"tolerance must be a length above 0 m, got {tolerance}")


def goal_space(observation: spaces.Box, low: npt.ArrayLike, high: npt.ArrayLike) -> spaces.Dict:
    """Return the space of a goal task's observations.

    Args:
        observation: Space of what is seen beside the goals.
        low: (d,) smallest goal.
        high: (d,) largest goal.
    """
    goal = spaces.Box(np.asarray(low, np.float64), np.asarray(high, np.float64), dtype=np.float64)
    return spaces.Dict(
        achieved_goal=goal,
        desired_goal=spaces.Box(goal.low, goal.high, dtype=np.float64),
        observation=observation,
    )
