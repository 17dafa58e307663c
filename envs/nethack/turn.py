"""One action of one row in one compiled call: key presses, facts, pay, and the compact view.

All that such a call reads and writes lies at addresses that a table holds, for handing it a dozen
arrays would take longer than it does. Addresses keep nothing alive: a table is never without the
:class:`TurnRow` that does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.nethack import facts as f
from operant.envs.nethack import glyphs as kinds
from operant.envs.nethack import judging, messages, pressing
from operant.envs.nethack.game import ANSWERABLE, STAIRS, NetHackGame
from operant.envs.nethack.jit import array_at, compiled
from operant.envs.nethack.shelf import Copies
from operant.envs.nethack.views import BITS, CROP, SCALES, STATUS, Arrays, compact
from operant.types import Float, Int

ALIVE, DEAD, OPENING, STUDY = -1, -2, -3, -4
"""Instead of a key: nothing is pressed, for it was done already, a game begins, or somebody looks
again."""
OVER, WENT_DOWN, TERMINATED, SUCCESS = 1, 2, 4, 8
"""Bits of what :func:`turn` returns."""
_GONE = -1

# Places in a table.
(_ENGINE, _NOTES, _BEFORE, _LEDGER) = range(4)
(_BLSTATS, _GLYPHS, _MESSAGE, _INTERNAL, _PROGRAM) = range(4, 9)
(_CLASS_OF, _LETTERS, _NEXT, _SEEN, _CLASS_AT, _STATES, _SYMBOLS, _PHRASES) = range(9, 17)
(_ANSWERS, _ANSWERS_SIZE, _STAIRS, _STAIRS_SIZE) = range(17, 21)
(_REWARD, _TERMINATED, _SUCCESS, _CROP, _STATUS, _CODE, _SCALES) = range(21, 28)
(_MOVES, _MOVES_SIZE, _SCREEN) = range(28, 31)
_PLACES = 31
_ROWS, _COLUMNS = f.HEIGHT, f.WIDTH
_CELLS, _WORDS = _ROWS * _COLUMNS, _ROWS * _COLUMNS // 4
_MAP_AT = 8 * f.LENGTH
_MESSAGE_AT = _MAP_AT + 8 * (_WORDS + 1)
SCREEN = _MESSAGE_AT + 256
"""Bytes of a screen that waits for being studied: notes, map and message."""


@compiled
def turn(table: Int, key: int) -> int:
    """Press a key and all that goes with it, and read, judge and show what comes of it.

    Args:
        table: (_PLACES,) addresses and sizes; see :class:`TurnRow`.
        key: The key's code, or ``ALIVE``, ``DEAD``, ``OPENING`` or ``STUDY``.

    Returns:
        A sum of ``OVER``, ``WENT_DOWN``, ``TERMINATED`` and ``SUCCESS``; ``_GONE`` if a key was to
        be pressed and there is no game: nothing is written then.
    """
    engine = array_at(table[_ENGINE], np.int64, (3,))
    if key >= 0 and engine[pressing.STEP] == 0:
        return _GONE
    notes = array_at(table[_NOTES], np.int64, (f.LENGTH,))
    before = array_at(table[_BEFORE], np.int64, (f.FACTS,))
    ledger = array_at(table[_LEDGER], np.float64, (judging.LEDGER,))
    blstats = array_at(table[_BLSTATS], np.int64, (STATUS,))
    places = array_at(table[_GLYPHS], np.int16, (_CELLS,))
    message = array_at(table[_MESSAGE], np.uint8, (256,))
    internal = array_at(table[_INTERNAL], np.int32, (9,))
    class_of = array_at(table[_CLASS_OF], np.uint8, (kinds.COUNT,))
    over, went_down = key == DEAD, False
    if key >= 0:
        over, went_down = pressing.act(
            key,
            engine,
            array_at(engine[pressing.OBSERVATION], np.int32, (2,)),
            array_at(table[_PROGRAM], np.int32, (6,)),
            internal,
            message,
            array_at(table[_ANSWERS], np.uint8, (table[_ANSWERS_SIZE],)),
            array_at(table[_STAIRS], np.uint8, (table[_STAIRS_SIZE],)),
        )
    if key == STUDY:
        over = notes[f.DEAD] != 0
    else:
        for fact in range(f.FACTS):
            before[fact] = notes[fact]
    f.glance(notes, blstats, places, internal, over)
    if table[_SCREEN] == 0:
        f.study(
            notes,
            places,
            array_at(table[_GLYPHS], np.uint64, (_WORDS,)),
            message,
            class_of,
            array_at(table[_LETTERS], np.uint8, (256,)),
            array_at(table[_NEXT], np.int16, (table[_STATES], table[_SYMBOLS])),
            array_at(table[_SEEN], np.int64, (table[_STATES],)),
            array_at(table[_CLASS_AT], np.int64, (table[_PHRASES] + 1,)),
        )
    else:  # somebody may study it later
        _move(table[_NOTES], table[_SCREEN], 8 * f.LENGTH)
        _move(table[_GLYPHS], table[_SCREEN] + _MAP_AT, 2 * _CELLS)
        _move(table[_MESSAGE], table[_SCREEN] + _MESSAGE_AT, 256)
    told = (OVER if over else 0) + (WENT_DOWN if went_down else 0)
    if key > OPENING and ledger[judging.KIND] != judging.OTHERS:
        judging.judge(ledger, before, notes, over)
        terminated, success = ledger[judging.TERMINATED] != 0, ledger[judging.SUCCESS] != 0
        array_at(table[_REWARD], np.float64, (1,))[0] = ledger[judging.REWARD]
        array_at(table[_TERMINATED], np.bool_, (1,))[0] = terminated
        array_at(table[_SUCCESS], np.bool_, (1,))[0] = success
        told += (TERMINATED if terminated else 0) + (SUCCESS if success else 0)
    if table[_CROP]:
        compact(
            array_at(table[_CROP], np.uint8, (CROP, CROP)),
            array_at(table[_STATUS], np.float32, (STATUS,)),
            array_at(table[_CODE], np.float32, (BITS,)),
            array_at(table[_GLYPHS], np.int16, (_ROWS, _COLUMNS)),
            blstats,
            message,
            class_of,
            array_at(table[_SCALES], np.float64, (STATUS,)),
        )
    moves = array_at(table[_MOVES], np.int64, (table[_MOVES_SIZE], 3))
    for i in range(len(moves)):
        _move(moves[i, 0], moves[i, 1], moves[i, 2])
    return told


@compiled
def _move(source: int, target: int, size: int) -> None:
    """Copy bytes from one address to another."""
    words = size >> 3
    new, old = array_at(target, np.uint64, (words,)), array_at(source, np.uint64, (words,))
    for i in range(words):
        new[i] = old[i]
    new_end, old_end = array_at(target, np.uint8, (size,)), array_at(source, np.uint8, (size,))
    for i in range(8 * words, size):
        new_end[i] = old_end[i]


_ANSWERABLE, _ON_STAIRS = pressing.words(*ANSWERABLE), pressing.words(*STAIRS)


class TurnRow:
    """A row's game, ready for machine code: a table, and all that lies at its addresses.

    The game and the arrays live as long as this does. A game that was closed, or that is between
    two resets, is not played: its ``engine`` is looked up at every press.

    Attributes:
        game: The game.
    """

    __slots__ = ("_kept", "_table", "game")

    def __init__(
        self,
        game: NetHackGame,
        notes: Int,
        before: Int,
        ledger: Float,
        judged: Sequence[npt.NDArray[Any]],
        shown: Arrays | None,
    ) -> None:
        """Note where everything lies.

        Args:
            game: The row's game.
            notes: (LENGTH,) its facts and notes.
            before: (FACTS,) for the facts before a step.
            ledger: (LEDGER,) its pay.
            judged: Its (1,) parts of true reward, terminated and success.
            shown: Its arrays of the compact view, or None.

        Raises:
            ValueError: If an array is not in one piece.
        """
        names = ("blstats", "glyphs", "message", "internal", "program_state")
        screen = [game.buffers[name] for name in names]
        view = [shown[name] for name in ("crop", "blstats", "message")] if shown else [None] * 3
        arrays = game.engine, notes, before, ledger, *screen, *f.tables()
        table: Int = np.zeros(_PLACES, np.int64)
        table[:_STATES] = _at(*arrays)
        table[_STATES : _PHRASES + 1] = *messages.NEXT.shape, len(messages.PHRASES)
        table[_ANSWERS], table[_STAIRS] = _at(_ANSWERABLE, _ON_STAIRS)
        table[_ANSWERS_SIZE], table[_STAIRS_SIZE] = len(_ANSWERABLE), len(_ON_STAIRS)
        table[_REWARD:_MOVES] = _at(*judged, *view, SCALES)
        self._table, self._kept, self.game = table, (*arrays, *judged, *view), game

    def play(self, key: int) -> int:
        """Do what :func:`turn` does.

        Raises:
            RuntimeError: If there is no game to press a key in.
        """
        told = turn(self._table, key)
        if told < 0:
            raise RuntimeError("no game runs; call reset() first")
        return told

    def copying(self, copies: Copies) -> TurnRow:
        """Return a row that beside makes copies, and leaves the screen for later."""
        made = object.__new__(TurnRow)
        made._table, made._kept, made.game = self._table.copy(), (self._kept, copies), self.game
        made._table[_MOVES], made._table[_SCREEN] = _at(copies.moves, copies.screen)
        made._table[_MOVES_SIZE] = len(copies.moves)
        return made


def facts_of(screen: npt.NDArray[np.uint8]) -> bytes:
    """Study a screen that was kept, and return its published facts, int64."""
    _study(screen, *f.tables())
    return screen[: 8 * f.FEATURES].tobytes()


@compiled
def _study(
    screen: npt.NDArray[np.uint8],
    class_of: npt.NDArray[np.uint8],
    letters: npt.NDArray[np.uint8],
    following: npt.NDArray[np.int16],
    seen: Int,
    class_at: Int,
) -> None:
    begin = screen.ctypes.data
    f.study(
        array_at(begin, np.int64, (f.LENGTH,)),
        array_at(begin + _MAP_AT, np.int16, (_CELLS,)),
        array_at(begin + _MAP_AT, np.uint64, (_WORDS,)),
        array_at(begin + _MESSAGE_AT, np.uint8, (256,)),
        class_of,
        letters,
        following,
        seen,
        class_at,
    )


def _at(*arrays: npt.NDArray[Any] | None) -> list[int]:
    """Return where arrays lie.

    Raises:
        ValueError: If one is not in one piece.
    """
    if any(array is not None and not array.flags.c_contiguous for array in arrays):
        raise ValueError("compiled code can only follow arrays that lie in one piece")
    return [0 if array is None else int(array.ctypes.data) for array in arrays]
