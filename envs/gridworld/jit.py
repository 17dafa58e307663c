"""How the scalar functions of this folder are compiled: one place, one dialect.

The dialect is scalars, whole arrays with indices, tuples and bounded loops; no slices, no
allocation, no Python objects. Turning numba's reference counting off (``_nrt``) enforces the "no
allocation" part and is what makes the kernels fast: counting the arrays of a state tuple at every
call costs more than the step itself. Division follows NumPy (no Python exception in a kernel).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

from operant.envs.gridworld.inner import Inner

F = TypeVar("F", bound=Callable[..., Any])
_njit: Any = numba.njit  # its stubs do not know _nrt


def compiled(function: F) -> F:
    """Compile a function of the dialect, inlined wherever it is called.

    A call would copy the descriptors of all arrays of its state tuples, which costs more than most
    of these functions do. Still callable from Python; the source is in ``.py_func``. What is
    compiled already is returned as it is.
    """
    if hasattr(function, "py_func"):
        return function
    return cast(F, Inner(function, forceinline=True))


def tiny(function: F) -> F:
    """Compile a function of few lines, pasted into its callers before they are compiled.

    It costs no compilation of its own, of which numba would make one per combination of literal
    arguments.
    """
    return cast(F, _njit(error_model="numpy", _nrt=False, inline="always")(function))


def outlined(function: F) -> F:
    """Compile a long function that runs rarely (level generation): one copy, really called."""
    if hasattr(function, "py_func"):
        return function
    return cast(F, Inner(function))


def entry(function: F) -> F:
    """Compile a function that Python calls; it lets other threads run meanwhile."""
    return cast(F, _njit(error_model="numpy", _nrt=False, nogil=True)(function))
