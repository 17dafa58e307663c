"""From a family's scalar functions to compiled batch kernels.

A family writes five functions of one row; this module compiles them together with the shared
dynamics and vision into one loop over rows. Python reads them as the reference, numba runs them as
the product: there is no second implementation.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from operant.envs.gridworld.cells import ACTIONS
from operant.envs.gridworld.dynamics import act
from operant.envs.gridworld.jit import compiled, outlined
from operant.envs.gridworld.kernel_cache import kept
from operant.envs.gridworld.vision import ROWS, observe
from operant.envs.gridworld.world import (
    DIRECTION,
    STEPS,
    VIEW,
    Size,
    World,
    counter_integers,
    generator_integers,
)
from operant.types import Bool, Card, Feature, Float, Int

NEXT_STEP, SAME_STEP, NO_RESET = range(3)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Family:
    """A kind of level: what differs between worlds that share dynamics and vision.

    Attributes:
        name: Class-like name, e.g. ``"SparseKey"``.
        layout: Given ``integers(rng, n, low, high)``, returns ``generate(world, n, size, rng)``,
            which draws a level. Compiled with our counter-based stream, run as Python with NumPy's
            for ``layout="minigrid"``; hence the draws must come in MiniGrid's order.
        track: ``(world, n, size, action, front)``: updates the family's memory after an action.
        outcome: ``(world, n, action, front) -> (terminated, success)``.
        features: ``(world, n, size, m, out)``: writes row n's features into ``out[m]``.
        feature_table: ``(size) -> features``, in the order in which ``features`` writes them.
        memory: ``(size) -> length`` of the family's memory per level.
        max_steps: ``(width, height) -> default time limit``.
        useful_actions: Actions that a shortest solution can need.
        check: ``(width, height) -> complaint``, or "" if such a level exists.
        card: ``(id, size, features) -> card``.
    """

    name: str
    layout: Callable[[Callable[..., int]], Callable[..., None]]
    track: Callable[..., None]
    outcome: Callable[..., tuple[bool, bool]]
    features: Callable[..., None]
    feature_table: Callable[[Size], tuple[Feature, ...]]
    memory: Callable[[Size], int]
    max_steps: Callable[[int, int], int]
    useful_actions: tuple[int, ...]
    check: Callable[[int, int], str]
    card: Callable[[str, Size, tuple[Feature, ...]], Card]


class Buffers(NamedTuple):
    """What a batch step writes. ``final_*`` rows are valid where an episode just ended.

    Attributes:
        image: (N, 7, 7, 3) uint8 views.
        direction: (N,) int64.
        features: (N, F) float32.
        reward: (N,) float64.
        terminated: (N,) bool.
        truncated: (N,) bool.
        success: (N,) bool.
        pending: (N,) bool, rows whose next step is a reset (NEXT_STEP) or an error (NO_RESET).
        final_image: As ``image``, of the true last state.
        final_direction: As ``direction``.
        final_features: As ``features``.
    """

    image: npt.NDArray[np.uint8]
    direction: Int
    features: npt.NDArray[np.float32]
    reward: Float
    terminated: Bool
    truncated: Bool
    success: Bool
    pending: Bool
    final_image: npt.NDArray[np.uint8]
    final_direction: Int
    final_features: npt.NDArray[np.float32]


def new_buffers(num: int, features: int) -> Buffers:
    """Allocate the outputs of N rows with F features."""
    image, direction = np.zeros((num, VIEW, VIEW, 3), np.uint8), np.zeros(num, np.int64)
    table, flags = np.zeros((num, features), np.float32), np.zeros(num, np.bool_)
    return Buffers(
        image=image,
        direction=direction,
        features=table,
        reward=np.zeros(num),
        terminated=flags,
        truncated=flags.copy(),
        success=flags.copy(),
        pending=flags.copy(),
        final_image=image.copy(),
        final_direction=direction.copy(),
        final_features=table.copy(),
    )


class Kernels(NamedTuple):
    """A family, compiled.

    Attributes:
        step: ``(world, size, actions, mode, regenerate, buffers)``: one step of every row.
        reset: ``(world, size, mask, regenerate, buffers)``: draws (if asked) and shows masked rows.
        reference_layout: The layout as plain Python over a NumPy generator, in MiniGrid's order.
    """

    step: Callable[..., None]
    reset: Callable[..., None]
    reference_layout: Callable[[World, int, Size, np.random.Generator], None]


@functools.cache
def compile_family(family: Family) -> Kernels:
    """Build the kernels of a family; compiled or loaded from disk on first call."""
    generate = outlined(family.layout(counter_integers))
    show = _show(compiled(family.features))
    advance = _advance(compiled(family.track), compiled(family.outcome))
    return Kernels(
        step=kept(_step(advance, generate, show), family.name),
        reset=kept(_reset(generate, show), family.name),
        reference_layout=family.layout(generator_integers),
    )


def _show(features: Callable[..., None]) -> Callable[..., None]:
    """Compile: write what row n's agent sees, and its features."""

    @compiled
    def show(world: World, n: int, size: Size, image: Any, direction: Any, table: Any) -> None:
        observe(world, n, size.stride, image, ROWS)
        direction[n] = world.agent[n, DIRECTION]
        features(world, n, size, n, table)

    return show


def _advance(track: Callable[..., None], outcome: Callable[..., Any]) -> Callable[..., None]:
    """Compile: apply an action to row n and judge the result."""

    @compiled
    def advance(world: World, n: int, size: Size, action: int, out: Buffers) -> None:
        front = act(world, n, size.stride, action)
        track(world, n, size, action, front)
        terminated, success = outcome(world, n, action, front)
        steps = world.agent[n, STEPS]
        late = 0.9 * (steps / size.max_steps) if size.minigrid_reward else 0.0
        out.reward[n], out.success[n] = (1.0 - late if success else 0.0), success
        out.terminated[n], out.truncated[n] = terminated, steps >= size.limit

    return advance


@compiled
def idle(n: int, out: Buffers) -> None:
    """Report a row whose step is only its reset."""
    out.reward[n], out.success[n] = 0.0, False
    out.terminated[n], out.truncated[n] = False, False


def _step(
    advance: Callable[..., None], generate: Callable[..., None], show: Callable[..., None]
) -> Callable[..., None]:
    """Compile: one step of every row, in three short loops.

    Drawing levels is rare work; in a loop of its own it does not spoil the hot ones.
    """

    @outlined
    def step(
        world: World, size: Size, actions: Int, mode: int, regenerate: bool, out: Buffers
    ) -> None:
        for n in range(actions.shape[0]):
            if out.pending[n]:
                idle(n, out)
            else:
                advance(world, n, size, actions[n], out)
        for n in range(actions.shape[0]):
            done = out.terminated[n] or out.truncated[n]
            if done and mode == SAME_STEP:
                show(world, n, size, out.final_image, out.final_direction, out.final_features)
            due = done if mode == SAME_STEP else out.pending[n]
            if due and regenerate:
                generate(world, n, size, world.rng)
            out.pending[n] = done and mode != SAME_STEP
        for n in range(actions.shape[0]):
            show(world, n, size, out.image, out.direction, out.features)

    return step


def _reset(generate: Callable[..., None], show: Callable[..., None]) -> Callable[..., None]:
    """Compile: draw (if asked) and show new levels in the masked rows."""

    @outlined
    def reset(world: World, size: Size, mask: Bool, regenerate: bool, out: Buffers) -> None:
        for n in range(mask.shape[0]):
            if mask[n]:
                if regenerate:
                    generate(world, n, size, world.rng)
                out.pending[n] = False
                show(world, n, size, out.image, out.direction, out.features)

    return reset


ACTION_COUNT = len(ACTIONS)
