"""Kinds of NetHack glyphs: the 5976 pictures of the game in 24 classes.

The numbers are those of NetHack 3.6, which NLE 1.3 plays; a test compares them with NLE's own.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

CLASSES = (
    "unknown",
    "floor",
    "wall",
    "doorway",
    "open_door",
    "closed_door",
    "corridor",
    "stairs_up",
    "stairs_down",
    "trap",
    "liquid",
    "furniture",
    "obstacle",
    "monster",
    "pet",
    "hidden_monster",
    "object",
    "gold",
    "food",
    "corpse",
    "boulder",
    "statue",
    "effect",
    "swallowed",
)
"""Names of the classes; a glyph's class is the index here."""

COUNT = 5977
"""Glyphs, the one that means "none" included."""
MONSTER, PET, INVISIBLE, DETECTED, BODY, RIDDEN, OBJECT, MAP, EXPLOSION = (
    *(0, 381, 762, 763, 1144, 1525, 1906, 2359, 2446),
)
ZAP, SWALLOW, WARNING, STATUE = 2509, 2541, 5589, 5595
"""First glyph of each group."""
ORACLE = MONSTER + 270
"""The Oracle, as she looks to whoever sees right."""
BLANK = MAP
"""Solid stone, or a place that was never seen."""

_MAP_CLASSES = (
    # of the dungeon's features, (first, last) within their group
    ("unknown", 0, 0),
    ("wall", 1, 11),
    ("doorway", 12, 12),
    ("open_door", 13, 14),
    ("closed_door", 15, 16),
    ("obstacle", 17, 18),
    ("floor", 19, 20),
    ("corridor", 21, 22),
    ("stairs_up", 23, 23),
    ("stairs_down", 24, 24),
    ("stairs_up", 25, 25),
    ("stairs_down", 26, 26),
    ("furniture", 27, 31),
    ("liquid", 32, 32),
    ("floor", 33, 33),
    ("liquid", 34, 34),
    ("floor", 35, 36),
    ("obstacle", 37, 38),
    ("floor", 39, 40),
    ("liquid", 41, 41),
    ("trap", 42, 63),
    ("floor", 64, 64),
    ("effect", 65, 86),
)
_OBJECT_CLASSES = (
    ("object", 0, 452),
    ("food", 239, 271),
    ("gold", 410, 410),
    ("boulder", 447, 447),
)


def _table() -> npt.NDArray[np.uint8]:
    """Return each glyph's class, (COUNT,) uint8."""
    table = np.zeros(COUNT, np.uint8)
    groups = (
        ("monster", MONSTER),
        ("pet", PET),
        ("hidden_monster", INVISIBLE),
        ("corpse", BODY),
        ("pet", RIDDEN),
        ("object", OBJECT),
        ("effect", MAP),
        ("effect", EXPLOSION),
        ("effect", ZAP),
        ("swallowed", SWALLOW),
        ("hidden_monster", WARNING),
        ("statue", STATUE),
    )
    for name, first in groups:
        table[first:] = CLASSES.index(name)
    for base, ranges in ((MAP, _MAP_CLASSES), (OBJECT, _OBJECT_CLASSES)):
        for name, first, last in ranges:
            table[base + first : base + last + 1] = CLASSES.index(name)
    table[COUNT - 1] = CLASSES.index("unknown")
    return table


CLASS_OF = _table()
"""Glyph -> class, (5977,) uint8."""
