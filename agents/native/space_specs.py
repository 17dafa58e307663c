"""Spaces as JSON: what a saved model says about the envs it fits."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from operant.agents.base import Array, Json


def space_spec(space: gym.Space[Any]) -> Json:
    """Return a space as JSON values.

    Raises:
        ValueError: If it is no space that an agent can learn on.
    """
    match space:
        case spaces.Dict():
            parts = {key: space_spec(part) for key, part in space.spaces.items()}
            return {"type": "Dict", "spaces": parts}
        case spaces.Discrete():
            return {"type": "Discrete", "n": int(space.n), "start": int(space.start)}
        case spaces.MultiDiscrete():
            spec = {"nvec": space.nvec.tolist(), "start": space.start.tolist()}
            return {"type": "MultiDiscrete", **spec, "dtype": str(space.dtype)}
        case spaces.MultiBinary():
            return {"type": "MultiBinary", "n": list(space.shape)}
        case spaces.Box():
            return {
                "type": "Box",
                "low": _bounds(space.low),
                "high": _bounds(space.high),
                "shape": list(space.shape),
                "dtype": str(space.dtype),
            }
    raise ValueError(
        "a space must be Box, Discrete, MultiDiscrete, MultiBinary or a Dict of these to be saved, "
        f"got {space}"
    )


def space_from(spec: Json) -> gym.Space[Any]:
    """Undo :func:`space_spec`.

    Raises:
        ValueError: If it is no such spec.
    """
    match spec:
        case {"type": "Dict", "spaces": parts}:
            return spaces.Dict({key: space_from(part) for key, part in parts.items()})
        case {"type": "Discrete", "n": n, "start": start}:
            return spaces.Discrete(n, start=start)
        case {"type": "MultiDiscrete", "nvec": nvec, "start": start, "dtype": dtype}:
            return spaces.MultiDiscrete(np.array(nvec), dtype=dtype, start=start)
        case {"type": "MultiBinary", "n": n}:
            return spaces.MultiBinary(n)
        case {"type": "Box", "low": low, "high": high, "shape": shape, "dtype": name}:
            kind: Any = np.dtype(name).type
            low, high = (_array(bound, tuple(shape), kind) for bound in (low, high))
            return spaces.Box(low, high, dtype=kind)
    raise ValueError(f"not the spec of a space: {spec!r}")


def _bounds(bounds: Array) -> Any:
    """Return one value if all are equal; infinity is spelled out, which JSON cannot say."""
    values = bounds.ravel()[:1] if np.unique(bounds).size == 1 else bounds.ravel()
    words = [str(value) if np.isinf(value) else value for value in values.tolist()]
    return words[0] if len(words) == 1 else words


def _array(bound: Any, shape: tuple[int, ...], dtype: Any) -> Array:
    values = bound if isinstance(bound, list) else [bound]
    values = [float(value) if isinstance(value, str) else value for value in values]
    array = np.array(values).astype(dtype)
    return array.reshape(shape) if len(array) > 1 else np.full(shape, array[0], dtype)
