"""HopperFrontFlip: turn over forwards and stand.

Source: Text2Reward (Xie et al., 2024) for the skill; the predicate is ours.
"""

from __future__ import annotations

from operant.envs.batched.makers import makers
from operant.envs.mujoco.skills.flip import Flip


class HopperFrontFlip(Flip):
    """N hoppers that are to do a front flip."""

    GOAL = "Make the hopper do a front flip: turn over forwards once and stand again."
    STORY = "Falling does not end the episode; rolling over the floor counts as turning."

    def __init__(self, *, num: int = 1, max_steps: int = 500, threads: int = 1) -> None:
        """Build N hoppers.

        Args:
            num: N >= 1.
            max_steps: Time limit in env steps, >= 1.
            threads: Threads to step with, >= 1; the numbers are the same with any.
        """
        super().__init__(1, num=num, max_steps=max_steps, threads=threads)


make, make_vector = makers(HopperFrontFlip)
