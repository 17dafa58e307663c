"""Somersaults of the hopper: a whole turn of the torso, and standing after it.

Falling ends no episode, as a flip leads through positions that v5 calls unhealthy. How it turns is
left to the robot: it may jump, or roll over the floor, from which it must get up again.
"""

from __future__ import annotations

import numpy as np

from operant.envs.mujoco.robots import named
from operant.envs.mujoco.robots.robot import Motion, flag, value
from operant.envs.mujoco.skills.predicates import streak, whole_turns, wrapped
from operant.envs.mujoco.skills.skill import Skill, count
from operant.types import Bool, Float, Int

HEIGHT, PITCH = 1, 2
"""Columns of ``qpos``."""
STEADY = 20
"""Steps that it must stand after the turn: 0.16 s."""
LOWEST, MOST_TILT, WILDEST = 0.7, 0.2, 100.0
"""v5's health: height in m, pitch in rad (here of the wrapped one), bound of all other numbers."""
STANDING = f"torso_height > {LOWEST:g} m, tilt within +-{MOST_TILT:g} rad"


class Flip(Skill):
    """N hoppers that are to turn over once."""

    EXPERT = """\
def reward(obs, action, next_obs, info):
    high = min(max((info["torso_height"] - 0.3) / 0.7, 0.0), 1.0)
    # Up to one turn; with a swing and off the floor it pays best, as only that ends on the foot.
    rate = min(max(info["turn_velocity"], 0.0), 12.0)
    turn = min(info["turned"], 6.4) - min(info["prev_turned"], 6.4)
    spin = turn * (0.03 + 0.02 * rate * high)
    # Then stand. What standing pays for ever is less than what it pays to be done.
    stand = 0.0
    if info["flips"] > 0:
        stand = 0.02 * high * max(0.0, 1.0 - abs(info["tilt"]))
    steady = 0.05 if info["steady_steps"] > info["prev_steady_steps"] else 0.0
    done = 5.0 if info["steady_steps"] >= 20 else 0.0
    effort = -0.1 * info["control_cost"]
    return spin + stand + steady + done + effort
"""

    def __init__(self, way: int, *, num: int, max_steps: int, threads: int) -> None:
        """Build N hoppers.

        Args:
            way: 1 for forwards, the direction of a growing pitch; -1 for backwards.
            num: N >= 1.
            max_steps: Time limit in env steps, >= 1.
            threads: Threads to step with, >= 1.
        """
        self.way, self.ahead = way, "forwards" if way > 0 else "backwards"
        ahead = self.ahead
        super().__init__(
            named("hopper"),
            num=num,
            max_steps=max_steps,
            threads=threads,
            features=(
                value("turned", f"how far the torso has turned {ahead} since the start", "rad"),
                value("turn_velocity", f"angular velocity of the torso {ahead}", "rad/s"),
                value("tilt", "pitch of the torso, within +-pi: 0 upright, > 0 forwards", "rad"),
                flag("standing", STANDING),
                count("flips", f"whole turns {ahead} so far", max_steps, "turns"),
                count(
                    "steady_steps",
                    "steps in a row that it has been standing since its first whole turn",
                    STEADY,
                    "env steps",
                ),
            ),
            memory={"start": float, "turned": float, "flips": int, "steady": int},
        )

    def predicate(self) -> str:
        """Return in words when the skill was shown."""
        return (
            f"the torso has turned {self.ahead} by a whole turn or more since the start of the "
            f"episode, and the robot has been standing for {STEADY} steps in a row since then "
            f"({STANDING})"
        )

    def _begin(self, rows: Int) -> None:
        super()._begin(rows)
        self.memory["start"][rows] = self.simulation.qpos[rows, PITCH]

    def _shown(self, rows: Int, motion: Motion) -> Bool:  # noqa: ARG002 (no velocity counts)
        memory = self.memory
        turned = self.way * (self.simulation.qpos[rows, PITCH] - memory["start"][rows])
        flips = whole_turns(turned, memory["flips"][rows])
        steady = streak(memory["steady"][rows], standing(*self._bodies(rows)) & (flips > 0))
        memory["turned"][rows], memory["flips"][rows], memory["steady"][rows] = (
            turned,
            flips,
            steady,
        )
        return steady >= STEADY

    def _features(self, rows: Int) -> None:
        memory, features = self.memory, self.out.features
        qpos, qvel = self._bodies(rows)
        features["turned"][rows] = memory["turned"][rows]
        features["turn_velocity"][rows] = self.way * qvel[:, PITCH]
        features["tilt"][rows] = wrapped(qpos[:, PITCH])
        features["standing"][rows] = standing(qpos, qvel)
        features["flips"][rows] = memory["flips"][rows]
        features["steady_steps"][rows] = memory["steady"][rows]

    def _bodies(self, rows: Int) -> tuple[Float, Float]:
        return self.simulation.qpos[rows], self.simulation.qvel[rows]


def standing(qpos: Float, qvel: Float) -> Bool:
    """Return which hoppers v5 would call healthy if full turns did not count.

    Args:
        qpos: (B, 6) positions: x, height, pitch, joints.
        qvel: (B, 6) velocities.
    """
    tilt = wrapped(qpos[:, PITCH])
    calm = (np.abs(qpos[:, PITCH + 1 :]) < WILDEST).all(axis=1)
    calm &= (np.abs(qvel) < WILDEST).all(axis=1)
    upright: Bool = (qpos[:, HEIGHT] > LOWEST) & (np.abs(tilt) < MOST_TILT)
    return upright & calm
