"""TicTacToe against a fixed opponent."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from operant.envs.multiagent.explore import state_game
from operant.envs.multiagent.solo_envs import solo_makers
from operant.envs.multiagent.solo_tables import TableSolo, policy_of
from operant.envs.multiagent.tic_tac_toe import LINES, Board, TicTacToe
from operant.games import TERMINAL
from operant.types import Card, Feature, Float, Oracle


class SoloTicTacToe(TableSolo):
    """TicTacToe against ``"random"`` moves or against minimax (``"optimal"``)."""

    RULES = TicTacToe()
    OPPONENTS: ClassVar[tuple[str, ...]] = ("random", "optimal")
    TEXTS: ClassVar[dict[str, str]] = {
        "description": "Two players take cells of a 3 x 3 board in turns; three in a row win. "
        "The other player is {opponent}.",
        "observation": "Box(0, 1, (3, 3, 2), int8): own marks, the other's marks",
        "action": "Discrete(9): top left, top, top right, left, centre, right, bottom left, "
        "bottom, bottom right",
        "reward": "1 for a win, -1 for a loss, 0 for a draw, with the last move",
        "source": "folklore; the observation is that of PettingZoo",
    }
    TABLE: ClassVar[tuple[Feature, ...]] = tuple(
        Feature(name=name, description=text, low=0, high=high, unit=unit, dtype="int")
        for name, text, high, unit in (
            ("own_marks", "cells that the agent took", 5, "cells"),
            ("own_threats", "lines with two own marks and an empty cell", 8, "lines"),
            ("other_threats", "lines with two marks of the other and an empty cell", 8, "lines"),
            ("own_centre", "1 if the agent has the middle", 1, ""),
            ("own_corners", "corners that the agent took", 4, "cells"),
        )
    )

    def __init__(
        self, *, num: int = 1, opponent: str = "random", seat: str = "drawn", max_steps: int = 9
    ) -> None:
        """Sit down.

        Args:
            num: Rows.
            opponent: ``"random"`` or ``"optimal"``.
            seat: ``"first"``, ``"second"`` or ``"drawn"``.
            max_steps: Time limit in own moves.

        Raises:
            ValueError: If an argument is outside its range.
        """
        super().__init__(
            num=num, max_steps=max_steps, opponent=opponent, seat=seat, lowest=self.RULES.lowest
        )

    def card(self, env_id: str) -> Card:
        """Describe the game; its optimum against the opponent is known."""
        return dataclasses.replace(super().card(env_id), oracle="exact")

    def oracle(self, row: int) -> Oracle:
        """Return what best play is worth on average from where the game stands."""
        values = _best_values(self.opponent, int(self.seat[row]))
        return Oracle(
            kind="exact",
            optimal_return=float(values[self.engine.node[row]]),
            solution_length=None,
            actions=(),
            method=f"expectimax over all states against the {self.opponent} opponent",
        )

    @classmethod
    def facts(cls, state: Board, player: int) -> Sequence[float]:
        """Count marks and threats."""
        own, other = player + 1, 2 - player
        threats = [
            sum(sorted(state[cell] for cell in line) == [0, mark, mark] for line in LINES)
            for mark in (own, other)
        ]
        corners = sum(state[cell] == own for cell in (0, 2, 6, 8))
        return [state.count(own), *threats, state[4] == own, corners]

    @classmethod
    def weights(cls, name: str) -> Sequence[Sequence[float]]:
        """Any legal move, or any that loses nothing under best play."""
        game = state_game(cls.RULES)
        legal = game.best(game.values()) if name == "optimal" else game.legal
        return [*legal.astype(np.float64)]


@functools.lru_cache(maxsize=8)
def _best_values(opponent: str, seat: int) -> Float:
    """Return what all states are worth to a player against an opponent, (S,)."""
    game = state_game(SoloTicTacToe.RULES)
    odds = policy_of(SoloTicTacToe, opponent)
    values = game.payoff[:, seat].copy()
    for state in range(len(values) - 1, -1, -1):
        if game.mover[state] == seat:
            values[state] = values[game.successor[state][game.legal[state]]].max()
        elif game.mover[state] != TERMINAL:
            values[state] = values[game.successor[state]] @ odds[state]
    return values


make, make_vector = solo_makers(SoloTicTacToe)
