"""AntLieDown: lie still on the back.

An ant cannot lie on its belly: the joints let no leg go above the torso, so that it crouches on its
feet at a height of 0.38 m, which is also where it sinks to without doing anything. Only on its back
does the torso (a sphere of radius 0.25 m) touch the floor.

Source: Text2Reward (Xie et al., 2024) for the skill, which it calls ambiguous (belly up or down);
the predicate is ours.
"""

from __future__ import annotations

from operant.envs.batched.makers import makers
from operant.envs.mujoco.robots import named
from operant.envs.mujoco.robots.robot import Motion, flag, value
from operant.envs.mujoco.skills.predicates import speed, streak, up_z
from operant.envs.mujoco.skills.skill import Skill, count
from operant.types import Bool, Float, Int

HEIGHT = 2
LOW, FLAT, SLOW, STEPS = 0.3, 0.85, 0.1, 50
"""Height of the torso in m (0.27 at rest), tilt (0.91 at rest), speed in m/s, duration in steps.

On its back the ant rests on its torso and two hips or knees, so that it is never quite level.
"""
LYING = f"torso_height < {LOW:g} m, up < -{FLAT:g}, speed < {SLOW:g} m/s"


class AntLieDown(Skill):
    """N ants that are to lie down."""

    GOAL = "Make the ant lie down on its back, and lie still."
    STORY = (
        "Nothing but success ends the episode. (Crouching is no lying: an ant that does nothing "
        "sinks to a height of 0.38 m, carried by its feet.)"
    )
    EXPERT = """\
def reward(obs, action, next_obs, info):
    # First over on the back. Thrashing about does that; what it takes is to stop in time.
    over = -0.05 * (1 + info["up"])
    moves = -0.06
    if info["up"] < -0.5:
        moves = -0.02 * min(info["speed"], 3.0)
    effort = -0.05 * info["control_cost"]
    # Until it is done every step costs, so that there is no reason to put it off.
    lies = 0.01 if info["lying"] else 0.0
    done = 1.5 if info["lying_steps"] >= 50 else 0.0
    return over + moves + effort + lies + done
"""

    def __init__(self, *, num: int = 1, max_steps: int = 300, threads: int = 1) -> None:
        """Build N ants.

        Args:
            num: N >= 1.
            max_steps: Time limit in env steps, >= 1.
            threads: Threads to step with, >= 1; the numbers are the same with any.
        """
        super().__init__(
            named("ant"),
            num=num,
            max_steps=max_steps,
            threads=threads,
            features=(
                value("speed", "speed of the torso in space", "m/s", low=0.0),
                flag("lying", LYING),
                count("lying_steps", "steps in a row that it has been lying", STEPS, "env steps"),
            ),
            memory={"lying": int},
        )

    def predicate(self) -> str:
        """Return in words when the skill was shown."""
        return f"the robot has been lying for {STEPS} steps in a row: {LYING}"

    def _shown(self, rows: Int, motion: Motion) -> Bool:  # noqa: ARG002
        qpos, qvel = self.simulation.qpos[rows], self.simulation.qvel[rows]
        self.memory["lying"][rows] = streak(self.memory["lying"][rows], lying(qpos, qvel))
        shown: Bool = self.memory["lying"][rows] >= STEPS
        return shown

    def _features(self, rows: Int) -> None:
        qpos, qvel, features = (
            self.simulation.qpos[rows],
            self.simulation.qvel[rows],
            self.out.features,
        )
        features["speed"][rows] = speed(qvel[:, :3])
        features["lying"][rows] = lying(qpos, qvel)
        features["lying_steps"][rows] = self.memory["lying"][rows]


def lying(qpos: Float, qvel: Float) -> Bool:
    """Return which ants lie still on their back.

    Args:
        qpos: (B, 15) positions: x, y, height, quaternion, joints.
        qvel: (B, 14) velocities.
    """
    low: Bool = (qpos[:, HEIGHT] < LOW) & (up_z(qpos[:, 3:7]) < -FLAT)
    return low & (speed(qvel[:, :3]) < SLOW)


make, make_vector = makers(AntLieDown)
