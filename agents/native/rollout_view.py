"""A rollout with the names that SB3's callbacks read: numpy arrays, (T, N, ...)."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from operant.agents.base import Array
from operant.agents.native.rollout import RolloutBuffer

_TENSORS = ("actions", "log_probs", "values", "rewards", "advantages", "returns")
_PER_STREAM = ("values", "rewards", "advantages", "returns")


class RolloutView:
    """Reads a rollout; where there is one reward stream, its axis is left out.

    ``observations``, ``actions``, ``log_probs``, ``values``, ``rewards``, ``advantages`` and
    ``returns`` are there, the last two once the rollout is complete. Rewards are the env's, without
    the bootstrap at time limits that SB3 adds to them.
    """

    def __init__(self, rollout: RolloutBuffer) -> None:
        """Look at a rollout."""
        self._rollout = rollout
        self.buffer_size, self.n_envs = rollout.steps, rollout.num_envs

    def size(self) -> int:
        """Return T."""
        return self.buffer_size

    @property
    def observations(self) -> Any:
        """Observations before the steps: an array, or one by key."""
        parts = {key: part[:-1].cpu().numpy() for key, part in self._rollout.obs.items()}
        return parts[""] if set(parts) == {""} else parts

    def __getattr__(self, name: str) -> Array:
        """Return one of the arrays."""
        if name not in _TENSORS:
            raise AttributeError(f"a rollout has no {name!r}, it has observations, {_TENSORS}")
        part: Tensor = getattr(self._rollout, name)
        if name in _PER_STREAM and part.shape[-1] == 1:
            part = part.squeeze(-1)
        array: Array = part.detach().cpu().numpy()
        return array
