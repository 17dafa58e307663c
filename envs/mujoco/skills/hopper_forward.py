"""HopperForward: hop forwards without falling.

Source: Text2Reward (Xie et al., 2024) for the skill; the predicate is ours.
"""

from __future__ import annotations

from operant.envs.batched.makers import makers
from operant.envs.mujoco.robots.robot import Motion
from operant.envs.mujoco.skills.forward import Forward
from operant.types import Bool, Int


class HopperForward(Forward):
    """N hoppers that are to move forwards."""

    GOAL = "Make the hopper move forward: hop along +x without falling."
    STORY = "Whether it is fast enough is judged once, at the end of an episode of full length."
    FALL = "the robot is not healthy, as in Hopper-v5"
    EXPERT = """\
def reward(obs, action, next_obs, info):
    # More than 2 m/s is not asked for, and hard to keep without a fall.
    forward = 0.1 * min(info["forward_velocity"], 2.0)
    # Each step that it stands is worth as much as 1 m/s: who falls loses all that is left.
    alive = 0.1 if info["healthy"] else 0.0
    effort = -0.1 * info["control_cost"]
    return forward + alive + effort
"""

    def __init__(self, *, num: int = 1, max_steps: int = 500, threads: int = 1) -> None:
        """Build N hoppers.

        Args:
            num: N >= 1.
            max_steps: Length of an episode in env steps, at whose end it is judged; >= 2.
            threads: Threads to step with, >= 1; the numbers are the same with any.
        """
        super().__init__("hopper", num=num, max_steps=max_steps, threads=threads)

    def _fallen(self, rows: Int, motion: Motion) -> Bool:  # noqa: ARG002
        return ~motion.healthy


make, make_vector = makers(HopperForward)
