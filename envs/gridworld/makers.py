"""From a family to the two factories that its table rows name."""

from __future__ import annotations

import re
from typing import Any, Protocol

from gymnasium.vector import VectorEnv

from operant.envs.gridworld.family import Family
from operant.envs.gridworld.scalar import GridEnv
from operant.envs.gridworld.vector import GridVectorEnv


class MakeScalar(Protocol):
    """Builds a scalar env; keyword arguments of :class:`~operant.envs.gridworld.scalar.GridEnv`."""

    def __call__(self, **kwargs: Any) -> GridEnv:
        """Build it."""


class MakeVector(Protocol):
    """Builds a batched env; those of :class:`~operant.envs.gridworld.vector.GridVectorEnv`.

    With ``device="cuda"`` or ``"cuda:<index>"`` it is one on a GPU,
    :class:`~operant.envs.gridworld.cuda.env.CudaVectorEnv`.
    """

    def __call__(self, *, device: Any = "cpu", **kwargs: Any) -> VectorEnv[Any, Any, Any]:
        """Build it."""


def makers(family: Family) -> tuple[MakeScalar, MakeVector]:
    """Return the factories ``make`` and ``make_vector`` of a family."""

    def make(**kwargs: Any) -> GridEnv:
        return GridEnv(family=family, **kwargs)

    def make_vector(*, device: Any = "cpu", **kwargs: Any) -> VectorEnv[Any, Any, Any]:
        if str(device) == "cpu":
            return GridVectorEnv(family=family, **kwargs)
        if not re.fullmatch(r"cuda(:\d+)?", str(device)):
            raise ValueError(f"device must be 'cpu', 'cuda' or 'cuda:<index>', got {device!r}")
        from operant.envs.gridworld.cuda.env import CudaVectorEnv  # loads torch and numba-cuda

        return CudaVectorEnv(family=family, device=str(device), **kwargs)

    return make, make_vector
