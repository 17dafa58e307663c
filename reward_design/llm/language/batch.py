"""Programs compiled by numba for batches, with every step checked.

Compiled code must stop where Python would, so the functions that have a domain are replaced by ones
that keep to it. Who gets an error from a kernel asks Python which row it was.
"""

from __future__ import annotations

import ctypes
import functools
import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import binding
from numba import types as numba_types

from operant.reward_design.llm.language.checking import Checked
from operant.reward_design.llm.language.rendering import by_position, render
from operant.reward_design.llm.language.vocabulary import MEMORY, PARAMETERS, TABLE, hypot

# numba's own code is untyped.
types: Any = numba_types
# Python's errors, and no counting of references, which costs 20 times as much as the arithmetic.
_njit: Any = functools.partial(numba.njit, error_model="python", boundscheck=True, _nrt=False)
# Nobody calls it but compiled code: the two ways in for others take a third of the time.
_inner: Any = functools.partial(_njit, no_cpython_wrapper=True, no_cfunc_wrapper=True)

_ROWS = types.Array(types.float64, 2, "C", readonly=True)
_COLUMN = types.Array(types.float64, 1, "C", readonly=True)
_FILLED = types.float64[:, ::1]


def kernel(program: Checked, *, vectors: bool) -> Callable[..., None]:
    """Compile a program for batches.

    Args:
        program: The program.
        vectors: Whether an action has several numbers.

    Returns:
        ``kernel(obs, action, next_obs, info, mem, out)`` for C-contiguous float64 arrays (N, D),
        (N,) or (N, A), (N, D), (N, K), which holds the keys that the program reads, in order,
        (N, M) and (N, outputs). It fills ``out`` and updates ``mem``, or raises what Python would
        raise for the first bad row, without telling which.
    """
    parameters = (*PARAMETERS["reward"], MEMORY)
    one: Any = _inner(render(program, parameters, by_position(program.keys), _TABLE))
    action = _ROWS if vectors else _COLUMN
    signature = types.void(_ROWS, action, _ROWS, _ROWS, _FILLED, _FILLED)
    loop = _list_by_list if program.outputs else _number_by_number
    found: Callable[..., None] = _njit(signature, nogil=True, no_cfunc_wrapper=True)(loop(one))
    return found


def _number_by_number(one: Any) -> Callable[..., None]:
    def rows(obs: Any, action: Any, next_obs: Any, info: Any, mem: Any, out: Any) -> None:
        for n in range(len(out)):
            out[n, 0] = one(obs[n], action[n], next_obs[n], info[n], mem[n])

    return rows


def _list_by_list(one: Any) -> Callable[..., None]:
    def rows(obs: Any, action: Any, next_obs: Any, info: Any, mem: Any, out: Any) -> None:
        for n in range(len(out)):
            values = one(obs[n], action[n], next_obs[n], info[n], mem[n])
            for k in range(len(values)):
                out[n, k] = values[k]

    return rows


def _minimum(x: float, y: float) -> float:
    return y if y < x else x  # as Python's, also for what is not a number


def _maximum(x: float, y: float) -> float:
    return y if y > x else x


def _index(x: float) -> int:
    if not -1e15 < x < 1e15:
        raise IndexError
    return int(x)


# LLVM knows `pow`, and rounds x ** 0.5, x ** -1 and 2 ** x otherwise than it; a name that it does
# not know it calls.
binding.add_symbol("operant_pow", ctypes.cast(ctypes.pythonapi.pow, ctypes.c_void_p).value)
_pow: Any = types.ExternalFunction("operant_pow", types.float64(types.float64, types.float64))


def _power(x: float, y: float) -> float:
    z = x * x if y == 2.0 else _pow(x, y)
    if not math.isfinite(z) and math.isfinite(x) and math.isfinite(y):
        raise OverflowError
    return z


def _sqrt(x: float) -> float:
    if x < 0.0:
        raise ValueError
    return math.sqrt(x)


def _exp(x: float) -> float:
    z = math.exp(x)
    if math.isinf(z) and math.isfinite(x):
        raise OverflowError
    return z


def _log(x: float) -> float:
    if x <= 0.0:
        raise ValueError
    return math.log(x)


def _log1p(x: float) -> float:
    if x <= -1.0:
        raise ValueError
    return math.log1p(x)


def _sin(x: float) -> float:
    if math.isinf(x):
        raise ValueError
    return math.sin(x)


def _cos(x: float) -> float:
    if math.isinf(x):
        raise ValueError
    return math.cos(x)


def _truncated(x: float) -> float:
    if not math.isfinite(x):
        raise ValueError
    return float(np.trunc(x)) + 0.0  # Python's results are integers, which have no -0.0


def _floor(x: float) -> float:
    if not math.isfinite(x):
        raise ValueError
    return float(np.floor(x)) + 0.0


def _ceil(x: float) -> float:
    if not math.isfinite(x):
        raise ValueError
    return float(np.ceil(x)) + 0.0


_TABLE: dict[str, Callable[..., Any]] = {
    **TABLE,
    "min": _njit(_minimum),
    "max": _njit(_maximum),
    "index": _njit(_index),
    "power": _njit(_power),
    "hypot": _njit(hypot),
    "sqrt": _njit(_sqrt),
    "exp": _njit(_exp),
    "log": _njit(_log),
    "log1p": _njit(_log1p),
    "sin": _njit(_sin),
    "cos": _njit(_cos),
    "truncated": _njit(_truncated),
    "floor": _njit(_floor),
    "ceil": _njit(_ceil),
}
"""What the names in a program are in compiled code."""
