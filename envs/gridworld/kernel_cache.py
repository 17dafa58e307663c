"""Machine code kept on disk: a process does not compile again what an earlier one did.

numba can cache functions, but it notices changes in one source file only, and cannot recognise a
closure in another process. Here a family has a folder of its own, whose name is a hash of the
engine's sources and of all that the family's functions are made of: their code, the values that
they refer to, and the functions they call. Whatever changes, in whichever file, makes a new folder.
Deleting folders is always safe. A first step then takes 0.4 s instead of seconds.

Code from another process must not meet a namesake. The linker goes by symbols and keeps one of two
that are equal, and numba tells closures of one name apart by counting them from 1 in every process:
a kernel from disk could then call the ``generate`` of another family, compiled here. So numba draws
its numbers at random.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import secrets
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numba
import numpy as np
from numba.core.bytecode import FunctionIdentity
from numba.core.caching import FunctionCache
from numba.core.dispatcher import Dispatcher

from operant.envs.gridworld.family import Family

_identity: Any = FunctionIdentity  # numba's own code is untyped
_identity._unique_ids = iter(lambda: secrets.randbits(62), None)  # in forks, too, others


class _KernelCache(FunctionCache):
    """numba's cache, without its look into closures: the folder's name covers them."""

    def __init__(self, function: Callable[..., Any]) -> None:
        """Give every file a name of its own: writers who count take the same number at once."""
        super().__init__(function)  # type: ignore[no-untyped-call]
        files: Any = self._cache_file
        files._data_name = lambda _: f"{function.__name__}.{secrets.token_hex(8)}.nbc"

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        return sig, codegen.magic_tuple()


def _digest(parent: Path) -> bytes:
    """Return a hash of numba's version and the sources in a folder."""
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(parent.glob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.digest()


_ENGINE = _digest(Path(__file__).parent)
"""Of the sources as this process imported them, even if they are edited while it runs."""


_NOT_COMPILED = {
    *("card", "check", "dims", "feature_table", "mission_text", "oracle", "max_steps", "view"),
    *("space", "pack", "words"),
}
"""Parts of a family, and of its view, that only Python calls; the view's others are added."""


def fingerprint(family: Family) -> bytes:
    """Return a hash of what a family's compiled functions do, as far as Python can tell.

    It covers code, constants, defaults, closures and the globals that are named, and the same of
    all functions among them.
    """
    digest, seen = hashlib.sha256(), set[int]()
    for part in (family, family.view):
        for field in dataclasses.fields(part):
            if field.name not in _NOT_COMPILED:
                _add(digest, (field.name, getattr(part, field.name)), seen)
    return digest.digest()


def _add(digest: Any, value: Any, seen: set[int]) -> None:
    """Add a value to a hash, by what it does rather than where it lies."""
    if isinstance(value, Dispatcher):
        value = value.py_func
    digest.update(f"{type(value).__module__}.{type(value).__qualname__}".encode())
    if isinstance(value, FunctionType) and id(value) not in seen and _is_ours(value):
        seen.add(id(value))  # functions may call each other in circles
        _add_function(digest, value, seen)
    elif (parts := _parts(value)) is not None:
        for part in parts:
            _add(digest, part, seen)
    else:
        digest.update(_bytes(value))


def _parts(value: Any) -> Iterable[Any] | None:
    """Return what a value is made of, or None if it is added whole."""
    if isinstance(value, tuple | list):
        return value
    if isinstance(value, dict):
        return value.items()
    if isinstance(value, CodeType):
        return value.co_code, value.co_names, value.co_consts
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name) for field in dataclasses.fields(value)]
    return None


def _bytes(value: Any) -> bytes:
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.shape}".encode() + value.tobytes()
    if isinstance(value, frozenset | set):
        return repr(sorted(value, key=repr)).encode()
    if isinstance(value, str | bytes | int | float | complex | np.generic | None):
        return repr(value).encode()
    if isinstance(value, FunctionType | ModuleType | type):  # they are what their name says
        return value.__name__.encode()
    return b""  # its type has been added


def _is_ours(function: FunctionType) -> bool:
    """Tell whether a function may change without a new version of Python, NumPy or numba."""
    top = (function.__module__ or "").partition(".")[0]
    return top not in sys.stdlib_module_names and top not in ("numpy", "numba", "torch")


def _add_function(digest: Any, function: FunctionType, seen: set[int]) -> None:
    """Add a function with all that it refers to."""
    names = _names(function.__code__)
    _add(digest, (function.__code__, function.__defaults__), seen)
    for cell in function.__closure__ or ():
        try:
            _add(digest, cell.cell_contents, seen)
        except ValueError:  # a variable that has no value yet
            digest.update(b"unset")
    for name in names:
        value = function.__globals__.get(name)
        _add(digest, (name, value), seen)
        if isinstance(value, ModuleType):  # of a module, what is asked of it
            for attribute in names:
                _add(digest, (attribute, getattr(value, attribute, None)), seen)


def _names(code: CodeType) -> list[str]:
    """Return the globals and attributes that code names, inner functions included."""
    inner = [name for part in code.co_consts if isinstance(part, CodeType) for name in _names(part)]
    return sorted({*code.co_names, *inner})


def folder(family: Family) -> Path | None:
    """Return the folder of a family's machine code, or None without a place to write.

    It lies in ``$XDG_CACHE_HOME`` (``~/.cache`` if unset) below ``operant/kernels``. A family whose
    source is no file (typed into an interpreter) has none: numba asks for one.
    """
    source = Path(getattr(sys.modules.get(family.module), "__file__", None) or "")
    if not source.is_file():
        return None
    digest = hashlib.sha256(_ENGINE + fingerprint(family))
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    found = Path(base) / "operant" / "kernels" / digest.hexdigest()[:24]
    try:
        found.mkdir(parents=True, exist_ok=True)
    except OSError:  # a read-only home costs time, not correctness
        return None
    return found if os.access(found, os.W_OK) else None


def keeper(family: Family) -> Callable[[Any], Any]:
    """Return what lets a family's entry points load machine code from disk, or leave it there.

    It takes a numba dispatcher that was not called yet and returns it.
    """
    place = folder(family)
    if place is None:
        return lambda kernel: kernel
    config: Any = numba.config  # numba's stubs stop short of both names
    cache: Any = _KernelCache

    def kept(kernel: Any) -> Any:
        function = kernel.py_func
        function.__qualname__ = f"{family.name}.{function.__name__}"
        before, config.CACHE_DIR = config.CACHE_DIR, str(place)
        try:
            kernel._cache = cache(function)
        finally:
            config.CACHE_DIR = before
        return kernel

    return kept
