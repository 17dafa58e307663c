"""Three bytes of a cell written as one word: numba stores one byte at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import extending as numba_extending
from numba import types as numba_types
from numba.core import cgutils as numba_cgutils
from numba.np import arrayobj as numba_arrays

from operant.envs.gridworld.cells import TRIPLES

# numba's own code is untyped.
types: Any = numba_types
cgutils: Any = numba_cgutils
arrays: Any = numba_arrays
extending: Any = numba_extending

WORDS = TRIPLES.astype(np.uint32) @ (1 << np.array([8, 16, 24], np.uint32))
"""A cell's triple as the upper three bytes of a word."""


def put_cell(image: npt.NDArray[np.uint8], n: int, column: int, row: int, word: Any) -> None:
    """Write an entry of ``WORDS`` into ``image[n, column, row]``, row > 0.

    The byte before, ``image[n, column, row - 1, 2]``, is lost: whoever draws a view from its last
    row to its first writes it next. Compiled for a CPU this is one store of four bytes.
    """
    image[n, column, row, 0] = word >> 8 & 255
    image[n, column, row, 1] = word >> 16 & 255
    image[n, column, row, 2] = word >> 24


_KINDS = (types.Array, types.Integer, types.Integer, types.Integer, types.uint32)


@extending.type_callable(put_cell)  # type: ignore[untyped-decorator]
def _typed(context: Any) -> Callable[..., Any]:  # noqa: ARG001 (numba's signature)
    def accept(image: Any, n: Any, column: Any, row: Any, word: Any) -> Any:  # noqa: ARG001
        if image == types.Array(types.uint8, 4, "C") and word == types.uint32:
            return types.none
        return None

    return accept


@extending.lower_builtin(put_cell, *_KINDS)  # type: ignore[untyped-decorator]
def _lowered(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    image = arrays.make_array(signature.args[0])(context, builder, args[0])
    offset = context.get_constant(types.intp, -1)
    steps = cgutils.unpack_tuple(builder, image.strides)
    for index, kind, step in zip(args[1:4], signature.args[1:4], steps, strict=False):
        index = context.cast(builder, index, kind, types.intp)
        offset = builder.add(offset, builder.mul(index, step))
    address = builder.bitcast(builder.gep(image.data, [offset]), args[4].type.as_pointer())
    builder.store(args[4], address).align = 1
    return context.get_dummy_value()
