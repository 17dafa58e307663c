"""Which observations and actions a program sees as vectors."""

from __future__ import annotations

from typing import Any

import gymnasium as gym

_VECTORS = (gym.spaces.Box, gym.spaces.MultiDiscrete, gym.spaces.MultiBinary)


def vector_size(space: gym.Space[Any]) -> int:
    """Return how many numbers a program sees of a member of a space; 0 if it is no vector.

    >>> vector_size(gym.spaces.Box(-1.0, 1.0, (3,))), vector_size(gym.spaces.Discrete(3))
    (3, 0)
    """
    shape = space.shape or ()
    return shape[0] if isinstance(space, _VECTORS) and len(shape) == 1 else 0
