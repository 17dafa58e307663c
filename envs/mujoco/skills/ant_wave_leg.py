"""AntWaveLeg: lift one foot high, and wave with that leg while the others stand.

Source: Text2Reward (Xie et al., 2024) for the skill; the predicate is ours.
"""

from __future__ import annotations

import numpy as np

from operant.envs.batched.makers import makers
from operant.envs.mujoco.robots import named
from operant.envs.mujoco.robots.ant import LEGS
from operant.envs.mujoco.robots.robot import Motion, flag, value
from operant.envs.mujoco.skills.predicates import swings
from operant.envs.mujoco.skills.skill import Skill, count
from operant.types import Bool, Float, Int

REST, DOWN = 0.02, 0.03
"""Height in m at which a foot rests, as contacts begin there, and up to which it stands."""
LIFT, SWINGS, LEAST = 0.4, 3, 1.0
"""Height over rest in m (at most 0.47 if the ant leans back), reversals, slowest swing in rad/s."""


class AntWaveLeg(Skill):
    """N ants that are to wave with a leg."""

    GOAL = (
        "Make the ant wave with its {leg} leg: lift that foot high and swing the leg to and fro at "
        "the hip, while it stands on the other three."
    )
    STORY = (
        "The foot gets high enough only if the ant leans back: it stands tall on the two legs "
        "beside and crouches on the one opposite. Nothing but success ends the episode."
    )
    EXPERT = """\
def reward(obs, action, next_obs, info):
    # The pose: the leg stretched out (0.52 rad is as far as a knee goes), the one opposite too, so
    # that the ant leans back, and the legs beside as tall as they can be (1.22 rad).
    raised = abs(abs(info["{leg}_ankle_angle"]) - 0.52)
    crouched = abs(abs(info["{opposite}_ankle_angle"]) - 0.52)
    tall = abs(abs(info["{left}_ankle_angle"]) - 1.22)
    tall += abs(abs(info["{right}_ankle_angle"]) - 1.22)
    straight = abs(info["{opposite}_hip_angle"])
    straight += abs(info["{left}_hip_angle"]) + abs(info["{right}_hip_angle"])
    pose = -0.025 * (raised + crouched + tall) - 0.01 * straight
    # What it is for: the foot high, but not by jumping, and the others on the floor.
    height = -0.1 * max(0.0, 0.45 - info["lift"]) - 0.05 * max(0.0, info["lift"] - 0.6)
    floor = -0.015 * (3 - info["supports"])
    level = -0.025 * (1 - info["up"])
    # Then wave. Until it is done every step costs, so that there is no reason to put it off.
    swing = 0.0
    if info["waving"]:
        swing = 0.01 + 0.005 * min(abs(info["swing"]), 2.0)
    reversal = 0.1 if info["swings"] > info["prev_swings"] else 0.0
    done = 1.5 if info["swings"] >= 3 else 0.0
    effort = -0.015 * info["control_cost"]
    return pose + height + floor + level + swing + reversal + done + effort
"""

    def __init__(
        self, *, num: int = 1, max_steps: int = 300, threads: int = 1, leg: str = "front_left"
    ) -> None:
        """Build N ants.

        Args:
            num: N >= 1.
            max_steps: Time limit in env steps, >= 1.
            threads: Threads to step with, >= 1; the numbers are the same with any.
            leg: Which leg is to wave: ``"front_left"``, ``"back_left"``, ``"back_right"`` or
                ``"front_right"``.

        Raises:
            ValueError: If there is no such leg, or a number is outside its range.
        """
        if leg not in LEGS:
            raise ValueError(f"leg must be one of {', '.join(map(repr, LEGS))}, got {leg!r}")
        self.leg, self._words = LEGS.index(leg), leg.replace("_", " ")
        self._hip = 2 * (self.leg - len(LEGS))  # column of qvel, from its end
        super().__init__(
            named("ant"),
            num=num,
            max_steps=max_steps,
            threads=threads,
            features=(
                value("lift", f"height of the {self._words} foot's tip over where it rests", "m"),
                value("swing", f"angular velocity of the {self._words} hip", "rad/s"),
                count("supports", f"how many other feet stand (are below {DOWN:g} m)", 3, "feet"),
                flag("waving", self._waving_words()),
                count("swings", "reversals of the swing without a break in waving", SWINGS),
            ),
            memory={"swings": int, "side": int},
            options={"leg": leg},
        )

    def goal(self) -> str:
        """Return what to do, in one sentence."""
        return self.GOAL.format(leg=self._words)

    def expert(self) -> str:
        """Return a dense reward as a person would write it, in the reward language."""
        left, opposite, right = (LEGS[(self.leg + i) % len(LEGS)] for i in (1, 2, 3))
        return self.EXPERT.format(leg=LEGS[self.leg], left=left, opposite=opposite, right=right)

    def predicate(self) -> str:
        """Return in words when the skill was shown."""
        return (
            f"the {self._words} hip has reversed its swing {SWINGS} times without a break in this: "
            f"{self._waving_words()}; what is slower than {LEAST:g} rad/s is no swing"
        )

    def _shown(self, rows: Int, motion: Motion) -> Bool:  # noqa: ARG002
        memory, velocity = self.memory, self.simulation.qvel[rows, self._hip]
        memory["swings"][rows], memory["side"][rows] = swings(
            memory["swings"][rows],
            memory["side"][rows],
            velocity,
            waving(self._heights(rows), self.leg),
            LEAST,
        )
        shown: Bool = memory["swings"][rows] >= SWINGS
        return shown

    def _features(self, rows: Int) -> None:
        features, heights = self.out.features, self._heights(rows)
        features["lift"][rows] = heights[:, self.leg] - REST
        features["swing"][rows] = self.simulation.qvel[rows, self._hip]
        features["supports"][rows] = supports(heights, self.leg)
        features["waving"][rows] = waving(heights, self.leg)
        features["swings"][rows] = self.memory["swings"][rows]

    def _heights(self, rows: Int) -> Float:
        """Return the heights of the feet, (B, 4), which are among the robot's features."""
        return np.stack([self.out.features[f"{leg}_foot_height"][rows] for leg in LEGS], axis=1)

    def _waving_words(self) -> str:
        return f"lift > {LIFT:g} m, and the other three feet stand"


def supports(heights: Float, leg: int) -> Int:
    """Return how many feet other than the leg's stand on the floor; heights are (B, 4) in m."""
    down = heights <= DOWN
    others: Int = down.sum(axis=1) - down[:, leg]
    return others


def waving(heights: Float, leg: int) -> Bool:
    """Return where the leg's foot is high enough and the others stand; heights are (B, 4) in m."""
    good: Bool = heights[:, leg] - REST > LIFT
    good &= supports(heights, leg) == len(LEGS) - 1
    return good


make, make_vector = makers(AntWaveLeg)
