"""Rollouts for designs that learn: transitions of N envs, collected until there are T steps."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.arrays import section
from operant.types import Rollout, Transition

Arrays = dict[str, npt.NDArray[Any]]
FIELDS = tuple(field.name for field in dataclasses.fields(Rollout))


class RolloutRecorder:
    """Collects what a design will learn from; rows without a transition become pseudo-steps."""

    def __init__(self, num_envs: int) -> None:
        """Start with nothing.

        Args:
            num_envs: N >= 1.
        """
        self._num = num_envs
        self._steps: list[Arrays] = []

    def __len__(self) -> int:
        """Return T, the number of steps collected."""
        return len(self._steps)

    def add(self, t: Transition) -> None:
        """Collect the transitions of one step, a copy of them."""
        valid = np.zeros(self._num, np.bool_)
        valid[t.env_ids] = True
        step: Arrays = {"valid": valid}
        for name in FIELDS:
            if name != "valid":
                for key, value in _flat(name, getattr(t, name)).items():
                    step[key] = np.zeros((self._num, *value.shape[1:]), value.dtype)
                    step[key][t.env_ids] = value
        self._steps.append(step)

    def take(self) -> Rollout:
        """Return the T >= 1 steps collected so far, and start anew."""
        rollout = as_rollout(self.get_state())
        self._steps.clear()
        return rollout

    def get_state(self) -> Arrays:
        """Return what was collected, (T, N, ...) each."""
        names = self._steps[0] if self._steps else ()
        return {key: np.stack([step[key] for step in self._steps]) for key in names}

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`get_state` returned."""
        length = len(state["valid"]) if state else 0
        self._steps = [{key: state[key][at] for key in state} for at in range(length)]


def as_rollout(arrays: Mapping[str, npt.NDArray[Any]]) -> Rollout:
    """Return the rollout whose fields are the arrays, those of mappings named ``field/key``."""
    fields: dict[str, Any] = {
        name: arrays[name] if name in arrays else section(arrays, name) for name in FIELDS
    }
    return Rollout(**fields)


def _flat(name: str, value: Any) -> Arrays:
    """Return an array, or a mapping of arrays, under flat names."""
    if isinstance(value, Mapping):
        return {f"{name}/{key}": np.asarray(array) for key, array in value.items()}
    return {name: np.asarray(value)}
