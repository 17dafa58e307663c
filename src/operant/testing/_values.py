"""Compare, validate and vandalise the nested values that envs return."""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt


def first_difference(a: Any, b: Any, path: str = "value") -> str:
    """Describe the first place where two nested values differ, or return ``""``.

    NaN equals NaN; Python and NumPy numbers of equal value are equal; arrays must agree in shape.

    >>> first_difference({"x": np.zeros(2)}, {"x": np.array([0.0, 1.0])}, "obs")
    "obs['x'][1] differs: np.float64(0.0) and np.float64(1.0)"
    """
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and a.dtype == b.dtype == object:
        a, b = a.tolist(), b.tolist()
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        if a.keys() != b.keys():
            return f"{path} has keys {sorted(map(str, a))} and {sorted(map(str, b))}"
        return _first(first_difference(a[key], b[key], f"{path}[{key!r}]") for key in a)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        if len(a) != len(b):
            return f"{path} has lengths {len(a)} and {len(b)}"
        return _first(
            first_difference(x, y, f"{path}[{i}]")
            for i, (x, y) in enumerate(zip(a, b, strict=True))
        )
    if isinstance(a, (np.ndarray, np.generic)) or isinstance(b, (np.ndarray, np.generic)):
        return _array_difference(np.asarray(a), np.asarray(b), path)
    return "" if a == b or (a != a and b != b) else f"{path} differs: {_brief(a)} and {_brief(b)}"


def _array_difference(a: npt.NDArray[Any], b: npt.NDArray[Any], path: str) -> str:
    if a.shape != b.shape:
        return f"{path} has shapes {a.shape} and {b.shape}"
    floats = a.dtype.kind in "fc" and b.dtype.kind in "fc"
    if np.array_equal(a, b, equal_nan=floats):
        return ""
    unequal = (a != b) & ~((a != a) & (b != b))
    at = tuple(int(i) for i in np.argwhere(unequal)[0])
    where = f"[{', '.join(map(str, at))}]" if at else ""
    return f"{path}{where} differs: {_brief(a[at])} and {_brief(b[at])}"


def _first(complaints: Iterable[str]) -> str:
    return next((complaint for complaint in complaints if complaint), "")


def _brief(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 120 else f"{text[:117]}..."


def space_complaint(space: gym.Space[Any], value: Any, path: str = "obs") -> str:
    """Say why ``value`` is not exactly an element of ``space``, or return ``""``.

    Stricter than ``space.contains``: containers are plain, arrays have the very dtype and shape.
    """
    if isinstance(space, gym.spaces.Dict):
        if not isinstance(value, Mapping) or value.keys() != space.spaces.keys():
            return f"{path} should be a dict with keys {sorted(space.spaces)}, got {_brief(value)}"
        return _first(
            space_complaint(part, value[key], f"{path}[{key!r}]")
            for key, part in space.spaces.items()
        )
    if isinstance(space, gym.spaces.Tuple):
        if not isinstance(value, tuple) or len(value) != len(space.spaces):
            return f"{path} should be a tuple of {len(space.spaces)}, got {_brief(value)}"
        parts = zip(space.spaces, value, strict=True)
        return _first(space_complaint(s, v, f"{path}[{i}]") for i, (s, v) in enumerate(parts))
    if isinstance(space, (gym.spaces.Box, gym.spaces.MultiDiscrete, gym.spaces.MultiBinary)):
        if not isinstance(value, np.ndarray):
            return f"{path} should be a NumPy array, got {type(value).__name__}"
        if value.dtype != space.dtype or value.shape != space.shape:
            expected = f"{space.dtype} {space.shape}"
            return f"{path} should be {expected}, got {value.dtype} {value.shape}"
    return "" if value in space else f"{path} is not in {space}: {_brief(value)}"


def non_finite(value: Any, path: str = "obs") -> str:
    """Name the first NaN or infinity in a nested value, or return ``""``."""
    if isinstance(value, Mapping):
        return _first(non_finite(part, f"{path}[{key!r}]") for key, part in value.items())
    if isinstance(value, (list, tuple)):
        return _first(non_finite(part, f"{path}[{i}]") for i, part in enumerate(value))
    if isinstance(value, (float, np.ndarray, np.generic)):
        array = np.asarray(value)
        if array.dtype.kind in "fc" and not np.isfinite(array).all():
            return f"{path} holds {array[~np.isfinite(array)].flat[0]}"
    return ""


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def canonical_json(info: Mapping[str, Any]) -> str:
    """Return an info dict as JSON with sorted keys.

    NumPy scalars and arrays are converted by ``item()`` and ``tolist()``; nothing else is.

    Raises:
        TypeError: If a value or key has no JSON form.
        ValueError: If a number is NaN or infinite.
    """
    _require_text_keys(info)
    return json.dumps(info, default=_plain, allow_nan=False, sort_keys=True)


def _require_text_keys(value: Any) -> None:
    if isinstance(value, Mapping):
        for key, part in value.items():
            if not isinstance(key, str):
                raise TypeError(f"key {key!r} is a {type(key).__name__}, not a string")
            _require_text_keys(part)


def update_hash(running: hashlib._Hash, value: Any) -> None:
    """Feed a nested value into a hash, with dtypes and shapes."""
    if isinstance(value, Mapping):
        for key in sorted(value):
            running.update(repr(key).encode())
            update_hash(running, value[key])
    elif isinstance(value, (list, tuple)):
        for part in value:
            update_hash(running, part)
    elif isinstance(value, np.ndarray):
        running.update(f"{value.dtype}{value.shape}".encode())
        running.update(np.ascontiguousarray(value).tobytes())
    else:
        running.update(repr(value).encode())


@contextlib.contextmanager
def watched_globals() -> Iterator[Callable[[], bool]]:
    """Yield a function that tells whether ``random`` or ``np.random`` moved since entry.

    Inside, both are in fresh states, so that reseeding with a constant shows too; afterwards both
    are back where they were. Comparing states sees more than functions patched to raise would: also
    ``from random import choice`` at import time.
    """
    kept = random.getstate(), np.random.get_state()  # noqa: NPY002 (watched, not used)
    random.seed()
    np.random.seed()  # noqa: NPY002
    before = _global_state()
    try:
        yield lambda: before != _global_state()
    finally:
        random.setstate(kept[0])
        np.random.set_state(kept[1])  # noqa: NPY002


def _global_state() -> tuple[Any, ...]:
    kind, words, *rest = np.random.get_state()  # noqa: NPY002
    return random.getstate(), kind, np.asarray(words).tobytes(), *rest


def scribble(value: Any) -> None:
    """Ruin a returned value in place, as careless callers do: only an aliased env notices."""
    if isinstance(value, dict):
        for part in value.values():
            scribble(part)
        value.clear()
    elif isinstance(value, (list, tuple)):
        for part in value:
            scribble(part)
    elif isinstance(value, np.ndarray) and value.dtype == object:
        scribble(value.tolist())
        value[...] = None
    elif isinstance(value, np.ndarray) and value.flags.writeable and value.dtype.kind in "iufb":
        np.logical_not(value, out=value, casting="unsafe")
