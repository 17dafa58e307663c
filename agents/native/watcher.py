"""Seeing a training while it runs, step by step, and stopping it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Protocol

from operant.agents.base import Array
from operant.types import Bool, Obs


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """One step of all rows, as the env reported it.

    Attributes:
        index: Which step of the rollout it is, in [0, T).
        actions: (N, ...) as the env took them.
        obs: Observations that follow.
        reward: (N,) what the agent is trained on.
        terminated: (N,) bool.
        truncated: (N,) bool.
        infos: Gymnasium's batched infos.
    """

    index: int
    actions: Array
    obs: Obs
    reward: Array
    terminated: Bool
    truncated: Bool
    infos: Mapping[str, Any]

    @property
    def done(self) -> Bool:
        """(N,) bool, the episode ended either way."""
        done: Bool = self.terminated | self.truncated
        return done


class Watcher(Protocol):
    """Who wants to see a training while it runs."""

    def stepped(self, step: Step) -> bool:
        """Look at a step; False stops the training at once."""

    def collected(self) -> None:
        """Look at a complete rollout, before it is trained on."""


class RolloutStopped(Exception):  # no error: somebody asked for it
    """A watcher stopped the training within a rollout.

    Attributes:
        steps: Transitions of the rollout until then.
    """

    def __init__(self, steps: int) -> None:
        """Note how many transitions there were."""
        super().__init__(f"stopped after {steps} transitions of a rollout")
        self.steps = steps
