"""The feature table of NetHack: names, units and ranges of the first facts, in their order."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

from operant.envs.nethack import messages
from operant.envs.nethack.facts import FEATURES
from operant.types import Feature

_WIDTH, _HEIGHT, _CELLS = 79, 21, 79 * 21
_MANY = 2**31 - 1
_HUNGER = "0 satiated, 1 not hungry, 2 hungry, 3 weak, 4 fainting, 5 fainted, 6 starved"
_BURDEN = "0 unencumbered, 1 burdened, 2 stressed, 3 strained, 4 overtaxed, 5 overloaded"
_NOWHERE = "-1 if none is in sight"

STATUS, MAP, MESSAGE, HIDDEN = "blstats", "glyphs", "message", "internal"
"""Where a feature is read off; the last is shown to no player."""


def _count(
    name: str, description: str, high: float, unit: str = "", low: float = 0, source: str = STATUS
) -> tuple[str, Feature]:
    feature = Feature(
        name=name, description=description, low=low, high=high, unit=unit, dtype="int"
    )
    return source, feature


def _flag(name: str, description: str, source: str = STATUS) -> tuple[str, Feature]:
    feature = Feature(name=name, description=description, low=0, high=1, dtype="bool")
    return source, feature


def _seen(name: str, what: str) -> tuple[str, Feature]:
    return _count(name, f"{what} in sight or remembered on the map", _CELLS, "cells", source=MAP)


def _steps(name: str, what: str) -> tuple[str, Feature]:
    words = f"king's moves to the nearest {what} on the map; {_NOWHERE}"
    return _count(name, words, _WIDTH, "cells", -1, MAP)


_ROWS = (
    _count("x", "column of the hero", _WIDTH - 1, "cells"),
    _count("y", "row of the hero", _HEIGHT - 1, "cells"),
    _count("hp", "hit points, as the status line shows them", 32767, "hit points", -32768),
    _count("max_hp", "most hit points", 32767, "hit points"),
    _count("energy", "magical energy", 32767, "points", -32768),
    _count("max_energy", "most magical energy", 32767, "points"),
    _count("experience_level", "experience level", 30),
    _count("experience_points", "experience points", _MANY, "points"),
    _count("armour_class", "armour class; lower is better", 127, "", -128),
    _count("depth", "depth below the surface; negative above it", 64, "levels", -64),
    _count("deepest_depth", "greatest depth of this game", 64, "levels", source=HIDDEN),
    _count("dungeon_number", "branch of the dungeon; 0 is the main one", 15),
    _count("level_number", "level within the branch", 64),
    _count("turn", "game time", _MANY, "turns"),
    _count("gold", "gold carried", _MANY, "gold pieces"),
    _count("hunger", f"hunger: {_HUNGER}", 6),
    _count("nutrition", "what the hunger is read off", 32767, "turns", -32768, HIDDEN),
    _count("burden", f"load: {_BURDEN}", 5),
    _count("alignment", "-1 chaotic, 0 neutral, 1 lawful", 1, "", -1),
    _count("condition", "all conditions as bits, as NLE numbers them", 2**13 - 1),
    _flag("blind", "the hero cannot see"),
    _flag("confused", "the hero is confused"),
    _flag("stunned", "the hero is stunned"),
    _flag("hallucinating", "what the hero sees is not what is there"),
    _flag("dying", "turning to stone or slime, strangled, poisoned by food or deadly ill"),
    _count(
        "message_class",
        "kind of message: " + ", ".join(f"{i} {name}" for i, name in enumerate(messages.CLASSES)),
        len(messages.CLASSES) - 1,
        source=MESSAGE,
    ),
    _flag("asked", "the game waits for the answer to a question", MESSAGE),
    _count("known_cells", "places of this level that are not blank", _CELLS, "cells", source=MAP),
    _seen("monsters", "monsters, pets aside"),
    _seen("pets", "pets"),
    _seen("objects", "objects, boulders and statues aside"),
    _seen("gold_piles", "piles of gold"),
    _seen("doors", "open and closed doors"),
    _seen("closed_doors", "closed doors"),
    _seen("corridors", "cells of corridors"),
    _seen("traps", "traps"),
    _count(
        "stairs_down_distance",
        "king's moves to stairs down that were seen on this level since it was entered, 0 on them; "
        "-1 if none was",
        _WIDTH,
        "cells",
        -1,
        MAP,
    ),
    _steps("stairs_up_distance", "stairs up"),
    _steps("monster_distance", "monster"),
    _steps("pet_distance", "pet"),
    _steps("object_distance", "object"),
    _steps("door_distance", "door or doorway"),
    _count("adjacent_monsters", "monsters next to the hero, pets aside", 8, source=MAP),
    _flag("dead", "the game is over", MESSAGE),
)
if len(_ROWS) != FEATURES:
    raise AssertionError(f"{len(_ROWS)} features are described, {FEATURES} are computed")


def table(shown: Collection[str]) -> tuple[Feature, ...]:
    """Return the features.

    Args:
        shown: What the observation shows, of ``"blstats"``, ``"glyphs"`` and ``"message"``;
            features that are read off anything else are privileged.
    """
    return tuple(
        dataclasses.replace(feature, privileged=source not in shown) for source, feature in _ROWS
    )
