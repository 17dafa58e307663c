"""Functions that only compiled code calls: numba, without the work that nobody needs.

A kernel calls some thirty small functions, and numba makes each a finished product: optimized
machine code with a way in from Python. Here a function is left as plain LLVM code, which becomes
part of the kernel and is optimized there. A first step then takes half the time.

This stands on numba's internals, which ``constraints.txt`` pins; ``entry`` points are plain numba.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from numba import types as numba_types
from numba.core import codegen as numba_codegen
from numba.core import compiler as numba_compiler
from numba.core.registry import CPUDispatcher as NumbaDispatcher

# numba's own code is untyped.
njit: Any = numba.njit
types: Any = numba_types
JITCodeLibrary: Any = numba_codegen.JITCodeLibrary
Compiler: Any = numba_compiler.Compiler
CPUDispatcher: Any = NumbaDispatcher


class _Library(JITCodeLibrary):  # type: ignore[misc]
    """LLVM code that waits to be linked into somebody else's."""

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True


class _Compiler(Compiler):  # type: ignore[misc]
    """numba's compiler up to LLVM code."""

    def __init__(
        self,
        typing_context: Any,
        target_context: Any,
        library: Any,
        args: Any,
        return_type: Any,
        flags: Any,
        local_types: Any,
    ) -> None:
        super().__init__(
            typing_context, target_context, library, args, return_type, flags, local_types
        )
        flags.no_compile = True
        flags.no_cpython_wrapper = True
        flags.no_cfunc_wrapper = True
        target = self.state.targetctx
        self.state.library = _Library(target.codegen(), self.__class__.__name__)


class Inner(CPUDispatcher):  # type: ignore[misc]
    """A function for compiled code; when Python calls it, it becomes a plain numba function."""

    _OPTIONS = {"nopython": True, "boundscheck": None, "error_model": "numpy", "_nrt": False}  # noqa: RUF012

    def __init__(self, function: Callable[..., Any], **options: Any) -> None:
        """Declare the function; nothing is compiled yet."""
        super().__init__(
            function,
            locals={},
            targetoptions=self._OPTIONS | options,
            pipeline_class=_Compiler,
        )
        self._for_python: Any = None

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """Choose the version for a call: one serves all constants and all signed integers."""
        return super().get_call_template(tuple(map(_general, args)), kws)

    def add_overload(self, result: Any) -> None:
        """Register a compiled version with the context, under a key of its own."""
        key = object()  # where numba has the function that Python can call
        self.targetctx.insert_user_function(key, result.fndesc, [result.library])
        self.overloads[tuple(result.signature.args)] = result._replace(entry_point=key)

    def __call__(self, *args: Any) -> Any:
        """Call it from Python."""
        if self._for_python is None:
            self._for_python = njit(error_model="numpy", _nrt=False)(self.py_func)
        return self._for_python(*args)


def _general(kind: Any) -> Any:
    kind = types.unliteral(kind)
    return types.int64 if isinstance(kind, types.Integer) and kind.signed else kind
