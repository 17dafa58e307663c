"""How a bandit algorithm reads observations that tell of the round before."""

from __future__ import annotations

from typing import Any, Protocol

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from operant.agents.bandits.base import Payout
from operant.agents.base import Array
from operant.types import Float, Obs


class RoundView(Protocol):
    """Reads observations for an algorithm."""

    def read(self, obs: Obs) -> tuple[Float | None, Payout]:
        """Return what is seen before the choice, and what came of the one before.

        The latter means nothing in the first round of an episode.
        """


class HistoryView:
    """Reads the observations ``observe="history"`` of the bandit worlds.

    Such an observation is a vector that ends with the last action (one-hot over K arms, or the
    numbers of a Box), the last reward, and the share of the episode that is over; before them
    stands what the kind of bandit tells beside.

    Attributes:
        arms: K of a Discrete action space, or the entries of a Box.
        beside: Entries before the history.
        first: First action of a Discrete action space.
    """

    def __init__(
        self, observation_space: gym.Space[Any], action_space: gym.Space[Any], *, tells: str = ""
    ) -> None:
        """Look at the spaces.

        Args:
            observation_space: Space of one observation.
            action_space: Space of one action.
            tells: What stands before the history: ``"every"``, (K,) last rewards of all arms;
                ``"used"``, (D,) what was used in the last round and (D,) shares of the budgets that
                are left; ``"context"``, (K, d) features of the arms; ``""`` for what is not read.

        Raises:
            ValueError: If they are not those of a bandit world that tells this.
        """
        if isinstance(action_space, spaces.Discrete):
            self.arms, self.first = int(action_space.n), int(action_space.start)
        elif isinstance(action_space, spaces.Box) and action_space.shape == (1,):
            self.arms, self.first = 1, 0
        else:
            raise ValueError(
                f"the action space of a bandit must be Discrete or a Box of one number, got "
                f"{action_space}"
            )
        shape = observation_space.shape or ()
        size = shape[0] if isinstance(observation_space, spaces.Box) and len(shape) == 1 else 0
        self.beside, self._tells = size - self.arms - 2, tells
        if self.beside < 0 or not self._fits():
            raise ValueError(
                f"the observation space must be a vector that tells of the last round "
                f"({_WORDS[tells]}the last action, {self.arms} entries, its reward, the time), got "
                f"{observation_space}; the action space is {action_space}; build a bandit world of "
                "this kind with observe='history'"
            )

    @property
    def width(self) -> int:
        """D resources, or d features per arm."""
        return self.beside // (2 if self._tells == "used" else self.arms)

    def read(self, obs: Obs) -> tuple[Float | None, Payout]:
        """Split observations, (N, S)."""
        seen = np.asarray(obs, np.float64)
        beside, reward = seen[:, : self.beside], seen[:, -2].copy()
        if self._tells == "context":
            return beside.reshape(len(seen), self.arms, -1).copy(), Payout(reward=reward)
        if self._tells == "every":
            return None, Payout(reward=reward, every=beside.copy())
        if self._tells == "used":
            return None, Payout(reward=reward, used=beside[:, : self.width].copy())
        return None, Payout(reward=reward)

    def _fits(self) -> bool:
        if self._tells == "every":
            return self.beside == self.arms
        if not self._tells:
            return True
        parts = 2 if self._tells == "used" else self.arms
        return self.beside > 0 and self.beside % parts == 0


_WORDS = {
    "": "",
    "every": "the last rewards of all arms, ",
    "used": "what was used and what is left of each resource, ",
    "context": "the features of each arm, ",
}


def space_actions(actions: Array, space: gym.Space[Any]) -> Array:
    """Return (N,) choices or (N, ...) points as actions of a space."""
    if isinstance(space, spaces.Discrete):
        return np.asarray(actions + int(space.start), space.dtype)
    return np.asarray(actions, space.dtype).reshape(len(actions), *(space.shape or ()))
