"""What agents that act at once may do: looked at before anything happens."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np

from operant.types import Int


def check_actions(
    agents: Sequence[str], space_of: Callable[[str], Any], actions: Mapping[str, Any]
) -> None:
    """Look at the actions of a step of a PettingZoo ``ParallelEnv``.

    Args:
        agents: Who is acting.
        space_of: The action space of an agent, Discrete from 0 on or a Box.
        actions: Agent -> action.

    Raises:
        gymnasium.error.ResetNeeded: If nobody is acting: no episode is running.
        ValueError: If an agent lacks an action, is unknown, or its action is none; numbers outside
            of a Box are let through if they are finite.
    """
    if not agents:
        raise gym.error.ResetNeeded("call reset() before step(): no episode is running")
    for agent in agents:
        if agent not in actions:
            raise ValueError(f"actions must have one of every agent; that of {agent!r} is missing")
        fine, wanted = _judged(space_of(agent), actions[agent])
        if not fine:
            raise ValueError(
                f"unknown action {actions[agent]!r} of {agent!r}; actions are {wanted}"
            )
    if unknown := set(actions) - set(agents):
        raise ValueError(f"unknown agents {sorted(unknown)}; there are {list(agents)}")


def check_joint_actions(actions: Any, num: int, agents: Sequence[str], choices: int) -> Int:
    """Look at the actions of a step of N games in rows, in which all act at once.

    Args:
        actions: (N, P).
        num: N.
        agents: The names of the P players.
        choices: Actions are 0 .. choices - 1.

    Returns:
        The same as int64.

    Raises:
        ValueError: If these are no such actions; names the row, the player and the action.
    """
    shape, batch = (num, len(agents)), np.asarray(actions)
    if batch.shape != shape or batch.dtype.kind not in "iu":
        raise ValueError(
            f"actions must be integers of shape {shape}, got {batch.dtype} {batch.shape}"
        )
    wrong = (batch < 0) | (batch >= choices)
    if wrong.any():
        row, player = np.argwhere(wrong)[0].tolist()
        raise ValueError(
            f"actions must lie in [0, {choices - 1}], got {batch[row, player]} of "
            f"{agents[player]} in row {row}"
        )
    return batch.astype(np.int64, copy=False)


def _judged(space: Any, action: Any) -> tuple[bool, str]:
    """Return whether an action can be done, and what can."""
    if isinstance(space, gym.spaces.Discrete):
        wanted = f"integers in [0, {space.n - 1}]"
        try:
            return bool(0 <= operator.index(action) < space.n), wanted
        except TypeError:
            return False, wanted
    numbers, wanted = np.asarray(action), f"{space.shape} finite numbers"
    right = numbers.dtype.kind in "iuf" and numbers.shape == space.shape
    return right and bool(np.isfinite(numbers).all()), wanted
