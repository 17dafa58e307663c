"""What sits on all seats of a game, as runs train and judge it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

import numpy as np

from operant.agents.base import Array, Trainee
from operant.agents.games.sequence_form import SequenceForm
from operant.games import StateGame
from operant.types import Float, Int


class TablePlayer(Trainee, Protocol):
    """Plays a game of turns; what it does can be written down, and so be judged exactly."""

    def table(self, game: SequenceForm | StateGame) -> Float:
        """Return how likely each action is, in all information sets (I, A) or states (S, A).

        Args:
            game: The game that it was made for; a state game is one without chance or secrets.

        Raises:
            ValueError: If it cannot be written down for this form of the game.
        """


class TeamPlayer(Trainee, Protocol):
    """Plays a game in which all act at once; it is judged by playing."""

    def act(self, obs: Array, *, deterministic: bool) -> Int:
        """Choose an action for all players, (B, P).

        Args:
            obs: (B, P, ...) what they see.
            deterministic: True for the mode of the policies, False to sample from them.
        """

    def sampling(self, seed: int) -> AbstractContextManager[None]:
        """Make :meth:`act` reproducible within the context; training does not notice."""


def mode(table: Float) -> Float:
    """Return the policy that always takes the most likely action, the first of equal ones.

    >>> mode(np.array([[0.2, 0.5, 0.3], [0.0, 0.0, 0.0]])).tolist()
    [[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]

    Args:
        table: (S, A) probabilities; a row of zeros stays one.
    """
    likeliest: Float = np.eye(table.shape[1])[table.argmax(1)]
    return likeliest * table.any(1, keepdims=True)


def uniform(game: SequenceForm | StateGame) -> Float:
    """Return the policy that does everything legal equally often; zeros where nothing is."""
    legal = game.legal
    even: Float = legal / np.maximum(legal.sum(1, keepdims=True), 1)
    return even
