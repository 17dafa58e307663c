"""AntForward: walk forwards without falling.

Source: Text2Reward (Xie et al., 2024) for the skill; the predicate is ours.
"""

from __future__ import annotations

from operant.envs.batched.makers import makers
from operant.envs.mujoco.robots.robot import Motion
from operant.envs.mujoco.skills.forward import Forward
from operant.envs.mujoco.skills.predicates import up_z
from operant.types import Bool, Int


class AntForward(Forward):
    """N ants that are to move forwards."""

    GOAL = "Make the ant move forward: walk along +x without falling over."
    STORY = "Whether it is fast enough is judged once, at the end of an episode of full length."
    FALL = "the robot is not healthy, as in Ant-v5, or lies upside down (up < 0)"
    EXPERT = """\
def reward(obs, action, next_obs, info):
    # More than 2 m/s is not asked for.
    forward = 0.1 * min(info["forward_velocity"], 2.0)
    # Upright and within its healthy heights; who falls over loses all that is left.
    alive = 0.05 * info["up"] if info["healthy"] else 0.0
    effort = -0.05 * info["control_cost"]
    return forward + alive + effort
"""

    def __init__(self, *, num: int = 1, max_steps: int = 500, threads: int = 1) -> None:
        """Build N ants.

        Args:
            num: N >= 1.
            max_steps: Length of an episode in env steps, at whose end it is judged; >= 2.
            threads: Threads to step with, >= 1; the numbers are the same with any.
        """
        super().__init__("ant", num=num, max_steps=max_steps, threads=threads)

    def _fallen(self, rows: Int, motion: Motion) -> Bool:
        # v5 calls an ant on its back healthy: its torso lies 0.27 m high
        return ~motion.healthy | (up_z(self.simulation.qpos[rows, 3:7]) < 0.0)


make, make_vector = makers(AntForward)
