"""Games of rows: how they begin, and states as recipes.

A recipe is the seeds of the running episode and all actions since. ``set_state``, copies and
pickles play it again, which costs as many steps as the episode has had.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.batched.world import BatchWorld
from operant.envs.nethack import render, views
from operant.envs.nethack.game import NetHackGame
from operant.types import Int

_NO_LEVEL_SEED = -1


@dataclasses.dataclass(frozen=True, slots=True)
class Seeds:
    """Seeds of one game.

    Attributes:
        core: Of all that happens.
        disp: Of what does not change the game.
        lgen: Of the levels alone, or None.
        level: A number for subclasses, such as which of several data files is played.
    """

    core: int
    disp: int
    lgen: int | None = None
    level: int = 0


_USED = Seeds(-1, -1)
"""Seeds of a game that was played: no row will ask for them."""


class ReplayedGames(BatchWorld):
    """A world in rows whose games can be played again, to copy them or to look at them.

    Attributes:
        games: One game per row, None before its first reset.
    """

    games: list[NetHackGame | None]
    _spares: list[tuple[Seeds, NetHackGame] | None]
    _seeds: list[Seeds | None]
    _log: list[list[int]]
    _longest: int
    _settings: dict[str, Any]

    @abc.abstractmethod
    def _draw(self, stream: np.random.Generator) -> Seeds:
        """Draw the seeds of a row's next game from its stream, and nothing else ever."""

    @abc.abstractmethod
    def _load(self, seeds: Seeds) -> NetHackGame:
        """Return a new engine that can play games of some seeds."""

    @abc.abstractmethod
    def _arrive(self, row: int) -> None:
        """Read the first screen of a row's game."""

    @abc.abstractmethod
    def _move(self, row: int, action: int) -> None:
        """Take one step in a row."""

    def idle(self) -> bool:
        """Start a row's next game beforehand, where that was not done yet."""
        for row in range(self.num):
            if self._seeds[row] is None:
                continue
            stream = np.random.default_rng(0)
            stream.bit_generator.state = self.streams[row].bit_generator.state
            seeds, spare = self._draw(stream), self._spares[row]
            if spare is None or spare[0] != seeds:
                game = self._load(seeds) if spare is None else spare[1]
                game.reset(seeds.core, seeds.disp, seeds.lgen)
                self._spares[row] = seeds, game
                return True
        return False

    def _reset(self, rows: Int) -> None:
        for row in rows.tolist():
            self._start(row, self._draw(self.streams[row]))

    def _start(self, row: int, seeds: Seeds) -> None:
        """Start a game of a row, or take the one that was started beforehand."""
        spare, game = self._spares[row], self.games[row]
        if spare is not None and spare[0] == seeds:
            self.games[row], self._spares[row] = spare[1], None
            if game is not None:
                self._spares[row] = _USED, game
        else:
            if game is None:
                game = self.games[row] = self._load(seeds)
            game.reset(seeds.core, seeds.disp, seeds.lgen)
        self._seeds[row], self._log[row] = seeds, []
        self._arrive(row)

    def _get_state(self) -> dict[str, npt.NDArray[Any]]:
        seeds = [
            [s.core, s.disp, _NO_LEVEL_SEED if s.lgen is None else s.lgen, s.level, 1]
            if s
            else [0] * 5
            for s in self._seeds
        ]
        actions = np.zeros((self.num, self._longest), np.int16)
        for row, log in enumerate(self._log):
            actions[row, : len(log)] = log
        return {"seeds": np.array(seeds, np.int64), "actions": actions}

    def _set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        for row, (core, disp, lgen, level, begun) in enumerate(state["seeds"].tolist()):
            if begun:
                seeds = Seeds(core, disp, None if lgen == _NO_LEVEL_SEED else lgen, level)
                self._replay(row, seeds, state["actions"][row, : self.elapsed[row]])
            else:
                self._seeds[row], self._log[row] = None, []

    def _replay(self, row: int, seeds: Seeds, actions: npt.NDArray[np.int16]) -> None:
        """Bring a row's game to where some actions lead."""
        self._start(row, seeds)
        for action in actions.tolist():
            self._move(row, action)

    def frame(self, row: int) -> npt.NDArray[np.uint8]:
        """Return the terminal as a picture, (24 * 16, 80 * 8, 3) uint8."""
        return render.frame(*self._terminal(row))

    def text(self, row: int) -> str:
        """Return the terminal as text with ANSI colours."""
        return render.text(*self._terminal(row))

    def _terminal(self, row: int) -> tuple[npt.NDArray[Any], ...]:
        """Return characters, colours and cursor; the game is played again if it lacks them."""
        game = self.games[row]
        assert game is not None
        if "tty_chars" not in game.buffers:  # they are costly: only who looks has them
            self._settings["keys"] |= dict.fromkeys(views.TTY)
            state = self.get_state()
            self.close()
            self.set_state(state)
            game = self.games[row]
            assert game is not None
        return tuple(game.buffers[key] for key in views.TTY)
