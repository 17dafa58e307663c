"""How the functions that read a screen are compiled, and that the result is kept on disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])
_njit: Any = numba.njit  # its stubs do not know _nrt, without which arrays are passed twice as fast


def compiled(function: F) -> F:
    """Compile a function that allocates nothing; later processes load it from disk.

    numba compiles anew when the function's own file has changed, and only then.
    """
    make = _njit(cache=True, error_model="numpy", nogil=True, _nrt=False)
    return cast(F, make(function))
