"""How the functions that play and read a game are compiled, and that the result is kept on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core import cgutils, types
from numba.core.caching import FunctionCache
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

F = TypeVar("F", bound=Callable[..., Any])
_njit: Any = numba.njit  # its stubs do not know _nrt, without which arrays are passed twice as fast
_cgutils: Any = cgutils  # numba's own code is untyped
_populate_array: Any = populate_array
_intrinsic: Any = intrinsic  # what it makes takes an argument less than what it is given


def _digest() -> str:
    """Return a hash of this folder's sources: a compiled function holds what it calls."""
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


_SOURCES = _digest()


class _FolderCache(FunctionCache):
    """numba's cache, which by itself looks at one file only."""

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        key: Any = super()._index_key(sig, codegen)  # type: ignore[no-untyped-call]
        return *key, _SOURCES


def compiled(function: F) -> F:
    """Compile a function that allocates nothing; later processes load it from disk.

    It is compiled anew when any source of this folder has changed.
    """
    kernel = _njit(error_model="numpy", _nrt=False)(function)
    kernel._cache = cast(Any, _FolderCache)(function)
    return cast(F, kernel)


@_intrinsic  # type: ignore[untyped-decorator]
def array_at(context: Any, address: Any, dtype: Any, shape: Any) -> Any:
    """Return the array of some dtype and shape, a tuple, that lies at an address.

    ``numba.carray`` does the same, but counts references.
    """
    del context
    result = types.Array(dtype.dtype, shape.count, "C")

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place, sizes = values[0], _cgutils.unpack_tuple(builder, values[2])
        array = context.make_array(signature.return_type)(context, builder)
        width = context.get_abi_sizeof(context.get_data_type(dtype.dtype))
        stride, strides = context.get_constant(types.intp, width), list[Any]()
        for size in reversed(sizes):
            strides.insert(0, stride)
            stride = builder.mul(stride, size)
        _populate_array(
            array,
            data=builder.inttoptr(place, array.data.type),
            shape=sizes,
            strides=strides,
            itemsize=context.get_constant(types.intp, width),
            meminfo=None,
        )
        return array._getvalue()

    return result(address, dtype, shape), generate


@_intrinsic  # type: ignore[untyped-decorator]
def call(context: Any, function: Any, first: Any, second: Any) -> Any:
    """Call the C function at an address with two pointers, given as addresses."""
    del context
    from llvmlite import ir

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        del signature
        word = context.get_value_type(types.intp)
        kind = ir.FunctionType(word, [word, word])
        return builder.call(builder.inttoptr(values[0], kind.as_pointer()), values[1:])

    return types.intp(function, first, second), generate
