"""One NetHack game: the raw engine of NLE with real seeds, and with live views of its buffers.

NLE's own env ignores the seed of ``reset``, says *terminated* at its time limit, and shows a blank
screen once the hero is dead, for by then it has clicked through all final questions. Here every
start is seeded, and a death is seen at the moment it happens.

Each game loads a copy of the engine of its own; so a process may hold many, and a spare one can be
started while another is played. Games are not for several threads.

Source: The NetHack Learning Environment (Kuettler et al., 2020), package ``nle``.
"""

from __future__ import annotations

import _ctypes
import contextlib
import ctypes
import os
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.nethack.characters import checked_character
from operant.envs.nethack.pressing import (
    ASKS,
    ESCAPE,
    IN_MOVELOOP,
    OVER,
    SPACE,
    WAITS,
    WANTS_LINE,
)
from operant.extras import require
from operant.types import Int

nle = require("nle", extra="nethack", minimum="1.3", below="1.4")
engine: Any = nle.nethack
"""NLE's module of constants and of the class ``Nethack``; it has no annotations."""

KEYS: dict[str, dict[str, Any]] = engine.OBSERVATION_DESC
"""NLE's observation keys: shape and dtype of each buffer."""
OPTIONS: tuple[str, ...] = tuple(engine.NETHACKOPTIONS)
"""NLE's own game options."""

_ALWAYS = ("blstats", "message", "internal", "program_state")
_QUIT, _YES, _NO = 0x80 | ord("q"), ord("y"), ord("n")
ANSWERABLE = (b"eat", b"attack", b"direction?", b"pray")
"""Questions with one of these words are left to the player; all others are declined, as in NLE."""
STAIRS = (b"You descend the stairs",)
"""A page with one of these words tells that the hero went down on foot."""
_PATIENCE = 1000
"""Key presses after which a start or an end is given up."""
_BLSTATS, _MESSAGE = 48, 56  # bytes before these pointers in what the engine writes into


class NetHackGame:
    """One game of NetHack at a time.

    Attributes:
        buffers: NLE's key -> its array, which the engine writes into at every key press: never hand
            one out without copying it.
        over: True once the hero is dead or gone; the buffers show that moment.
        went_down: True if a page that the last :meth:`act` went past told of stairs down.
        engine: (3,) addresses with which compiled code plays the running game; see ``pressing``.
            All 0 while no game runs, and where they cannot be found: :meth:`act` does the same
            then. It is written in place, and so must be looked up at every press, never copied.
    """

    def __init__(
        self,
        *,
        keys: Sequence[str],
        character: str = "mon-hum-neu-mal",
        options: Sequence[str] | None = None,
        hackdir: str | os.PathLike[str] | None = None,
        spawn_monsters: bool = True,
        wizard: bool = False,
    ) -> None:
        """Load an engine; :meth:`reset` starts a game.

        Args:
            keys: NLE's keys that are wanted beside blstats, message, internal and program_state;
                the fewer, the faster.
            character: Role, race, alignment and gender as ``"mon-hum-neu-mal"``, or ``"@"`` for a
                random one.
            options: NetHackGame options as NetHack's configuration names them; None for NLE's.
            hackdir: Folder with the game's data file ``nhdat``; None for NLE's.
            spawn_monsters: False to let no monster appear at random during play.
            wizard: True for NetHack's debug mode, to build situations in tests.

        Raises:
            ValueError: If a key or the character is unknown, or an option is no option text.
            FileNotFoundError: If there is no ``nhdat`` in ``hackdir``.
        """
        if unknown := sorted(set(keys) - set(KEYS)):
            raise ValueError(f"unknown observation keys {unknown}; NLE has {', '.join(KEYS)}")
        wanted = tuple(dict.fromkeys((*_ALWAYS, *keys)))
        extra = {} if hackdir is None else {"hackdir": os.fspath(hackdir)}
        self._nethack = engine.Nethack(
            observation_keys=wanted,
            playername="Agent-" + checked_character(character),
            ttyrec=None,
            options=checked_options(options),
            wizard=wizard,
            spawn_monsters=spawn_monsters,
            fix_moon_phase=True,
            **extra,
        )
        self._closing = weakref.finalize(self, self._nethack.close)  # or it warns when forgotten
        self._engine = self._nethack._pynethack  # its step() without NLE's tuples
        self._press = self._engine.step
        self.buffers: dict[str, npt.NDArray[Any]] = dict(self._nethack._obs_buffers)
        raw: Any = self.buffers
        self._internal = memoryview(raw["internal"])  # read faster than arrays are
        self._program = memoryview(raw["program_state"])
        self._message = self.buffers["message"]
        self.over = True
        self.went_down = self._begun = False
        self.engine: Int = np.zeros(3, np.int64)

    def reset(self, core: int, disp: int, lgen: int | None = None) -> None:
        """Start a game and go past its opening screens.

        Args:
            core: Seed of all that happens in the game.
            disp: Seed of what does not change the game, such as hallucinated sights.
            lgen: Seed of the dungeon's levels alone; None leaves them to ``core``.

        Raises:
            RuntimeError: If the game cannot be brought to its first move.
        """
        self.finish()
        self.engine[:] = 0  # the reset unloads all that it points at
        self._nethack.set_initial_seeds(core, disp, False, lgen)
        self._nethack.reset()
        self._begun, self.over = True, False
        self._look_inside(core)
        for _ in range(_PATIENCE):
            if self._program[IN_MOVELOOP]:
                return
            # One game in some thousands begins on a scroll that it wants to be given a name.
            if self.step(ESCAPE if self._internal[WANTS_LINE] else SPACE):
                break
        self.engine[:] = 0
        raise RuntimeError(
            "NetHack did not get to its first move; remove unusual game options or data files"
        )

    def step(self, key: int) -> bool:
        """Press one key, and nothing else; return True when the game is over."""
        self._press(key)
        self.over = self._program[OVER] == 1 or self._engine.done()
        return self.over

    def act(self, key: int, answerable: tuple[bytes, ...] = ANSWERABLE) -> bool:
        """Press a key as NLE's env does: go past pages, decline questions that nobody answers.

        Args:
            key: The key's code.
            answerable: Questions with one of these words stay open: the next key answers them.

        Returns:
            True when the game is over; the buffers show the hero's last moment then, and only
            :meth:`finish` goes past the final pages.
        """
        self.went_down = False
        self._press(key)
        return self.settle(answerable)

    def settle(self, answerable: tuple[bytes, ...] = ANSWERABLE) -> bool:
        """Do what :meth:`act` does after its key."""
        press, internal, program = self._press, self._internal, self._program
        while not program[OVER]:
            if internal[WAITS]:
                self.went_down |= self._shows(STAIRS)
                press(SPACE)
            elif internal[WANTS_LINE]:
                press(ESCAPE)
            else:
                if internal[ASKS] and not self._shows(answerable):
                    press(ESCAPE)
                break
        self.over = program[OVER] == 1 or self._engine.done()
        return self.over

    def finish(self) -> None:
        """Go to the very end of a game, quitting it if the hero lives; the screen is blank then.

        Without it NLE loses a little memory with every game.
        """
        quitting = not self._begun
        for _ in range(_PATIENCE if self._begun else 0):
            if self._engine.done():
                break
            if self._program[OVER] or self._internal[WAITS]:
                self._press(SPACE)
            elif quitting and self._internal[ASKS]:
                self._press(_NO if self._shows((b"Dump core",)) else _YES)  # debug mode asks that
            elif self._internal[WANTS_LINE] or self._internal[ASKS] or quitting:
                self._press(ESCAPE)
            else:
                self._press(_QUIT)
                quitting = True
        self._begun, self.over = False, True

    def in_normal_game(self) -> bool:
        """Tell whether a game runs, neither starting nor over."""
        return bool(self._nethack.in_normal_game())

    def how_done(self) -> Any:
        """Return NLE's ``game_end_types`` of the last finished game; see :meth:`finish`."""
        return self._nethack.how_done()

    def message(self) -> str:
        """Return the message on the top line."""
        return bytes(self._message).partition(b"\0")[0].decode("latin-1")

    def close(self) -> None:
        """Give back the engine; the game cannot be used after it."""
        self.engine[:] = 0
        self._closing()
        self._begun = False

    def descended(self) -> bool:
        """Tell whether the last :meth:`act` led down stairs, on foot; that page is gone by now."""
        return self.went_down or self._shows(STAIRS)

    def waits_for_key(self) -> bool:
        """Tell whether the game asks a question that one key answers."""
        return bool(self._internal[ASKS])

    def in_menu(self) -> bool:
        """Tell whether a menu or a page covers the map."""
        return bool(self._internal[WAITS])

    def _shows(self, words: tuple[bytes, ...]) -> bool:
        message = bytes(self._message)
        return any(word in message for word in words)

    @property
    def library(self) -> str:
        """Path of this game's own copy of the engine, whose variables are those of this game."""
        return str(self._nethack.dlpath)

    def reseed(self, core: int, disp: int, lgen: int | None = None) -> None:
        """Let chance go on from other seeds, in the middle of a game.

        Args:
            core: See :meth:`reset`, as for the others.
            disp: The same.
            lgen: The same; None leaves the levels' stream as it is.

        Raises:
            RuntimeError: If no game runs.
        """
        if not self._begun:
            raise RuntimeError("no game runs; call reset() first")
        self._nethack.set_current_seeds(core, disp, False, lgen)

    def _look_inside(self, core: int) -> None:
        """Pin the hero's birthday and find the addresses of the engine, which a reset loads anew.

        The birthday is in real time; shops take names from it, and NLE the clock.
        """
        found = getattr(os, "RTLD_NOLOAD", None)
        if found is None:  # not every system can; golden traces are for those that do
            return
        with contextlib.suppress(OSError):
            handle = _ctypes.dlopen(self.library, found | os.RTLD_LAZY)  # it is loaded already
            try:
                address = _ctypes.dlsym(handle, "ubirthday")
                ctypes.c_long.from_address(address).value = 10**9 + core % 10**9
                game = _word(_ctypes.dlsym(handle, "current_nle_ctx"))
                get = ctypes.CFUNCTYPE(ctypes.c_void_p)(_ctypes.dlsym(handle, "nle_get_obs"))
                seen, step = get() or 0, _ctypes.dlsym(handle, "nle_step")
            finally:
                _ctypes.dlclose(handle)
            known = {_BLSTATS: "blstats", _MESSAGE: "message"}
            if seen and all(
                _word(seen + at) == self.buffers[key].ctypes.data for at, key in known.items()
            ):  # it is the structure that we know
                self.engine[:] = step, game, seen


def _word(address: int) -> int:
    return ctypes.c_void_p.from_address(address).value or 0


def checked_options(options: Sequence[str] | None) -> tuple[str, ...]:
    """Return NetHack's game options; NLE's for None.

    Raises:
        ValueError: If one is no text, is empty, or holds a comma, which would end it.
    """
    if options is None:
        return OPTIONS
    if isinstance(options, str) or any(
        not isinstance(option, str) or "," in option or not option.strip() for option in options
    ):
        raise ValueError(
            f"options must be a sequence of NetHack options such as {OPTIONS[:2]}, without commas, "
            f"got {options!r}"
        )
    return tuple(options)
