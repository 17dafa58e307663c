"""What a family of levels declares, and what the engine makes of it.

A family is one file: scalar functions of row n in the compiled dialect (see ``jit``) plus the
tables that describe them. Everything else (kernels, scalar and batched env, solver, pictures, CUDA)
is made from that declaration.
"""

from __future__ import annotations

import dataclasses
import importlib
import pickle
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from operant.envs.gridworld.cells import ACTIONS, DONE, DROP
from operant.envs.gridworld.draws import Draws
from operant.envs.gridworld.dynamics import act
from operant.envs.gridworld.jit import compiled
from operant.envs.gridworld.views import EGOCENTRIC, View
from operant.envs.gridworld.world import STEPS, Size, World
from operant.types import Card, Feature, Oracle

if TYPE_CHECKING:
    from operant.envs.gridworld.simulator import Simulator
    from operant.finite import FiniteMDP

SPARSE, MINIGRID = 0, 1
"""Indices into the default ``Family.rewards``."""


@dataclasses.dataclass(frozen=True, slots=True)
class Option:
    """An integer (or flag, 0 / 1) that a family's constructor takes.

    Attributes:
        default: Value if not given.
        low: Smallest allowed value.
        high: Largest allowed value.
        meaning: One line for the docs, with the unit.
    """

    default: int
    low: int
    high: int
    meaning: str


SIDE = Option(8, 5, 128, "cells along each side, outer walls included")
"""The option ``size`` of square worlds, unless they need other bounds."""


@compiled
def success_reward(world: World, n: int, size: Size) -> float:
    """Return what success pays: exactly 1, or MiniGrid's ``1 - 0.9 t / max_steps``."""
    if size.reward == MINIGRID:
        late: float = 0.9 * (world.agent[n, STEPS] / size.max_steps)
        return 1.0 - late
    return 1.0


def nothing_to_track(world: World, n: int, size: Size, action: int, front: int) -> None:
    """Do nothing: the family remembers nothing beyond grid and agent."""


def the_same(world: World, n: int, size: Size, action: int, front: int, reward: float) -> float:  # noqa: ARG001
    """Return the true reward: the family has no proxy."""
    return reward


def square(size: Mapping[str, int]) -> tuple[int, int]:
    """Return (width, height) of a level with an option ``size``."""
    return size["size"], size["size"]


def no_complaint(size: Size) -> str:  # noqa: ARG001
    """Accept every combination of options that are in their ranges."""
    return ""


def never(size: Size) -> bool:  # noqa: ARG001
    """Deny it for all options."""
    return False


def always(size: Size) -> bool:  # noqa: ARG001
    """Affirm it for all options."""
    return True


def no_drift(draws: Draws) -> Callable[..., None]:  # noqa: ARG001
    """Return a world that stands still between actions."""

    def drift(world: World, n: int, size: Size, action: int, rng: Any) -> None:
        pass

    return drift


def no_mission(words: tuple[int, ...]) -> str:  # noqa: ARG001
    """Return the empty text of a family that declares none."""
    return ""


def _global(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Family:
    """A kind of level: what differs between worlds that share an engine.

    All functions of ``(world, n, size, ...)`` are scalar functions of row n in the compiled
    dialect. ``front`` is what ``act`` returned: for MiniGrid's dynamics the code of the front cell
    as it was before the action.

    Attributes:
        name: Class-like name, e.g. ``"SparseKey"``.
        layout: ``(draws) -> generate(world, n, size, rng)``, which draws a level. It must set the
            grid, all of the agent's columns and the family's memory. See ``draws`` for the order.
        outcome: ``(world, n, size, action, front) -> (reward, terminated, success)``: the true
            reward of the step just taken. ``success_reward`` is what MiniGrid's worlds pay.
        features: ``(world, n, size, m, out)``: writes row n's features into ``out[m]``.
        feature_table: ``(size) -> features``, in the order in which ``features`` writes them.
        max_steps: ``(size) -> default time limit`` (``size.max_steps`` is not set yet).
        card: ``(id, size, features) -> card``.
        options: Name -> option; values reach the functions as ``size.options[i]``, in this order.
        dims: ``(options by name) -> (width, height)`` in cells, outer walls included.
        check: ``(size) -> complaint`` about a combination of options, or "".
        num_actions: A.
        action_names: Names of the actions, A of them.
        view: What the agent sees.
        act: ``(world, n, size, action) -> front``: moves the agent and changes cells. The agent's
            direction is part of the state, so worlds without a heading leave it alone.
        drift: ``(draws) -> drift(world, n, size, action, rng)``: what moves by itself, before
            the action. Its draws come from the level's stream.
        track: ``(world, n, size, action, front)``: updates the family's memory after an action.
        proxy: ``(world, n, size, action, front, reward) -> float``: a reward that is easier to
            write than the true one (which is given), and can be hacked.
        rewards: Which rewards the constructor's ``reward`` may name; index 0 is the default.
            ``"proxy"`` makes the env pay the proxy.
        memory: ``(size) -> length`` of the family's memory per level. It is part of the state for
            the solver, so it holds nothing that grows without bound.
        scratch: ``(size) -> length`` of working space for level generation.
        mission: Word -> number of values: MiniGrid's mission as numbers, kept in the first columns
            of the memory and shown to the agent. Empty where the mission is always the same.
        mission_text: ``(words) -> MiniGrid's sentence``.
        useful_actions: Actions that a shortest solution can need.
        stochastic: ``(size) -> True`` if ``drift`` or ``act`` draw random numbers with these
            options: no exact search is possible.
        oracle: ``(simulator) -> Oracle`` where the generic search does not apply, else None.
        model: ``(simulator) -> FiniteMDP``, the exact MDP from row 0's state on without a time
            limit, in families with chance that have a small one.
        minigrid: True if layouts, dynamics and views equal MiniGrid's (``layout="minigrid"``).
        module: Name of the module that defines it (set by itself).
    """

    name: str
    layout: Callable[[Draws], Callable[..., None]]
    outcome: Callable[..., tuple[float, bool, bool]]
    features: Callable[..., None]
    feature_table: Callable[[Size], tuple[Feature, ...]]
    max_steps: Callable[[Size], int]
    card: Callable[[str, Size, tuple[Feature, ...]], Card]
    options: Mapping[str, Option] = dataclasses.field(default_factory=lambda: {"size": SIDE})
    dims: Callable[[Mapping[str, int]], tuple[int, int]] = square
    check: Callable[[Size], str] = no_complaint
    action_names: tuple[str, ...] = ACTIONS
    view: View = EGOCENTRIC
    act: Callable[..., int] = act
    drift: Callable[[Draws], Callable[..., None]] = no_drift
    track: Callable[..., None] = nothing_to_track
    proxy: Callable[..., float] = the_same
    rewards: tuple[str, ...] = ("sparse", "minigrid")
    memory: Callable[[Size], int] = lambda _: 0
    scratch: Callable[[Size], int] = lambda _: 0
    mission: Mapping[str, int] = dataclasses.field(default_factory=dict)
    mission_text: Callable[[tuple[int, ...]], str] = no_mission
    useful_actions: tuple[int, ...] = tuple(a for a in range(len(ACTIONS)) if a not in (DROP, DONE))
    stochastic: Callable[[Size], bool] = never
    oracle: Callable[[Simulator], Oracle] | None = None
    model: Callable[[Simulator], FiniteMDP] | None = None
    minigrid: bool = True
    module: str = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        """Note the module that defines the family, as ``collections.namedtuple`` does."""
        frame: Any = sys._getframe(2)
        while frame.f_globals["__name__"] == "dataclasses":  # dataclasses.replace
            frame = frame.f_back
        object.__setattr__(self, "module", frame.f_globals["__name__"])

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as a reference to the module's global: functions and kernels stay shared.

        Raises:
            pickle.PicklingError: If the module holds no such global.
        """
        for name, value in vars(sys.modules[self.module]).items():
            if value is self:
                return _global, (self.module, name)
        raise pickle.PicklingError(
            f"family {self.name!r} cannot be pickled: assign it to a global of {self.module}"
        )

    def __deepcopy__(self, memo: dict[int, Any]) -> Family:
        """Return the family itself: it is a constant."""
        return self

    @property
    def num_actions(self) -> int:
        """A."""
        return len(self.action_names)

    @property
    def has_proxy(self) -> bool:
        """Tell whether the family has a proxy reward of its own."""
        return self.proxy is not the_same
