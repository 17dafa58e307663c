"""What a robot is: a model, a start, observations, features, and the reward of Gymnasium's v5 env.

A row of a simulation that is started and stepped with these equals the env ``<Robot>-v5``, to the
bit: the same draws in the same order, the same formulas in the same precision.
"""

from __future__ import annotations

import abc
import contextlib
import dataclasses
import functools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium
import numpy as np
import numpy.typing as npt

from operant.envs.mujoco.simulation import Simulation, mujoco
from operant.types import Bool, Feature, Float, Int

SHADOWS = 1024
"""Pixels of the shadows' map; MuJoCo's 4096 take most of the time where there is no GPU."""


class Foot(NamedTuple):
    """A foot: its name, its geom (a capsule or sphere) and which point of it is measured.

    With ``tip`` it is the end away from the body's joint; else the lowest point.
    """

    name: str
    geom: str
    tip: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Motion:
    """What v5's reward pays for in one step of B rows.

    Attributes:
        velocity: (B, 2) mean velocity of the robot's place over the step along x and y, in m/s.
        healthy: (B,) True while v5's env would go on.
        control_cost: (B,) v5's cost of the action.
        contact_cost: (B,) v5's cost of contact forces.
    """

    velocity: Float
    healthy: Bool
    control_cost: Float
    contact_cost: Float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Robot(abc.ABC):
    """The description of a robot; everything that changes is in a :class:`Simulation`.

    Attributes:
        name: Its name in prose, ``"half cheetah"``.
        gymnasium_id: Its env in Gymnasium.
        xml: Its model among Gymnasium's assets.
        frame_skip: Substeps of a step.
        noise: Scale of the random start.
        normal_noise: True if start velocities are normal, False if they are uniform.
        forward_weight: Of v5's reward.
        control_weight: Of v5's reward.
        healthy_reward: Of v5's reward; 0 for a robot that cannot fall.
        joints: Names of its hinges in the order of ``qpos``.
        motors: Names of its hinges in the order of actions.
        feet: Its feet.
        fields: Derived fields that it needs of a simulation.
        contact_forces: True if it needs contact forces.
        camera_distance: Of pictures, in m.
        contact_height: Height in m up to which a foot counts as touching the floor.
        far_weights: Of forward velocity (m/s) and of a healthy step in an expert's reward for
            getting far; None where v5's own do.
    """

    name: str
    gymnasium_id: str
    xml: str
    frame_skip: int
    noise: float
    normal_noise: bool
    forward_weight: float
    control_weight: float
    healthy_reward: float
    joints: tuple[str, ...]
    motors: tuple[str, ...]
    feet: tuple[Foot, ...]
    fields: tuple[str, ...] = ("geom_xpos", "geom_xmat")
    contact_forces: bool = False
    camera_distance: float = 4.0
    contact_height: float = 0.01
    far_weights: tuple[float, float] | None = None

    @functools.cached_property
    def model(self) -> Any:
        """The ``MjModel``, loaded when it is first asked for, and never changed."""
        return load(self.xml)

    @property
    def dt(self) -> float:
        """Seconds per step."""
        dt: float = self.model.opt.timestep * self.frame_skip
        return dt

    def simulation(self, num: int, threads: int = 1) -> Simulation:
        """Return N simulations of it."""
        return Simulation(
            self.model,
            num=num,
            frame_skip=self.frame_skip,
            fields=self.fields,
            contact_forces=self.contact_forces,
            threads=threads,
        )

    def start(self, simulation: Simulation, row: int, stream: np.random.Generator) -> None:
        """Put a row that was reset at a random start; ``forward`` is to follow."""
        qpos, qvel, noise = simulation.qpos[row], simulation.qvel[row], self.noise
        qpos += stream.uniform(-noise, noise, size=len(qpos))
        if self.normal_noise:
            qvel += noise * stream.standard_normal(len(qvel))
        else:
            qvel += stream.uniform(-noise, noise, size=len(qvel))

    @functools.cached_property
    def table(self) -> tuple[Feature, ...]:
        """The feature table; :meth:`features` has its columns in this order."""
        joints = [
            feature
            for joint in self.joints
            for feature in (
                value(f"{joint}_angle", f"angle of the joint {prose(joint)}", "rad"),
                value(f"{joint}_velocity", f"angular velocity of {prose(joint)}", "rad/s"),
            )
        ]
        feet = [
            feature
            for foot in self.feet
            for feature in (
                value(f"{foot.name}_height", f"height of the {_point(foot)} over the floor", "m"),
                flag(f"{foot.name}_contact", f"that height is at most {self.contact_height:g} m"),
            )
        ]
        cost = f"{self.control_weight:g} times the sum of squared actions"
        own = [value("control_cost", cost, low=0.0)]
        if self.contact_forces:
            own.append(value("contact_cost", "v5's cost of contact forces", low=0.0))
        if self.healthy_reward:
            own.append(flag("healthy", f"the robot stands: {self.health}"))
        return (*self._body_table(), *joints, *feet, *own)

    def features(self, simulation: Simulation, rows: Int, motion: Motion) -> Float:
        """Return the features of B rows, (B, len(table)); flags are 0 or 1."""
        qpos, qvel = simulation.qpos[rows], simulation.qvel[rows]
        out = np.empty((len(rows), len(self.table)))
        hinges, feet, own = self._columns
        self._body(qpos, qvel, motion, out[:, : hinges.start])
        angles = out[:, hinges]
        angles[:, ::2] = qpos[:, -len(self.joints) :]
        angles[:, 1::2] = qvel[:, -len(self.joints) :]
        heights, stands = self.foot_heights(simulation, rows), out[:, feet]
        stands[:, ::2] = heights
        stands[:, 1::2] = heights <= self.contact_height
        out[:, own] = motion.control_cost
        if self.contact_forces:
            out[:, own + 1] = motion.contact_cost
        if self.healthy_reward:
            out[:, -1] = motion.healthy
        return out

    @functools.cached_property
    def _columns(self) -> tuple[slice, slice, int]:
        """Where the features of hinges and feet are, and where the last ones begin."""
        start = len(self._body_table())
        middle = start + 2 * len(self.joints)
        end = middle + 2 * len(self.feet)
        return slice(start, middle), slice(middle, end), end

    def foot_heights(self, simulation: Simulation, rows: Int) -> Float:
        """Return the heights of the feet over the floor, (B, feet), in m.

        They are derived fields, so those of the half cheetah are a substep (10 ms) old.
        """
        geoms, half, radius, tip = self._feet
        centre = simulation.field("geom_xpos")[rows[:, None], geoms, 2]
        along = simulation.field("geom_xmat")[rows[:, None], geoms, 8] * half
        heights: Float = centre - radius + (along if tip else -np.abs(along))
        return heights

    @functools.cached_property
    def _feet(self) -> tuple[Int, Float, Float, bool]:
        """Geoms, signed half lengths of their cylinders, radii, and whether tips are meant."""
        model = self.model
        geoms = np.array([model.geom(foot.geom).id for foot in self.feet], np.int64)
        half = np.where(
            model.geom_type[geoms] == int(mujoco.mjtGeom.mjGEOM_CAPSULE),
            model.geom_size[geoms, 1],
            0.0,
        )
        for i, geom in enumerate(geoms):  # the cylinder's end away from the body's origin
            axis = np.zeros(3)
            mujoco.mju_rotVecQuat(axis, np.array([0.0, 0.0, 1.0]), model.geom_quat[geom])
            half[i] *= math.copysign(1.0, float((axis * model.geom_pos[geom]).sum()))
        return geoms, half, model.geom_size[geoms, 0], self.feet[0].tip

    def motion(self, simulation: Simulation, rows: Int, before: Float) -> Motion:
        """Return what the last step of B rows was; ``before`` is their :meth:`place` before it."""
        return Motion(
            velocity=(self.place(simulation, rows) - before) / self.dt,
            healthy=self.healthy(simulation, rows),
            control_cost=self._control_cost(simulation, rows),
            contact_cost=self._contact_cost(simulation, rows),
        )

    def rest(self, simulation: Simulation, rows: Int) -> Motion:
        """Return the motion of B rows that were reset and not stepped yet: none."""
        none = np.zeros(len(rows))
        return Motion(
            velocity=np.zeros((len(rows), 2)),
            healthy=self.healthy(simulation, rows),
            control_cost=none,
            contact_cost=none,
        )

    def v5_reward(self, motion: Motion) -> tuple[Float, dict[str, Float]]:
        """Return v5's reward of a step, (B,), and its terms under the names of v5's info."""
        forward: Float = self.forward_weight * motion.velocity[:, 0]
        alive: Float = motion.healthy * np.float64(self.healthy_reward)
        total: Float = forward + alive - (motion.control_cost + motion.contact_cost)
        terms = {"reward_forward": forward, "reward_ctrl": -motion.control_cost}
        if self.contact_forces:
            terms["reward_contact"] = -motion.contact_cost
        if self.healthy_reward:
            terms["reward_survive"] = alive
        return total, terms

    @property
    def expert(self) -> str:
        """v5's reward as a program in the reward language."""
        return self._program(self.forward_weight, self.healthy_reward)

    @property
    def far_expert(self) -> str:
        """An expert's reward for getting far: v5's with :attr:`far_weights`."""
        return self._program(*(self.far_weights or (self.forward_weight, self.healthy_reward)))

    def _program(self, forward: float, healthy: float) -> str:
        weight = "" if forward == 1 else f"{forward:g} * "
        lines = [
            "def reward(obs, action, next_obs, info):",
            f'    forward = {weight}info["forward_velocity"]',
        ]
        terms = ["forward"]
        if healthy:
            lines.append(f'    alive = {healthy:g} if info["healthy"] else 0.0')
            terms.append("alive")
        costs = ["control_cost", *(["contact_cost"] if self.contact_forces else [])]
        lines += [f'    {cost} = -info["{cost}"]' for cost in costs]
        return "\n".join([*lines, f"    return {' + '.join([*terms, *costs])}", ""])

    @property
    def reward_words(self) -> str:
        """v5's reward as a formula of features."""
        weight = "" if self.forward_weight == 1 else f"{self.forward_weight:g} "
        alive = f" + {self.healthy_reward:g} if healthy" if self.healthy_reward else ""
        contact = " - contact_cost" if self.contact_forces else ""
        return f"{weight}forward_velocity{alive} - control_cost{contact}"

    @property
    def end_words(self) -> str:
        """When v5's episode ends."""
        return (
            f"when it is not healthy, which is: {self.health}" if self.healthy_reward else "never"
        )

    @property
    def joint_words(self) -> str:
        """The hinges in the order of observations."""
        return prose(", ".join(self.joints))

    @property
    def action_words(self) -> str:
        """Actions in words."""
        gears = self.model.actuator_gear[:, 0]
        bound = float(self.model.actuator_ctrlrange[0, 1])
        parts = [
            f"{prose(motor)} {gear * bound:g}"
            for motor, gear in zip(self.motors, gears, strict=True)
        ]
        return (
            f"Box({-bound:g}, {bound:g}, ({len(parts)},), float32): torques of the motors at the "
            f"joints, of which {bound:g} is, in N m: {', '.join(parts)}. What is beyond the bounds "
            "is clipped, and costs."
        )

    @property
    @abc.abstractmethod
    def health(self) -> str:
        """When it is healthy, in words."""

    @property
    @abc.abstractmethod
    def obs_words(self) -> str:
        """Observations in words."""

    @abc.abstractmethod
    def observe(self, simulation: Simulation, rows: Int) -> Float:
        """Return the observations of B rows, (B, D), as v5's env shows them."""

    @abc.abstractmethod
    def place(self, simulation: Simulation, rows: Int) -> Float:
        """Return the points whose velocity v5's reward pays, (B, 2): x and y in m."""

    @abc.abstractmethod
    def healthy(self, simulation: Simulation, rows: Int) -> Bool:
        """Return in which of B rows v5's env would go on, (B,)."""

    @abc.abstractmethod
    def _body_table(self) -> tuple[Feature, ...]:
        """Return the table of the trunk's features."""

    @abc.abstractmethod
    def _body(self, qpos: Float, qvel: Float, motion: Motion, out: Float) -> None:
        """Write the trunk's features, (B, K), given the positions and velocities of B rows."""

    def _control_cost(self, simulation: Simulation, rows: Int) -> Float:
        """Return the cost of the last actions: v5's, which squares and adds in single precision."""
        actions = simulation.ctrl[rows].astype(np.float32)
        squares: npt.NDArray[np.float32] = np.square(actions).sum(axis=1)
        cost: Float = (np.float32(self.control_weight) * squares).astype(np.float64)
        return cost

    def _contact_cost(self, simulation: Simulation, rows: Int) -> Float:  # noqa: ARG002
        return np.zeros(len(rows))


def value(
    name: str,
    description: str,
    unit: str = "",
    *,
    low: float = -math.inf,
    high: float = math.inf,
    privileged: bool = False,
) -> Feature:
    """Describe a number."""
    return Feature(
        name=name,
        description=description,
        low=low,
        high=high,
        unit=unit,
        privileged=privileged,
    )


def flag(name: str, description: str) -> Feature:
    """Describe a flag."""
    return Feature(name=name, description=description, low=0, high=1, dtype="bool")


@functools.cache
def load(xml: str) -> Any:
    """Return the model of a file among Gymnasium's MuJoCo assets, or of a path."""
    folder = Path(gymnasium.__file__).parent / "envs" / "mujoco" / "assets"
    with no_advice():
        model = mujoco.MjModel.from_xml_path(str(folder / xml))
    model.vis.quality.shadowsize = SHADOWS
    return model


@contextlib.contextmanager
def no_advice() -> Iterator[None]:
    """Keep MuJoCo's warnings to itself, such as that of an old attribute in ``half_cheetah.xml``.

    MuJoCo would print them and write them to a file in the working directory.
    """
    before = mujoco.get_mju_user_warning()
    mujoco.set_mju_user_warning(lambda _: None)
    try:
        yield
    finally:
        mujoco.set_mju_user_warning(before)


def prose(name: str) -> str:
    """Return a name as words."""
    return name.replace("_", " ")


def _point(foot: Foot) -> str:
    return f"{'tip' if foot.tip else 'lowest point'} of the {prose(foot.name)}"
