"""What a level really is, hidden parts included: read from the running game's own memory.

An observation shows what the hero has seen. Distances, subgoals and true events need more: where
the door is that nobody has looked at, whether it is locked, what lies in a dark corner. NLE has no
call for that, but its engine is a shared library whose tables of terrain and objects any process
that runs it may look up by name. Their layout is that of NetHack 3.6 on 64-bit machines, and is
checked against the shown glyphs at every start, so that a differing build is refused, not misread.

Only reads; the game does not notice.
"""

from __future__ import annotations

import _ctypes
import ctypes
import importlib.metadata
import os
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.nethack.game import NetHackGame, engine
from operant.errors import WrongVersionError
from operant.types import Bool

ROWS, COLUMNS = 21, 79
"""Of a level as NLE shows it; the game's column 0 is never used and left out."""
POOL, MOAT, WATER, LAVA = 16, 17, 18, 20
SECRET_DOOR, SECRET_CORRIDOR, DOOR, CORRIDOR, ROOM, STAIRS = 14, 15, 22, 23, 24, 25
"""Kinds of terrain; what is at least DOOR can be walked upon."""
BLANK: int = engine.GLYPH_CMAP_OFF
"""What is remembered of places that were never seen."""
BROKEN, OPEN, CLOSED, LOCKED = 1, 2, 4, 8
"""States of a door; 0 is a doorway without one."""

_CELLS = 80 * ROWS
_LOCATION = np.dtype([("glyph", "<i4"), ("terrain", "i1"), ("seen", "u1"), ("bits", "<u2")])
_STATE, _ROOM_SHIFT, _ROOM_BITS = 31, 8, 63
_NEXT, _NEXT_HERE, _KIND, _LETTER = 0, 8, 30, 50  # bytes into an object
_SYMBOLS = ("level", "dnstair", "invent", "u")


def _kinds() -> dict[str, int]:
    """Return the number of each kind of object by its name in the game."""
    found: dict[str, int] = {}
    for kind in range(engine.NUM_OBJECTS):
        name = engine.objdescr.from_idx(kind).oc_name
        if name:
            found.setdefault(name, kind)
    return found


KINDS = _kinds()
"""Such as ``KINDS["boulder"]``."""


class Ground:
    """The level that a game is on.

    All places are (row, column) as NLE shows them.
    """

    def __init__(self, game: NetHackGame) -> None:
        """Find the tables of a game that has just been started; they move with every start.

        Raises:
            WrongVersionError: If the engine lays out its memory in another way.
        """
        address = _addresses(game.library)
        level = address["level"]
        self._stairs, self._pack, self._hero = (address[name] for name in _SYMBOLS[1:])
        cells: Any = (ctypes.c_char * (_CELLS * _LOCATION.itemsize)).from_address(level)
        self._cells = np.frombuffer(cells, _LOCATION).reshape(80, ROWS).T[:, 1:]
        things: Any = (ctypes.c_char * (_CELLS * 8)).from_address(level + len(cells))
        self._things = np.frombuffer(things, np.uint64).reshape(80, ROWS).T[:, 1:]
        self._check(game)

    @property
    def terrain(self) -> npt.NDArray[np.int8]:
        """(21, 79) kinds of terrain."""
        return self._cells["terrain"].copy()

    @property
    def doors(self) -> npt.NDArray[np.integer[Any]]:
        """(21, 79) states of doors; where there is no door they mean other things."""
        return self._cells["bits"] & _STATE

    @property
    def rooms(self) -> npt.NDArray[np.integer[Any]]:
        """(21, 79) numbers of the rooms that cells belong to; below 3 there is none."""
        return self._cells["bits"] >> _ROOM_SHIFT & _ROOM_BITS

    @property
    def stairs(self) -> tuple[int, int] | None:
        """Where the stairs down are, if there are any."""
        x, y = ctypes.string_at(self._stairs, 2)
        return (y, x - 1) if x else None

    @property
    def hero(self) -> tuple[int, int]:
        """Where the hero is."""
        x, y = ctypes.string_at(self._hero, 2)
        return y, x - 1

    def door(self, row: int, column: int) -> int:
        """Return the state of a door, or -1 where there is none."""
        cell = self._cells[row, column]
        return int(cell["bits"]) & _STATE if cell["terrain"] == DOOR else -1

    def places(self, kind: int) -> list[tuple[int, int]]:
        """Return where objects of a kind lie, in reading order."""
        rows, columns = np.nonzero(self._things)
        return [
            (int(row), int(column))
            for row, column in zip(rows, columns, strict=True)
            if _among(int(self._things[row, column]), kind, _NEXT_HERE)
        ]

    def carried(self, kind: int) -> int:
        """Return the code of the letter under which the hero carries an object of a kind, or 0."""
        thing = _among(_number(self._pack, 8), kind, _NEXT)
        return _number(thing + _LETTER, 1) if thing else 0

    def _check(self, game: NetHackGame) -> None:
        """Compare what the tables say with what is shown."""
        shown, stats = game.buffers["glyphs"], game.buffers["blstats"]
        remembered = self._cells["glyph"]
        alike = (shown == remembered) | _thing(shown) & _thing(remembered)  # looks are shuffled
        other = ~alike & (remembered != BLANK) & ~_alive(shown)
        first = _number(self._pack, 8)
        letter = chr(_number(first + _LETTER, 1)) if first else "a"
        if (
            other.any()
            or self.hero != (stats[1], stats[0])
            or not (letter.isalpha() or letter in "$#")
        ):
            why = "its memory is laid out in another way"
            raise WrongVersionError("nle", _version(), ">=1.3,<1.4", "nethack", why)


def _alive(glyphs: npt.NDArray[np.int16]) -> Bool:
    """Tell which glyphs show a creature, which covers what the hero remembers of a place."""
    creature: Bool = (glyphs < engine.GLYPH_BODY_OFF) | (glyphs >= engine.GLYPH_RIDDEN_OFF) & (
        glyphs < engine.GLYPH_OBJ_OFF
    )
    return creature


def _thing(glyphs: npt.NDArray[Any]) -> Bool:
    """Tell which glyphs show objects."""
    thing: Bool = (glyphs >= engine.GLYPH_OBJ_OFF) & (glyphs < engine.GLYPH_CMAP_OFF)
    return thing


def _version() -> str:
    return importlib.metadata.version("nle")


def _addresses(library: str) -> dict[str, int]:
    """Return where a loaded engine keeps its tables; it must not stay open, or never starts anew.

    Raises:
        WrongVersionError: If it has no such tables.
    """
    try:
        handle = _ctypes.dlopen(library, os.RTLD_NOW | getattr(os, "RTLD_NOLOAD", 0))
        try:
            return {name: _ctypes.dlsym(handle, name) for name in _SYMBOLS}
        finally:
            _ctypes.dlclose(handle)
    except OSError as error:
        raise WrongVersionError("nle", _version(), ">=1.3,<1.4", "nethack", f"{error}") from error


def _number(address: int, size: int) -> int:
    return int.from_bytes(ctypes.string_at(address, size), "little")


def _among(thing: int, kind: int, link: int) -> int:
    """Return the first object of a kind in a linked list, or 0."""
    while thing and _number(thing + _KIND, 2) != kind:
        thing = _number(thing + link, 8)
    return thing
