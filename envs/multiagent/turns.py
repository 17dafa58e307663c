"""N games of turns that start again when they end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from operant.envs.multiagent.engine import GameEngine
from operant.types import Bool, Float, Int


class TurnGames:
    """N rows of a game in which one player moves at a time; an ``operant.games.TurnBatch``.

    Copies, pickles and saved states have the same future.
    """

    num: int
    players: int
    observation_space: gym.spaces.Box
    action_space: gym.spaces.Discrete
    turn: Int
    legal: Bool
    obs: npt.NDArray[Any]

    def __init__(self, engine: GameEngine) -> None:
        """Take over an engine.

        Args:
            engine: The rows.
        """
        self._engine = engine
        self.num, self.players = engine.num, engine.players
        self.observation_space, self.action_space = engine.observation_space, engine.action_space
        self.turn, self.legal = engine.turn, engine.legal
        self.obs = np.zeros(
            (self.num, *engine.observation_space.shape), self.observation_space.dtype
        )
        self._all: Int = np.arange(self.num)
        self._places = self._all * self.action_space.n
        self._ready = False

    def reset(self, seeds: Sequence[int]) -> None:
        """Start all games anew, row i with the chance of ``seeds[i]``.

        Args:
            seeds: N integers >= 0.

        Raises:
            ValueError: If there are not N, or one is negative.
        """
        self._engine.draws.seed(self._all, seeds)
        self._engine.start(self._all)
        self._ready = True
        self._show()

    def step(self, actions: Int) -> tuple[Float, Bool]:
        """Let the players to move do something.

        Args:
            actions: (N,) legal actions.

        Returns:
            (N, P) rewards of this move, and (N,) whether it ended the game; what is shown belongs
            to the next game then.

        Raises:
            gymnasium.error.ResetNeeded: Before the first reset.
            ValueError: If an action is illegal; names the row, the action and the legal ones. No
                game has moved then.
        """
        actions = self._checked(actions)
        rewards, over = self._engine.move(self._all, actions)
        ended = np.flatnonzero(over)
        if ended.size:
            self._engine.start(ended)
        self._show()
        return rewards, over

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return everything that decides the future, as copies of arrays."""
        return self._engine.get_state()

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`get_state` returned.

        Raises:
            ValueError: If it is of another number of rows.
        """
        self._engine.set_state(state)
        self._ready = True
        self._show()

    def _checked(self, actions: Any) -> Int:
        if not self._ready:
            raise gym.error.ResetNeeded("call reset(seeds) before step(actions)")
        asked = np.asarray(actions)
        if asked.shape != (self.num,) or asked.dtype.kind not in "iu":
            raise ValueError(
                f"actions must be {self.num} integers, got {asked.dtype} of shape {asked.shape}"
            )
        inside = asked.view(f"u{asked.itemsize}") < self.action_space.n  # below 0 is large there
        right = inside & self.legal.ravel().take(self._places + asked, mode="clip")
        if not right.all():
            row = int(right.argmin())
            raise ValueError(
                f"action {asked[row]} is illegal in row {row}, where player {self.turn[row]} "
                f"may do {np.flatnonzero(self.legal[row]).tolist()}"
            )
        return asked.astype(np.int64, copy=False)

    def _show(self) -> None:
        self.obs[...] = self._engine.seen(self._all, self.turn)
