"""TicTacToe: three in a row.

Under best play it is a draw; there are 5,478 states, all of which are looked up.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from operant.envs.multiagent.makers import game_makers
from operant.envs.multiagent.rules import GameRules
from operant.games import TERMINAL

Board = tuple[int, ...]
"""What lies on the nine cells, row by row: 1 for the first player, 2 for the second, or 0."""

CELL = 64
"""Pixels of a cell in pictures."""
LINES = (
    *((3 * row, 3 * row + 1, 3 * row + 2) for row in range(3)),
    *((column, column + 3, column + 6) for column in range(3)),
    (0, 4, 8),
    (2, 4, 6),
)


def winner(board: Board) -> int:
    """Return who has three in a row, 1 or 2, or 0.

    >>> winner((1, 1, 1, 2, 2, 0, 0, 0, 0))
    1
    """
    for a, b, c in LINES:
        if board[a] and board[a] == board[b] == board[c]:
            return board[a]
    return 0


@dataclasses.dataclass(frozen=True)
class TicTacToe(GameRules[Board]):
    """TicTacToe.

    Description:
        Two players take cells of a 3 x 3 board in turns; three in a row win.
    Observation:
        Box(0, 1, (3, 3, 2), int8): own marks, the other's marks.
    Action:
        Discrete(9): the cell, row by row.
    Reward:
        At the end 1 for the winner and -1 for the loser, 0 for both in a draw.
    Termination:
        After a win, or when the board is full.

    Source: PettingZoo's tictactoe_v3 for the observation; rules are folklore.
    """

    @property
    def space(self) -> gym.spaces.Box:
        """Own marks and the other's."""
        return gym.spaces.Box(0, 1, (3, 3, 2), np.int8)

    @property
    def words(self) -> Sequence[str]:
        """Cells as row and column."""
        return [f"{row + 1}{column + 1}" for row in range(3) for column in range(3)]

    def start(self) -> Board:
        """Return the empty board."""
        return (0,) * 9

    def mover(self, state: Board) -> int:
        """Return whose marks are fewer."""
        if winner(state) or 0 not in state:
            return TERMINAL
        return (9 - state.count(0)) % 2

    def moves(self, state: Board) -> Sequence[int]:
        """Return the empty cells."""
        return [cell for cell, mark in enumerate(state) if not mark]

    def after(self, state: Board, move: int) -> Board:
        """Return the board with one more mark."""
        return (*state[:move], self.mover(state) + 1, *state[move + 1 :])

    def payoff(self, state: Board) -> Sequence[float]:
        """Return who won."""
        return ((0.0, 0.0), (1.0, -1.0), (-1.0, 1.0))[winner(state)]

    def seen(self, state: Board, player: int) -> npt.NDArray[np.int8]:
        """Return both players' marks, the own ones first."""
        marks = np.array(state, np.int8).reshape(3, 3)
        return np.stack([marks == player + 1, marks == 2 - player], axis=-1).astype(np.int8)

    def told(self, state: Board, player: int) -> str:  # noqa: ARG002 (everybody sees the board)
        """Return the board as nine letters."""
        return "".join(".xo"[mark] for mark in state)

    def text(self, state: Board) -> str:
        """Return the board as three lines."""
        marks = self.told(state, 0)
        return "\n".join(" ".join(marks[row : row + 3]) for row in (0, 3, 6))

    def picture(self, state: Board) -> npt.NDArray[np.uint8]:
        """Return the board, 196 x 196 pixels."""
        from PIL import Image, ImageDraw

        image = Image.new("RGB", (3 * CELL + 4, 3 * CELL + 4), "white")
        canvas = ImageDraw.Draw(image)
        for at in (0, CELL, 2 * CELL, 3 * CELL):
            canvas.rectangle((0, at, 3 * CELL + 3, at + 3), "black")
            canvas.rectangle((at, 0, at + 3, 3 * CELL + 3), "black")
        for cell, mark in enumerate(state):
            left, top = CELL * (cell % 3) + 16, CELL * (cell // 3) + 16
            right, bottom = left + CELL - 28, top + CELL - 28
            if mark == 1:
                canvas.line((left, top, right, bottom), "blue", 6)
                canvas.line((left, bottom, right, top), "blue", 6)
            elif mark == 2:
                canvas.ellipse((left, top, right, bottom), None, "red", 6)
        return np.asarray(image, np.uint8).copy()


make, make_batch = game_makers(TicTacToe)
