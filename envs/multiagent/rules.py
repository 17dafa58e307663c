"""A game as functions of its states: the readable reference that all other forms come from."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any, ClassVar, Generic, Self, TypeVar

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from operant.envs.multiagent.picture import drawn

S = TypeVar("S")


class GameRules(abc.ABC, Generic[S]):
    """A finite game of turns.

    States are hashable and never change: whatever can still happen depends on the state alone.
    Instances are hashable too (frozen dataclasses), as what is computed from them is kept.

    Attributes:
        players: P >= 1.
        space: Space of what one player sees.
        words: What each action is called; there are as many actions.
        lowest: The smallest payoff there is, which an illegal move can cost.
    """

    players: ClassVar[int] = 2
    lowest: ClassVar[float] = -1.0

    def __deepcopy__(self, memo: object) -> Self:
        """Return itself: rules never change."""
        return self

    @property
    @abc.abstractmethod
    def space(self) -> gym.spaces.Box:
        """What one player sees."""

    @property
    @abc.abstractmethod
    def words(self) -> Sequence[str]:
        """What each action is called."""

    @abc.abstractmethod
    def start(self) -> S:
        """Return the state that every game starts in."""

    @abc.abstractmethod
    def mover(self, state: S) -> int:
        """Return the player to move, ``CHANCE`` or ``TERMINAL`` of :mod:`operant.games`."""

    @abc.abstractmethod
    def moves(self, state: S) -> Sequence[int]:
        """Return what may be done, ascending: actions, or outcomes of chance."""

    def odds(self, state: S) -> Sequence[float]:
        """Return the probabilities of the outcomes of chance; equal ones by default."""
        count = len(self.moves(state))
        return [1 / count] * count

    @abc.abstractmethod
    def after(self, state: S, move: int) -> S:
        """Return the state that a move leads to."""

    @abc.abstractmethod
    def payoff(self, state: S) -> Sequence[float]:
        """Return what the players get at a terminal state."""

    @abc.abstractmethod
    def seen(self, state: S, player: int) -> npt.NDArray[Any]:
        """Return what a player sees, an element of :attr:`space`; also when others move."""

    @abc.abstractmethod
    def told(self, state: S, player: int) -> str:
        """Return all that a player knows, as text: equal texts are one information set."""

    @abc.abstractmethod
    def text(self, state: S) -> str:
        """Return the state for a person who may see everything."""

    def picture(self, state: S) -> npt.NDArray[np.uint8]:
        """Return the state as a picture, (H, W, 3); of its text by default."""
        return drawn(self.text(state))


def one_hot(index: int, size: int) -> list[float]:
    """Return a list of zeros with a one; all zeros if the index is negative.

    >>> one_hot(1, 3), one_hot(-1, 2)
    ([0.0, 1.0, 0.0], [0.0, 0.0])
    """
    return [float(index == place) for place in range(size)]


def flags(size: int, low: float = 0.0, high: float = 1.0) -> gym.spaces.Box:
    """Return the space of a float32 vector."""
    return gym.spaces.Box(low, high, (size,), np.float32)
