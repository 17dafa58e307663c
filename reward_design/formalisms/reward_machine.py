"""The reward of a reward machine, and the machine's state shown to the agent."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import VectorEnv

from operant.reward_design.base import (
    DesignContext,
    DesignSpec,
    OnTruncation,
    RewardDesign,
    require_on_truncation,
)
from operant.reward_design.formalisms.machine import RewardMachine
from operant.reward_design.formalisms.memory import (
    EpisodeMemory,
    MemoryObservation,
    MemoryVectorObservation,
    Vector,
)
from operant.reward_design.formalisms.text import parse_machine
from operant.types import Bool, Float, Int, RewardTerms, Transition

KEY_DOOR_GOAL = """\
initial no_key
terminal done
no_key -> key:    has_key & !door_open
no_key -> open:   door_open
key    -> no_key: !has_key & !door_open
key    -> open:   door_open
open   -> done:   steps_to_goal == 0 & door_open / 1
"""
"""Take the key, open the door, go to the goal."""


class RewardMachineDesign(RewardDesign):
    """Pays what a reward machine pays. Terms: ``machine``, ``env`` and ``shaping`` if asked for.

    The reward depends on the machine's state, so a Markov agent must see it: wrap the env with
    :class:`MachineObservation` or :class:`MachineVectorObservation` first. The machine starts anew
    with each episode. Its state changes by the features after each step; those of the first
    observation are not read.

    Source: Using Reward Machines for High-Level Task Specification and Decomposition in
    Reinforcement Learning (Toro Icarte, Klassen, Valenzano, McIlraith, 2018). Automated shaping:
    Reward Machines: Exploiting Reward Function Structure in Reinforcement Learning (the same,
    2022).
    """

    spec = DesignSpec(needs=("features",), markov=False, privileged=True)

    def __init__(
        self,
        *,
        machine: str | RewardMachine = KEY_DOOR_GOAL,
        keep_true_reward: bool = False,
        shaping: bool = False,
        on_truncation: OnTruncation = "bootstrap",
        gamma: float | None = None,
    ) -> None:
        """Choose the machine.

        Args:
            machine: The machine, or its text, see
                :func:`~operant.reward_design.formalisms.text.parse_machine`.
            keep_true_reward: Add the machine's reward to the true one instead of replacing it.
            shaping: Add the potential difference of the machine's own values, which leads the agent
                on where the machine pays late; needs a discount below 1.
            on_truncation: At a time limit, ``"bootstrap"`` keeps the potential and pays no final
                reward, for agents that bootstrap there; ``"terminal"`` takes the limit for the end.
            gamma: Discount in [0, 1], or None to follow the agent.

        Raises:
            FormulaError: If the machine is malformed, with line, column and reason.
            ValueError: If another argument is outside its range.
        """
        super().__init__(gamma=gamma)
        require_on_truncation(on_truncation)
        self.machine = as_machine(machine)
        self._keep, self._shaping, self._on_truncation = keep_true_reward, shaping, on_truncation
        self.spec = dataclasses.replace(type(self).spec, gamma_bound=shaping)
        self._state: Int = np.zeros(1, np.int64)
        self._phi: Float = np.zeros(len(self.machine.states))

    def required_features(self) -> tuple[str, ...]:
        """Return the features of the guards."""
        return self.machine.features

    def setup(self, context: DesignContext) -> None:
        """Attach the design to an env.

        Raises:
            FormulaError: If the env does not publish a feature as the machine uses it; says where
                in the machine's text.
            GammaMismatchError: If the design was built for another discount.
            ValueError: If shaping is asked for and the discount is 1.
        """
        self.machine.check_features(context.features)
        super().setup(context)

    def _setup(self, context: DesignContext) -> None:
        self._state = np.zeros(context.num_envs, np.int64)  # state 0 is the initial one
        read = self.machine.features
        privileged = any(f.privileged for f in context.features if f.name in read)
        self.spec = dataclasses.replace(self.spec, privileged=privileged)
        if self._shaping:
            self._phi = self.machine.values(context.gamma)

    def memory(self) -> MachineMemory:
        """Return the machine's state."""
        return MachineMemory(machine=self.machine)

    def step(self, t: Transition) -> RewardTerms:
        """Return the machine's reward."""
        before = self._state[t.env_ids]
        after, paid = self.machine.advance(before, t.features)
        self._state[t.env_ids] = after
        ends = t.done if self._on_truncation == "terminal" else t.terminated
        terms = {"machine": paid + np.where(ends, self.machine.final_rewards[after], 0.0)}
        if self._keep:
            terms["env"] = t.reward
        if self._shaping:
            potentials = self._phi[before], self._phi[after]
            terms["shaping"] = self.potential_difference(*potentials, t, self._on_truncation)
        return RewardTerms.sum_of(**terms)

    def reset(self, mask: Bool) -> None:
        """Start the machines of the slots in ``mask`` anew."""
        self._state[mask] = 0

    def state_dict(self) -> dict[str, npt.NDArray[Any]]:
        """Return the machines' states: ``state`` (num_envs,) int64."""
        return {"state": self._state.copy()}

    def load_state_dict(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`state_dict` returned; call after :meth:`setup`."""
        self._state = state["state"].copy()


class MachineMemory(EpisodeMemory):
    """Remembers the machine's state; shows it one-hot, (U,) in the order of its ``states``."""

    name = "machine"

    def __init__(self, *, machine: str | RewardMachine) -> None:
        """Choose the machine, or its text.

        Raises:
            FormulaError: If the machine is malformed.
        """
        self.machine = as_machine(machine)
        self._state: Int = np.zeros(1, np.int64)
        self._one_hot: Vector = np.eye(len(self.machine.states), dtype=np.float32)

    def setup(self, context: DesignContext) -> None:
        """Attach to an env.

        Raises:
            FormulaError: If the env does not publish a feature as the machine uses it.
        """
        self.machine.check_features(context.features)
        self._state = np.zeros(context.num_envs, np.int64)

    @property
    def space(self) -> spaces.Box:
        """Space of the one-hot state."""
        return spaces.Box(0.0, 1.0, (len(self.machine.states),), np.float32)

    def reset(self, mask: Bool) -> None:
        """Start the machines of the slots in ``mask`` anew."""
        self._state[mask] = 0

    def advance(self, t: Transition) -> None:
        """Step the machines."""
        self._state[t.env_ids], _ = self.machine.advance(self._state[t.env_ids], t.features)

    def read(self) -> Vector:
        """Return the one-hot states, (num_envs, U) float32."""
        shown: Vector = self._one_hot[self._state]
        return shown

    def state_dict(self) -> dict[str, npt.NDArray[Any]]:
        """Return ``state`` (num_envs,) int64."""
        return {"state": self._state.copy()}

    def load_state_dict(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self._state = state["state"].copy()


class MachineObservation(MemoryObservation, RecordConstructorArgs):
    """Appends the machine's state, one-hot, to the observations of a scalar env."""

    def __init__(self, env: gym.Env[Any, Any], machine: str | RewardMachine) -> None:
        """Choose the machine, or its text; the env must carry no design yet.

        Raises:
            FormulaError: If the machine is malformed or reads what the env does not publish.
            OperantError: If a wrapper inside carries a design.
        """
        machine = as_machine(machine)
        RecordConstructorArgs.__init__(self, machine=str(machine))
        MemoryObservation.__init__(self, env, MachineMemory(machine=machine))


class MachineVectorObservation(MemoryVectorObservation):
    """Appends the machine's state, one-hot, to the observations of a vector env."""

    def __init__(self, env: VectorEnv[Any, Any, Any], machine: str | RewardMachine) -> None:
        """Choose the machine, or its text; the env must carry no design yet.

        Raises:
            FormulaError: If the machine is malformed or reads what the env does not publish.
            OperantError: If a wrapper inside carries a design.
        """
        super().__init__(env, MachineMemory(machine=machine))


def as_machine(machine: str | RewardMachine) -> RewardMachine:
    """Return a machine as it is, or read it from its text.

    Raises:
        FormulaError: If the text is malformed.
        TypeError: If it is neither.
    """
    if isinstance(machine, str):
        return parse_machine(machine)
    if isinstance(machine, RewardMachine):
        return machine
    raise TypeError(f"machine must be a RewardMachine or its text, got {machine!r}")
