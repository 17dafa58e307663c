"""The step and reset kernels of a family: one thread per row around the engine's row functions.

The level's constants, the autoreset mode and the kind of work are compiled in, and arrays come as
bare addresses: that saves registers, divisions by unknown numbers and most of a launch's arguments.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import cuda as numba_cuda
from numba import typeof as numba_typeof
from numba import types as numba_types
from numba.core import cgutils as numba_cgutils
from numba.cuda import extending as numba_extending
from numba.np import arrayobj as numba_arrays

from operant.envs.gridworld.cuda.build import Program, to_ptx
from operant.envs.gridworld.draws import seed_row
from operant.envs.gridworld.engine import (
    FEATURES,
    NEXT_STEP,
    NO_RESET,
    SAME_STEP,
    idle,
    new_batch,
    row_functions,
)
from operant.envs.gridworld.family import Family
from operant.envs.gridworld.words import put_cell
from operant.envs.gridworld.world import Size

# numba's own code is untyped.
cuda: Any = numba_cuda
typeof: Any = numba_typeof
types: Any = numba_types
cgutils: Any = numba_cgutils
arrays: Any = numba_arrays
extending: Any = numba_extending

extending.overload(put_cell, strict=False)(lambda *_: put_cell)  # compile it as it stands

DRAW, SEED = 1, 2
"""Orders to the reset kernel: draw and show a new level; restart the row's stream before."""
BAD_ACTION, OVER = 0, 1
"""Entries of ``faults``: a row whose action was out of range; one that was stepped after its end
though nothing resets it. -1 for none."""

GLOBAL_MEMORY = 1
"""Its address space; the compiler would otherwise allow for others at every access."""


class Variant(NamedTuple):
    """What kernels are compiled for.

    Attributes:
        family: Kind of level.
        size: Constants of the levels.
        mode: ``NEXT_STEP``, ``SAME_STEP`` or ``NO_RESET``.
        work: ``DRIFT``, and ``FEATURES`` or not; levels are always drawn.
        by_column: Names of the arrays whose first axis, the rows, is the fastest in memory.
    """

    family: Family
    size: Size
    mode: int
    work: int
    by_column: frozenset[str]


@functools.cache
def step_program(variant: Variant) -> Program:
    """Compile one step of every row, as the engine's CPU kernel does it.

    Its arguments are N and the addresses of the arrays of ``World``, of ``Buffers`` and of
    ``faults``, (2,) int64. A row with a fault stands still.
    """
    rows = row_functions(variant.family)
    advance, generate, look, features = rows
    _, size, mode, work, _ = variant
    unpack, kinds = _unpacker(variant, np.zeros(2, np.int64))

    def step(num: int, addresses: Any) -> None:
        n = cuda.grid(1)
        if n >= num:
            return
        world, out, faults = unpack(num, addresses)
        action = out.actions[n]
        legal = action >= 0 and action < size.num_actions
        if not legal:
            faults[BAD_ACTION] = n
        if mode == NO_RESET and out.pending[n]:
            faults[OVER] = n
        if out.pending[n] or not legal:
            idle(n, out)
        else:
            advance(world, n, size, action, work, out)
        done = out.terminated[n] or out.truncated[n]
        if done and mode == SAME_STEP:
            look(world, n, size, out.final_image, out.final_direction, out.final_mission)
            if work & FEATURES:
                features(world, n, size, n, out.final_features)
        if done if mode == SAME_STEP else out.pending[n] and mode == NEXT_STEP:
            generate(world, n, size, world.rng)
        out.pending[n] = done and mode != SAME_STEP
        look(world, n, size, out.image, out.direction, out.mission)
        if work & FEATURES:
            features(world, n, size, n, out.features)

    return to_ptx(step, kinds)


@functools.cache
def reset_program(variant: Variant) -> Program:
    """Compile new levels for some rows.

    Its arguments are N and the addresses of the arrays of ``World``, of ``Buffers``, of ``orders``,
    (N,) uint8 sums of ``DRAW`` and ``SEED``, and of ``seeds``, (N,) uint64.
    """
    rows = row_functions(variant.family)
    _, generate, look, features = rows
    _, size, _, work, _ = variant
    unpack, kinds = _unpacker(variant, np.zeros(1, np.uint8), np.zeros(1, np.uint64))

    def reset(num: int, addresses: Any) -> None:
        n = cuda.grid(1)
        if n >= num:
            return
        world, out, orders, seeds = unpack(num, addresses)
        if orders[n] & SEED:
            seed_row(world.rng, n, seeds[n])
        if orders[n] & DRAW:
            generate(world, n, size, world.rng)
            out.pending[n] = False
            look(world, n, size, out.image, out.direction, out.mission)
            if work & FEATURES:
                features(world, n, size, n, out.features)

    return to_ptx(reset, kinds)


def _unpacker(variant: Variant, *others: npt.NDArray[Any]) -> tuple[Callable[..., Any], list[Any]]:
    """Return ``(N, addresses) -> (world, out, *others)`` for kernels, and its arguments' types.

    Args:
        variant: Says which arrays are stored row by row (C order) and which column by column.
        others: Samples of further arrays.
    """
    batch = new_batch(variant.family, variant.size, 1)
    samples = (batch.world, batch.out, *others)
    count = len(batch.world) + len(batch.out) + len(others)

    def kind_of(sample: Any, turned: bool = False) -> Any:
        if isinstance(sample, tuple):
            named = sample._asdict().items()  # type: ignore[attr-defined]
            kinds = [kind_of(array, name in variant.by_column) for name, array in named]
            return types.NamedTuple(kinds, type(sample))
        order = "F" if turned and sample.ndim > 1 else "C"
        return types.Array(typeof(sample).dtype, sample.ndim, order)

    @extending.intrinsic  # type: ignore[untyped-decorator]
    def unpack(typing_context: Any, num: Any, addresses: Any) -> Any:  # noqa: ARG001 (numba's)
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            left = iter(cgutils.unpack_tuple(builder, args[1]))

            def made(kind: Any, sample: Any) -> Any:
                if isinstance(sample, np.ndarray):
                    return _array(context, builder, kind, sample, args[0], next(left))
                parts = [made(*pair) for pair in zip(kind.types, sample, strict=True)]
                return context.make_tuple(builder, kind, parts)

            return made(signature.return_type, samples)

        return types.Tuple([kind_of(sample) for sample in samples])(num, addresses), generate

    return unpack, [types.int64, types.UniTuple(types.int64, count)]


def _array(
    context: Any, builder: Any, kind: Any, sample: npt.NDArray[Any], num: Any, address: Any
) -> Any:
    """Emit an array of N rows at an address, with all of its shape but N a constant."""

    def constant(number: int) -> Any:
        return context.get_constant(types.intp, number)

    made = arrays.make_array(kind)(context, builder)
    here = made.data.type
    there = cgutils.ir.PointerType(here.pointee, addrspace=GLOBAL_MEMORY)
    shape = [num, *map(constant, sample.shape[1:])]
    steps = [constant(step) for step in sample.strides]
    if kind.layout == "F":
        steps = list(itertools.accumulate([steps[-1], *shape[:-1]], builder.mul))
    arrays.populate_array(
        made,
        data=builder.addrspacecast(builder.inttoptr(address, there), here),
        shape=cgutils.pack_array(builder, shape),
        strides=cgutils.pack_array(builder, steps),
        itemsize=constant(sample.itemsize),
        meminfo=None,
    )
    return made._getvalue()
