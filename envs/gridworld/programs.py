"""Reward programs: a designer's scalar function of the features, called inside the kernel.

Compiled into the kernel a program costs next to nothing, but each one compiles the kernel anew.
Called through an address it costs a little more per step, and only the program itself compiles:
the way to try hundreds of candidates.
"""

from __future__ import annotations

import dis
from collections import namedtuple
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numba import cfunc as numba_cfunc
from numba import types as numba_types
from numba.core import cgutils as numba_cgutils
from numba.core.errors import NumbaError, TypingError
from numba.extending import intrinsic as numba_intrinsic
from numba.np import arrayobj as numba_arrays

from operant.envs.gridworld.buffers import PROGRAM, Buffers
from operant.envs.gridworld.jit import compiled
from operant.envs.gridworld.world import Size, World
from operant.types import Feature

# numba's own code is untyped.
types: Any = numba_types
cgutils: Any = numba_cgutils
arrays: Any = numba_arrays
cfunc: Any = numba_cfunc
intrinsic: Any = numba_intrinsic

Program = Callable[..., float]
"""``(now, prev, action, reward, terminated) -> float``: what the env pays for a transition.

``now`` and ``prev`` are the features after and before the action, by name, as floats
(``now.has_key``); ``reward`` is what the env would have paid. The function must be in numba's
scalar dialect: arithmetic, comparisons, branches, ``math``.
"""

_POINTER = types.CPointer(types.float32)
_SIGNATURE = types.float64(_POINTER, _POINTER, types.int64, types.float64, types.int64)


@intrinsic  # type: ignore[untyped-decorator]
def _row(typing_context: Any, table: Any, n: Any) -> Any:  # noqa: ARG001 (numba's signature)
    """Return the address of ``table[n, 0]``."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array = arrays.make_array(signature.args[0])(context, builder, args[0])
        row = builder.mul(args[1], builder.extract_value(array.shape, 1))
        return builder.gep(array.data, [row])

    return _POINTER(table, types.intp), generate


@intrinsic  # type: ignore[untyped-decorator]
def _call(
    typing_context: Any,  # noqa: ARG001 (numba's signature)
    address: Any,  # noqa: ARG001
    now: Any,  # noqa: ARG001
    prev: Any,  # noqa: ARG001
    action: Any,  # noqa: ARG001
    reward: Any,  # noqa: ARG001
    terminated: Any,  # noqa: ARG001
) -> Any:
    """Call a compiled program by its address."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds = [context.get_value_type(kind) for kind in signature.args[1:]]
        function = cgutils.ir.FunctionType(context.get_value_type(types.float64), kinds)
        return builder.call(builder.inttoptr(args[0], function.as_pointer()), args[1:])

    return types.float64(types.intp, *_SIGNATURE.args), generate


def _reader(table: Sequence[Feature]) -> Callable[..., Any]:
    """Return a function for compiled code: from a row's address to its features by name."""
    names = [feature.name for feature in table]
    kind = types.NamedUniTuple(types.float64, len(names), namedtuple("Features", names))

    @intrinsic  # type: ignore[untyped-decorator]
    def read(typing_context: Any, row: Any) -> Any:  # noqa: ARG001 (numba's signature)
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            double = context.get_value_type(types.float64)
            values = [
                builder.fpext(
                    builder.load(builder.gep(args[0], [context.get_constant(types.intp, i)])),
                    double,
                )
                for i in range(len(names))
            ]
            return context.make_tuple(builder, signature.return_type, values)

        return kind(row), generate

    reader: Callable[..., Any] = read
    return reader


@intrinsic  # type: ignore[untyped-decorator]
def _number(typing_context: Any, value: Any) -> Any:  # noqa: ARG001 (numba's signature)
    """Return what a program returned as a float; refuse anything but a number."""
    if not isinstance(value, (types.Number, types.Boolean)):
        raise TypingError(f"{_OURS}, and returns: {types.unliteral(value)}.")

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.cast(builder, args[0], signature.args[0], types.float64)

    return types.float64(value), generate


def inlined(
    program: Program, table: Sequence[Feature], features: Callable[..., None]
) -> Callable[..., None]:
    """Return ``pay(handle, world, n, size, out)`` with the program compiled into it.

    It computes the features of row n's new state and sets the reward; ``handle`` is not used.

    Raises:
        ValueError: If the program raises: kernels have no exceptions.
    """
    _require_no_raise(program, table)
    read, called = _reader(table), compiled(program)

    @compiled
    def pay(handle: Any, world: World, n: int, size: Size, out: Buffers) -> None:  # noqa: ARG001
        prev = read(_row(out.features, n))
        features(world, n, size, n, out.features)
        now, terminated = read(_row(out.features, n)), out.terminated[n]
        out.reward[n] = _number(called(now, prev, out.actions[n], out.reward[n], terminated))

    return pay


def pointed(features: Callable[..., None]) -> Callable[..., None]:
    """Return ``pay``, see :func:`inlined`; the program is called at the address in ``handle``."""

    @compiled
    def pay(handle: Any, world: World, n: int, size: Size, out: Buffers) -> None:
        for k in range(out.features.shape[1]):  # final_features are free until the episode ends
            out.final_features[n, k] = out.features[n, k]
        features(world, n, size, n, out.features)
        now, prev, terminated = (
            _row(out.features, n),
            _row(out.final_features, n),
            out.terminated[n],
        )
        out.reward[n] = _call(
            handle[PROGRAM], now, prev, out.actions[n], out.reward[n], np.int64(terminated)
        )

    return pay


def callback(program: Program, table: Sequence[Feature]) -> Any:
    """Compile a program on its own; its ``.address`` is what :func:`pointed` calls.

    Raises:
        ValueError: If it cannot be compiled; names the features it may use.
    """
    _require_no_raise(program, table)
    read, called = _reader(table), compiled(program)

    def enter(now: Any, prev: Any, action: int, reward: float, terminated: int) -> float:
        paid: float = _number(called(read(now), read(prev), action, reward, terminated != 0))
        return paid

    try:
        return cfunc(_SIGNATURE, error_model="numpy", _nrt=False)(enter)
    except NumbaError as error:
        raise refusal(table, error) from error


def _require_no_raise(program: Program, table: Sequence[Feature]) -> None:
    code = getattr(program, "__code__", None)
    if code is None:
        raise _refused(f"it must be a Python function, got {program!r}.", table)
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("RAISE_VARARGS", "RERAISE"):
            raise _refused("it raises or asserts, which a kernel cannot.", table)


def refusal(table: Sequence[Feature], error: NumbaError) -> ValueError:
    """Return the error to raise for a program that numba does not accept."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    ours = (line[line.index(_OURS) :] for line in lines if _OURS in line)
    theirs = (line for line in lines if not line.startswith(("-", "Invalid", "Failed in")))
    reason = next(ours, None) or next(theirs, lines[0])
    return _refused("it makes lists or other objects." if "NRT" in reason else reason, table)


_OURS = "it must return a number"


def _refused(reason: str, table: Sequence[Feature]) -> ValueError:
    names = ", ".join(feature.name for feature in table)
    return ValueError(
        f"the reward program cannot be compiled: {reason} It is called as program(now, prev, "
        f"action, reward, terminated), must return a number, and may use arithmetic, comparisons, "
        f"branches and math; now and prev have the features {names}"
    )
