"""What a player is shown: NLE's own arrays, or a compact view for small networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from operant.envs.nethack import glyphs as kinds
from operant.envs.nethack.game import KEYS, NetHackGame
from operant.envs.nethack.jit import compiled

DEFAULT = ("glyphs", "blstats", "message")
EVERYTHING = tuple(key for key in KEYS if key not in ("program_state", "internal", "misc"))
"""The 14 keys that NLE's env shows unless told otherwise."""
TTY = ("tty_chars", "tty_colors", "tty_cursor")
CROP = 9
"""Cells along each side of the compact view's map."""
BITS = 16
"""Numbers of the compact view's message."""
STATUS = 27

_int32 = np.iinfo(np.int32)
_BOUNDS = {
    "glyphs": (0, kinds.COUNT - 1),
    "colors": (0, 15),
    "inv_glyphs": (0, kinds.COUNT - 1),
    "inv_letters": (0, 127),
    "inv_oclasses": (0, 18),
    "screen_descriptions": (0, 127),
    "tty_colors": (0, 31),
    **dict.fromkeys(("blstats", "program_state", "internal", "misc"), (_int32.min, _int32.max)),
}
"""NLE's key -> bounds, where they are not 0 to 255."""

Arrays = dict[str, npt.NDArray[Any]]
"""One array per key."""


class ScreenView:
    """One way to show a game.

    Attributes:
        keys: NLE's keys that it needs.
        shows: Sources of features that a player can read off it; see ``features``.
        space: Space of one observation.
        words: It in words, for cards.
    """

    keys: tuple[str, ...]
    shows: frozenset[str]
    space: spaces.Dict
    words: str
    compiled = False
    """True if ``turn`` writes it, as a part of its one call."""

    def write(self, obs: Arrays, row: int, game: NetHackGame) -> None:
        """Write what a game shows now into a row of (N, ...) arrays."""

    def bind(self, obs: Arrays, game: NetHackGame) -> bool:
        """Make the arrays of a world of one row the game's own, which need no writing any more.

        Returns:
            True if that is possible.
        """
        del obs, game
        return False


class KeysView(ScreenView):
    """NLE's arrays, unchanged, under NLE's names."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Choose keys.

        Raises:
            ValueError: If one is unknown or there is none.
        """
        self.keys = tuple(keys)
        if unknown := sorted(set(self.keys) - set(KEYS)):
            raise ValueError(f"unknown observation keys {unknown}; NLE has {', '.join(KEYS)}")
        if not self.keys or len(set(self.keys)) < len(self.keys):
            raise ValueError(f"observation needs different keys, at least one, got {self.keys}")
        tty = {"blstats", "message"} if "tty_chars" in self.keys else set()
        self.shows = frozenset({*self.keys, *tty})
        self.space = spaces.Dict({key: _box(key) for key in self.keys})
        self.words = "Dict of NLE's arrays: " + ", ".join(
            f"{key} {KEYS[key]['shape']} {np.dtype(KEYS[key]['dtype'])}" for key in self.keys
        )

    def write(self, obs: Arrays, row: int, game: NetHackGame) -> None:
        """Copy the buffers."""
        for key in self.keys:
            obs[key][row] = game.buffers[key]

    def bind(self, obs: Arrays, game: NetHackGame) -> bool:
        """Show the buffers themselves; whoever hands them out copies them."""
        for key in self.keys:
            obs[key] = game.buffers[key][None]
        return True


class CompactView(ScreenView):
    """A crop of the map in classes, scaled numbers, and a code of the message; see ``compact``."""

    compiled = True
    keys = ("glyphs",)
    shows = frozenset({"blstats", "message"})
    space = spaces.Dict(
        {
            "crop": spaces.Box(0, len(kinds.CLASSES) - 1, (CROP, CROP), np.uint8),
            "blstats": spaces.Box(-1.0, 1.0, (STATUS,), np.float32),
            "message": spaces.Box(-1.0, 1.0, (BITS,), np.float32),
        }
    )
    words = (
        f"Dict: crop ({CROP}, {CROP}) uint8, classes of glyphs around the hero, who is in the "
        f"middle ({', '.join(f'{i} {name}' for i, name in enumerate(kinds.CLASSES))}); blstats "
        f"({STATUS},) float32, NLE's numbers v as v / (|v| + scale); message ({BITS},) float32, a "
        "hash of the message as signs, 0 everywhere if there is none"
    )


_FAST = {3: 100.0, 9: 1000.0, 13: 100.0, 19: 100.0, 20: 1000.0, 25: 256.0}
SCALES = np.array([_FAST.get(i, 10.0) for i in range(STATUS)])
"""Scale of each number of blstats: what is shown as one half."""


@compiled
def compact(
    crop: npt.NDArray[np.uint8],
    status: npt.NDArray[np.float32],
    code: npt.NDArray[np.float32],
    glyphs: npt.NDArray[np.int16],
    blstats: npt.NDArray[np.int64],
    message: npt.NDArray[np.uint8],
    class_of: npt.NDArray[np.uint8],
    scales: npt.NDArray[np.float64],
) -> None:
    """Write the compact view of a screen into its three arrays."""
    half = crop.shape[0] // 2
    for i in range(crop.shape[0]):
        for j in range(crop.shape[1]):
            y, x = blstats[1] + i - half, blstats[0] + j - half
            inside = 0 <= y < glyphs.shape[0] and 0 <= x < glyphs.shape[1]
            crop[i, j] = class_of[glyphs[y, x]] if inside else 0
    for i in range(len(status)):
        status[i] = blstats[i] / (abs(blstats[i]) + scales[i])
    digest = np.uint64(14695981039346656037)  # FNV-1a, 64 bits
    for i in range(len(message)):
        if message[i] == 0:
            break
        digest = (digest ^ np.uint64(message[i])) * np.uint64(1099511628211)
    digest ^= digest >> np.uint64(29)  # its low bits alone depend on little
    for i in range(len(code)):
        sign = 1.0 if (digest >> np.uint64(2 * i)) & np.uint64(1) else -1.0
        code[i] = sign if message[0] else 0.0


def _box(key: str) -> spaces.Box:
    low, high = _BOUNDS.get(key, (0, 255))
    return spaces.Box(low, high, KEYS[key]["shape"], KEYS[key]["dtype"])


def chosen(observation: str | Sequence[str]) -> ScreenView:
    """Return the view that a constructor's argument ``observation`` names.

    Args:
        observation: ``"glyphs"`` (glyphs, blstats and message), ``"compact"``, ``"all"`` (what NLE
            shows), or a sequence of NLE's keys.

    Raises:
        ValueError: If it is none of these.
    """
    if isinstance(observation, str):
        named = {"glyphs": DEFAULT, "all": EVERYTHING}
        if observation == "compact":
            return CompactView()
        if observation not in named:
            raise ValueError(
                "observation must be 'glyphs', 'compact', 'all' or a sequence of NLE's keys "
                f"({', '.join(KEYS)}), got {observation!r}"
            )
        return KeysView(named[observation])
    return KeysView(observation)
