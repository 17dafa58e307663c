"""A skill: a robot shows something once, and that is all the true reward pays for.

Source: Text2Reward (Xie et al., 2024), whose six locomotion skills people judged from videos. The
predicates, which take the place of those people, are ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from operant.envs.mujoco.robots.robot import Motion, Robot
from operant.envs.mujoco.world import RobotWorld
from operant.types import Bool, Card, Feature, Int


class Skill(RobotWorld):
    """N robots that are to show a skill; a subclass says what it is and when it was shown."""

    GOAL: ClassVar[str]
    """What to do, in one sentence, as one would tell a person or a language model."""
    STORY: ClassVar[str]
    """What else there is to know about it."""
    EXPERT: ClassVar[str]
    """A dense reward, a program in the reward language."""
    FALL: ClassVar[str] = ""
    """What ends an episode beside success, in words; ``""`` for nothing."""

    def __init__(
        self,
        robot: Robot,
        *,
        num: int,
        max_steps: int,
        threads: int,
        features: Sequence[Feature],
        memory: Mapping[str, type],
        options: Mapping[str, Any] | None = None,
    ) -> None:
        """Build N robots.

        Args:
            robot: The robot.
            num: N >= 1.
            max_steps: Time limit in env steps, >= 1.
            threads: Threads to step with, >= 1; the numbers are the same with any.
            features: The skill's own features.
            memory: What it remembers of an episode, one number per row: name -> ``int`` or
                ``float``; 0 at the start.
            options: All other arguments of the subclass.
        """
        super().__init__(
            robot,
            num=num,
            max_steps=max_steps,
            threads=threads,
            ends_unhealthy=False,
            task_features=features,
            options=options or {},
        )
        self._started = tuple(memory)
        for name, kind in memory.items():
            self.memory[name] = np.zeros(num, kind)

    def card(self, env_id: str) -> Card:
        """Return what a user must know about it."""
        robot = self.robot
        return Card(
            id=env_id,
            description=f"{self.goal()} {self.STORY} A step lasts {1000 * robot.dt:g} ms.",
            observation=robot.obs_words,
            action=robot.action_words,
            reward="1 for the step that completes the skill (see success), 0 for any other",
            termination=f"success{', or a fall: ' * bool(self.FALL)}{self.FALL}",
            truncation=f"after {self.max_steps} steps",
            success=self.predicate(),
            metric="success",
            oracle="none",
            features=self.table,
            tier=1,
            extra="mujoco",
            source=(
                f"The robot of Gymnasium's {robot.gymnasium_id}; the skill of Text2Reward (Xie et "
                "al., 2024), judged there by people who watch; the predicate is ours."
            ),
            expert=self.expert(),
        )

    def goal(self) -> str:
        """Return what to do, in one sentence."""
        return self.GOAL

    def expert(self) -> str:
        """Return a dense reward as a person would write it, in the reward language."""
        return self.EXPERT

    def predicate(self) -> str:
        """Return in words when the skill was shown."""
        raise NotImplementedError

    def _begin(self, rows: Int) -> None:
        for name in self._started:
            self.memory[name][rows] = 0

    def _judge(
        self,
        rows: Int,
        actions: npt.NDArray[Any],  # noqa: ARG002 (a skill is in what the robot does)
        motion: Motion,
    ) -> None:
        fallen = self._fallen(rows, motion)
        shown = self._shown(rows, motion) & ~fallen
        self.out.success[rows] = shown
        self.out.true_reward[rows] = shown
        self.out.terminated[rows] = shown | fallen

    def _fallen(self, rows: Int, motion: Motion) -> Bool:  # noqa: ARG002 (for subclasses)
        """Return in which rows the episode ends without success."""
        return np.zeros(len(rows), np.bool_)

    def _shown(self, rows: Int, motion: Motion) -> Bool:
        """Note in ``memory`` what the last step showed; return in which rows the skill is shown."""
        raise NotImplementedError


def count(name: str, description: str, high: float, unit: str = "", *, low: float = 0) -> Feature:
    """Describe a count that the observation does not tell."""
    return Feature(
        name=name,
        description=description,
        low=low,
        high=high,
        unit=unit,
        dtype="int",
        privileged=True,
    )
