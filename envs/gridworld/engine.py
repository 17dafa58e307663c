"""From a family's scalar functions to compiled batch kernels.

A family writes functions of one row; this module compiles them together with the shared dynamics
and vision into loops over rows. Python reads them as the reference, numba runs them as the product:
there is no second implementation.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from operant.envs.gridworld.buffers import Batch, Buffers, new_buffers, unpacker
from operant.envs.gridworld.draws import COUNTER, GENERATOR
from operant.envs.gridworld.family import Family
from operant.envs.gridworld.jit import compiled, entry, outlined
from operant.envs.gridworld.kernel_cache import keeper
from operant.envs.gridworld.programs import Program, inlined, pointed
from operant.envs.gridworld.world import (
    DIRECTION,
    MAX_OPTIONS,
    PAD,
    STEPS,
    Size,
    World,
    new_world,
)
from operant.types import Feature

NEXT_STEP, SAME_STEP, NO_RESET = range(3)
"""When rows whose episode ended get a new level: a step later, at once, or when told."""

REGENERATE, DRIFT, FEATURES = 1, 2, 4
"""What a kernel call does besides stepping: draw levels, move what moves by itself (both from the
counter-based streams), compute features."""


NONE_ENDED, SOME_ENDED = -1, -2
"""What a step returns: whether an episode ended in any of the rows."""


class Kernels(NamedTuple):
    """A family, compiled.

    Attributes:
        step: ``(table, first, last, mode, work) -> result``: one step of rows first .. last - 1 of
            a batch; returns ``NONE_ENDED`` or ``SOME_ENDED``, or else the first row whose action is
            out of range, having done nothing.
        programmed: The same, but the reward is that of the program whose address the table holds.
        reset: ``(table, mask, work)``: draws (if ``work`` says so) and shows the masked rows.
        drift: The family's ``drift`` as plain Python over a NumPy generator, in MiniGrid's order.
        reference_layout: The layout, likewise.
    """

    step: Callable[..., int]
    programmed: Callable[..., int]
    reset: Callable[..., None]
    drift: Callable[[World, int, Size, int, np.random.Generator], None]
    reference_layout: Callable[[World, int, Size, np.random.Generator], None]


class RowFunctions(NamedTuple):
    """A family's functions of one row, ready for a loop over rows on CPU or GPU.

    Attributes:
        advance: ``(world, n, size, action, work, out)``: applies an action and judges the result.
        generate: ``(world, n, size, rng)``: draws a level.
        look: ``(world, n, size, image, direction, mission)``: writes what row n's agent sees.
        features: ``(world, n, size, m, out)``: writes row n's features.
    """

    advance: Callable[..., None]
    generate: Callable[..., None]
    look: Callable[..., None]
    features: Callable[..., None]


def level_size(
    family: Family,
    options: dict[str, int],
    *,
    max_steps: int | None = None,
    outer_limit: int | None = None,
    reward: int = 0,
) -> Size:
    """Return the constants of a level; all of the family's options must be given."""
    width, height = family.dims(options)
    values = tuple(options[name] for name in family.options)
    padded = (*values, *[0] * (MAX_OPTIONS - len(values)))
    size = Size(width, height, width + PAD, 0, 0, family.num_actions, reward, padded)  # type: ignore[arg-type]
    limit = family.max_steps(size) if max_steps is None else max_steps
    cut = limit if outer_limit is None else min(limit, outer_limit)
    return size._replace(max_steps=limit, limit=cut)


def new_batch(family: Family, size: Size, num: int, extra: int = 0) -> Batch:
    """Allocate N levels of a family, with room for ``extra`` features that are not the family's."""
    return Batch(
        size,
        new_world(num, size, family.memory(size), family.scratch(size)),
        new_buffers(
            num,
            family.view.shape_of(size),
            family.view.dtype,
            len(family.mission),
            len(family.feature_table(size)) + extra,
        ),
    )


def batch_unpacker(family: Family) -> Callable[..., Any]:
    """Return the ``unpack`` (see ``buffers``) of all of a family's batches, whatever their size."""
    defaults = {name: option.default for name, option in family.options.items()}
    sample = new_batch(family, level_size(family, defaults), 1)
    images = set() if callable(family.view.shape) else {"image", "final_image"}
    return unpacker(sample, known={"agent", "rng", "mission", "final_mission"} | images)


@functools.cache
def row_functions(family: Family) -> RowFunctions:
    """Bind a family's functions to the engine's; nothing is compiled before it is called."""
    return RowFunctions(
        advance=_advance(family),
        generate=outlined(family.layout(COUNTER)),
        look=_look(family.view.observe, len(family.mission)),
        features=compiled(family.features),
    )


@functools.cache
def compile_family(family: Family) -> Kernels:
    """Build the kernels of a family; compiled or loaded from disk on first call."""
    unpack, rows, kept = batch_unpacker(family), row_functions(family), keeper(family)
    return Kernels(
        step=kept(_step(rows, unpack)),
        programmed=kept(_step(rows, unpack, pointed(rows.features), "programmed")),
        reset=kept(_reset(rows, unpack)),
        drift=family.drift(GENERATOR),
        reference_layout=family.layout(GENERATOR),
    )


def _look(observe: Callable[..., None], words: int) -> Callable[..., None]:
    """Compile: write what row n's agent sees."""
    observe = compiled(observe)

    @compiled
    def look(world: World, n: int, size: Size, image: Any, direction: Any, mission: Any) -> None:
        observe(world, n, size, image)
        direction[n] = world.agent[n, DIRECTION]
        for word in range(words):
            mission[n, word] = world.memory[n, word]

    return look


def _advance(family: Family) -> Callable[..., None]:
    """Compile: apply an action to row n and judge the result."""
    drift, act = compiled(family.drift(COUNTER)), compiled(family.act)
    track, outcome = compiled(family.track), compiled(family.outcome)
    proxy = compiled(family.proxy)
    pays_proxy = family.rewards.index("proxy") if "proxy" in family.rewards else -1

    @compiled
    def advance(world: World, n: int, size: Size, action: int, work: int, out: Buffers) -> None:
        world.agent[n, STEPS] += 1
        if work & DRIFT:
            drift(world, n, size, action, world.rng)
        front = act(world, n, size, action)
        track(world, n, size, action, front)
        true, terminated, success = outcome(world, n, size, action, front)
        easy = proxy(world, n, size, action, front, true)
        out.true_reward[n], out.proxy_reward[n] = true, easy
        out.reward[n] = easy if size.reward == pays_proxy else true
        out.terminated[n], out.success[n] = terminated, success
        out.truncated[n] = world.agent[n, STEPS] >= size.limit

    return advance


@compiled
def idle(n: int, out: Buffers) -> None:
    """Report a row whose step is only its reset."""
    out.reward[n], out.true_reward[n], out.proxy_reward[n] = 0.0, 0.0, 0.0
    out.terminated[n], out.truncated[n], out.success[n] = False, False, False


@compiled
def _as_judged(table: Any, world: World, n: int, size: Size, out: Buffers) -> None:
    """Leave the reward as the family set it."""


def programmed_step(family: Family, program: Program, table: Sequence[Feature]) -> Any:
    """Return ``Kernels.step`` with a reward program compiled into it; compiled on first call."""
    unpack, rows = batch_unpacker(family), row_functions(family)
    return _step(rows, unpack, inlined(program, table, rows.features), "inlined")


def _step(
    rows: RowFunctions,
    unpack: Callable[..., Any],
    pay: Callable[..., None] = _as_judged,
    name: str = "step",
) -> Callable[..., int]:
    """Compile: one step of some rows, in short loops.

    What happens rarely (an episode ends, a level is drawn) is a function of its own, really called,
    so that it does not spoil the hot loops.

    Args:
        rows: The family's functions.
        unpack: See ``buffers.unpacker``.
        pay: Sets the reward instead of the family; see ``programs``.
        name: Of the kernel, for the disk cache.
    """
    advance, _, look, features = rows
    programmed = pay is not _as_judged
    turn_over, pay_all = _turn_over(rows, unpack, programmed), _pay_all(pay)

    @entry
    def step(table: Any, first: int, last: int, mode: int, work: int) -> int:
        world, size, out = unpack(table)
        illegal = _first_illegal(out.actions, first, last, size.num_actions)
        if illegal < last:
            return illegal
        for n in range(first, last):
            if out.pending[n]:
                idle(n, out)
            else:
                advance(world, n, size, out.actions[n], work, out)
        if programmed:
            pay_all(table, world, first, last, size, mode, out)
        result = NONE_ENDED
        for n in range(first, last):
            if out.terminated[n] or out.truncated[n] or out.pending[n]:
                result = min(result, turn_over(table, n, mode, work))
        for n in range(first, last):
            look(world, n, size, out.image, out.direction, out.mission)
        if work & FEATURES and not programmed:  # a program has had them computed already
            for n in range(first, last):
                features(world, n, size, n, out.features)
        return result

    kernel: Any = step
    kernel.py_func.__name__ = name
    chosen: Callable[..., int] = kernel
    return chosen


def _pay_all(pay: Callable[..., None]) -> Callable[..., None]:
    """Compile: set the rewards of the rows that have moved."""

    @compiled
    def pay_all(
        table: Any, world: World, first: int, last: int, size: Size, mode: int, out: Buffers
    ) -> None:
        for n in range(first, last):
            if mode == SAME_STEP or not out.pending[n]:
                pay(table, world, n, size, out)

    return pay_all


@compiled
def _first_illegal(actions: Any, first: int, last: int, num_actions: int) -> int:
    """Return the first row from first to last - 1 whose action is out of range, or else last."""
    for n in range(first, last):
        if actions[n] < 0 or actions[n] >= num_actions:
            return n
    return last


def _turn_over(
    rows: RowFunctions, unpack: Callable[..., Any], programmed: bool
) -> Callable[..., int]:
    """Compile: show how row n's episode ended and draw its next level, as the mode has it."""
    _, generate, look, features = rows

    @outlined
    def turn_over(table: Any, n: int, mode: int, work: int) -> int:
        world, size, out = unpack(table)
        done = out.terminated[n] or out.truncated[n]
        if done and mode == SAME_STEP:
            look(world, n, size, out.final_image, out.final_direction, out.final_mission)
            if work & FEATURES:
                features(world, n, size, n, out.final_features)
        due = done if mode == SAME_STEP else out.pending[n] and mode == NEXT_STEP
        if due and work & REGENERATE:
            generate(world, n, size, world.rng)
            if programmed and work & FEATURES:
                features(world, n, size, n, out.features)
        out.pending[n] = done and mode != SAME_STEP
        return SOME_ENDED if done else NONE_ENDED

    return turn_over


def _reset(rows: RowFunctions, unpack: Callable[..., Any]) -> Callable[..., None]:
    """Compile: draw (if asked) and show new levels in the masked rows."""
    _, generate, look, features = rows

    @entry
    def reset(table: Any, mask: Any, work: int) -> None:
        world, size, out = unpack(table)
        for n in range(mask.shape[0]):
            if mask[n]:
                if work & REGENERATE:
                    generate(world, n, size, world.rng)
                out.pending[n] = False
                look(world, n, size, out.image, out.direction, out.mission)
                if work & FEATURES:
                    features(world, n, size, n, out.features)

    return reset
