"""From a Python function to PTX, on any machine.

PTX is made here rather than by ``cuda.jit``, which may fuse ``a * b + c`` into one rounding where
the CPU rounds twice, and which needs a GPU: so tests can check the very text that GPUs run.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, NamedTuple

from numba import types as numba_types
from numba.cuda import compiler as numba_compiler
from numba.cuda import dispatcher as numba_dispatcher
from numba.cuda.cudadrv import nvvm as numba_nvvm

# numba's own code is untyped.
types: Any = numba_types
compiler: Any = numba_compiler
dispatcher: Any = numba_dispatcher
nvvm: Any = numba_nvvm

CAPABILITY = (7, 5)
"""The oldest GPUs that CUDA 13 compiles for; drivers translate its PTX for every later one."""
BLOCK, BLOCKS = 256, 4
"""Threads of a block, and how many blocks shall fit into a multiprocessor: <= 64 registers each."""


class Program(NamedTuple):
    """A kernel for GPUs.

    Attributes:
        ptx: Its text.
        name: Of its entry point.
        modules: The NVVM IR it was made from, the entry point's module first.
    """

    ptx: str
    name: str
    modules: tuple[str, ...]


def to_ptx(kernel: Callable[..., None], kinds: Sequence[Any]) -> Program:
    """Compile a kernel; needs libNVVM, but no GPU and no driver.

    Args:
        kernel: Function of the compiled dialect that may also use ``cuda.grid``.
        kinds: numba types of its arguments.
    """
    options = {"opt": 3, "fma": False}  # a * b + c rounds twice, as on the CPU
    with _without_device():
        built = compiler.compile_cuda(
            kernel, types.void, tuple(kinds), nvvm_options=options, cc=CAPABILITY
        )
    library, name = built.library, kernel.__name__
    entry = library.get_function(built.fndesc.llvm_func_name)
    compiler.kernel_fixup(entry, False)
    nvvm.set_launch_bounds(entry, (BLOCK, BLOCKS))
    modules = tuple(
        _tables_once(module).replace(built.fndesc.llvm_func_name, name)
        for module in library.llvm_strs
    )
    unit = nvvm.CompilationUnit({**options, "arch": "compute_{}{}".format(*CAPABILITY)})
    for module in modules:
        unit.add_module(nvvm.llvm_replace(module).encode())
    unit.verify()
    return Program(unit.compile().decode().rstrip("\x00\n"), name, modules)


@contextmanager
def _without_device() -> Iterator[None]:
    """Answer numba's question for the device's capability, asked while it types inner calls."""
    asked = dispatcher.get_current_device
    dispatcher.get_current_device = lambda: SimpleNamespace(compute_capability=CAPABILITY)
    try:
        yield
    finally:
        dispatcher.get_current_device = asked


_TABLE = re.compile(r'^@"(_cudapy_cmem[\w.]*)" = internal addrspace\(4\) constant (.*)$', re.M)


def _tables_once(module: str) -> str:
    """Let a module of NVVM IR share its lookup tables with the others, in global memory.

    numba puts a copy of a table into constant memory for each place that looks into it. Threads
    that look at different entries wait for each other there, and there are only 64 KiB of it.
    """
    values = dict(_TABLE.findall(module))
    names = {
        name: f"table_{hashlib.sha256(value.encode()).hexdigest()[:16]}"
        for name, value in values.items()
    }
    code = _TABLE.sub("", module).replace("addrspace(4)", "addrspace(1)")
    for name, shared in names.items():
        code = code.replace(f'@"{name}"', f'@"{shared}"')
    tables = {names[name]: value for name, value in values.items()}
    return code + "".join(
        f'\n@"{shared}" = linkonce_odr addrspace(1) constant {value}'
        for shared, value in tables.items()
    )
