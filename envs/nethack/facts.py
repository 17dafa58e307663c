"""All that is read off one screen, in one compiled pass: features and what rewards are made of.

A screen becomes a vector of whole numbers, the *facts*. The first ones are the published features,
in the order of ``features.TABLE``; the rest are ingredients of rewards, which no design sees.

The tables of glyphs and messages are arguments, so that the machine code that numba keeps on disk
depends on this file alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.nethack import glyphs as kinds
from operant.envs.nethack import messages
from operant.envs.nethack.jit import compiled
from operant.types import Int

(X, Y, HP, MAX_HP, ENERGY, MAX_ENERGY, LEVEL, EXPERIENCE, ARMOUR, DEPTH, DEEPEST) = range(11)
(DUNGEON, FLOOR, TURN, GOLD, HUNGER, NUTRITION, BURDEN, ALIGNMENT) = range(11, 19)
(CONDITION, BLIND, CONFUSED, STUNNED, HALLUCINATING, DYING) = range(19, 25)
(MESSAGE, ASKED, KNOWN) = range(25, 28)
(MONSTERS, PETS, OBJECTS, GOLD_PILES, DOORS, CLOSED_DOORS, CORRIDORS, TRAPS) = range(28, 36)
(STAIRS_DOWN, STAIRS_UP, TO_MONSTER, TO_PET, TO_OBJECT, TO_DOOR, ADJACENT) = range(36, 43)
DEAD = 43
FEATURES = 44
"""Facts that are published as features."""
SCORE, ON_STAIRS, ORACLE = range(FEATURES, FEATURES + 3)
FACTS = FEATURES + 3
"""All facts."""
GLANCED = frozenset({*range(MESSAGE), ASKED, STAIRS_DOWN, DEAD, SCORE, ON_STAIRS})
"""Facts that :func:`glance` writes; :func:`study` writes the others."""
_CLASSES, _BLANK, _ORACLE, _FAR = 24, 2359, 270, 1000
_STAIRS, _LADDER = np.int16(_BLANK + 24), np.int16(_BLANK + 26)
(_DOORWAY, _OPEN, _CLOSED, _CORRIDOR, _UP, _DOWN, _TRAP) = range(3, 10)
(_MONSTER, _PET, _HIDDEN, _OBJECT, _GOLD, _FOOD, _CORPSE) = range(13, 20)
# Classes of ``glyphs``, repeated here; a test compares them.
_PLAIN = 0b111 | 1 << _CORRIDOR  # unknown, floor, wall: nobody asks how far they are
_MEMORY = FACTS  # dungeon, level, and where stairs down were seen there
_COUNT = _MEMORY + 3  # how many there are of each class
_NEAR = _COUNT + _CLASSES  # and how far the nearest is
LENGTH = _NEAR + _CLASSES
"""Numbers that :func:`read` keeps for a row: the facts and its own notes."""
WIDTH, HEIGHT = 79, 21
"""Columns and rows of the map."""
_FOUR_BLANKS = np.uint64(_BLANK * 0x0001_0001_0001_0001)  # a plain int would be compared as float


@compiled
def read(
    notes: Int,
    blstats: Int,
    glyphs: npt.NDArray[np.int16],
    fours: npt.NDArray[np.uint64],
    message: npt.NDArray[np.uint8],
    internal: npt.NDArray[np.int32],
    class_of: npt.NDArray[np.uint8],
    letters: npt.NDArray[np.uint8],
    following: npt.NDArray[np.int16],
    seen: Int,
    class_at: Int,
    over: bool,
) -> None:
    """Write a row's facts, and what it has to remember.

    Args:
        notes: (LENGTH,) read and written; the first FACTS of them are the facts. All -1 before an
            episode's first screen.
        blstats: (27,) NLE's buffer, as the following ones.
        glyphs: (1659,) the map, row by row.
        fours: (414,) the same memory, four places at a time; the last three places are left out.
        message: (256,).
        internal: (9,).
        class_of: Glyph -> class.
        letters: What tells messages apart, as the following three; see ``messages``.
        following: (S, L).
        seen: (S,).
        class_at: (P + 1,).
        over: True if the game is over.
    """
    glance(notes, blstats, glyphs, internal, over)
    study(notes, glyphs, fours, message, class_of, letters, following, seen, class_at)


@compiled
def glance(
    notes: Int,
    blstats: Int,
    glyphs: npt.NDArray[np.int16],
    internal: npt.NDArray[np.int32],
    over: bool,
) -> None:
    """Do the part of :func:`read` that cannot wait: the status, and what must be remembered."""
    facts = notes
    bits = blstats[25]
    facts[X], facts[Y], facts[HP], facts[MAX_HP] = blstats[0], blstats[1], blstats[10], blstats[11]
    facts[ENERGY], facts[MAX_ENERGY] = blstats[14], blstats[15]
    facts[LEVEL], facts[EXPERIENCE], facts[ARMOUR] = blstats[18], blstats[19], blstats[16]
    facts[DEPTH], facts[DEEPEST] = blstats[12], internal[0]
    facts[DUNGEON], facts[FLOOR], facts[TURN] = blstats[23], blstats[24], blstats[20]
    facts[GOLD], facts[HUNGER], facts[NUTRITION] = blstats[13], blstats[21], internal[7]
    facts[BURDEN], facts[ALIGNMENT], facts[CONDITION] = blstats[22], blstats[26], bits
    facts[BLIND], facts[CONFUSED] = (bits & 32) != 0, (bits & 256) != 0
    facts[STUNNED], facts[HALLUCINATING] = (bits & 128) != 0, (bits & 512) != 0
    facts[DYING] = (bits & 31) != 0  # stone, slime, strangled, food poisoning, illness
    facts[ASKED] = internal[1] != 0 or internal[2] != 0
    facts[DEAD] = over
    facts[SCORE], facts[ON_STAIRS] = blstats[9], internal[4] != 0
    facts[STAIRS_DOWN] = _to_stairs(facts, _nearest_stairs(facts, glyphs))


@compiled
def study(
    notes: Int,
    glyphs: npt.NDArray[np.int16],
    fours: npt.NDArray[np.uint64],
    message: npt.NDArray[np.uint8],
    class_of: npt.NDArray[np.uint8],
    letters: npt.NDArray[np.uint8],
    following: npt.NDArray[np.int16],
    seen: Int,
    class_at: Int,
) -> None:
    """Do the rest of :func:`read`, at once or whenever somebody wants to know."""
    notes[MESSAGE] = _message_class(message, letters, following, seen, class_at)
    _count(notes, glyphs, fours, class_of)
    _sum_up(notes)
    x, y = notes[X], notes[Y]
    adjacent, oracle = 0, False
    for row in range(max(y - 1, 0), min(y + 2, HEIGHT)):
        for column in range(max(x - 1, 0), min(x + 2, WIDTH)):
            glyph = glyphs[row * WIDTH + column]
            kind = class_of[glyph]
            if (row != y or column != x) and kind in (_MONSTER, _HIDDEN):
                adjacent += 1
            oracle |= glyph == _ORACLE
    notes[ADJACENT], notes[ORACLE] = adjacent, oracle


@compiled
def _count(
    facts: Int,
    glyphs: npt.NDArray[np.int16],
    fours: npt.NDArray[np.uint64],
    class_of: npt.NDArray[np.uint8],
) -> None:
    """Count what is on the map and find the nearest of each kind, in king's moves."""
    for kind in range(_CLASSES):
        facts[_COUNT + kind], facts[_NEAR + kind] = 0, _FAR
    known, x, y = 0, facts[X], facts[Y]
    for first in range(0, len(glyphs), 32):
        if _all_blank(fours, first >> 2):
            continue
        for place in range(first, min(first + 32, len(glyphs))):
            glyph = glyphs[place]
            if glyph == _BLANK:
                continue
            known += 1
            if place == y * WIDTH + x:  # the hero, who hides what lies below
                continue
            kind = class_of[np.uint16(glyph)]
            facts[_COUNT + kind] += 1
            if _PLAIN >> kind & 1 == 0:
                distance = _moves_to(place, x, y)
                facts[_NEAR + kind] = min(facts[_NEAR + kind], distance)
    facts[KNOWN] = known


@compiled
def _sum_up(facts: Int) -> None:
    """Write the facts that follow from how many there are of each class, and how near."""
    facts[MONSTERS], facts[PETS] = (
        facts[_COUNT + _MONSTER] + facts[_COUNT + _HIDDEN],
        facts[_COUNT + _PET],
    )
    facts[OBJECTS] = (
        facts[_COUNT + _OBJECT]
        + facts[_COUNT + _GOLD]
        + facts[_COUNT + _FOOD]
        + facts[_COUNT + _CORPSE]
    )
    facts[GOLD_PILES], facts[TRAPS] = facts[_COUNT + _GOLD], facts[_COUNT + _TRAP]
    facts[DOORS], facts[CLOSED_DOORS] = (
        facts[_COUNT + _OPEN] + facts[_COUNT + _CLOSED],
        facts[_COUNT + _CLOSED],
    )
    facts[CORRIDORS] = facts[_COUNT + _CORRIDOR]
    facts[STAIRS_UP], facts[TO_PET] = _told(facts[_NEAR + _UP]), _told(facts[_NEAR + _PET])
    facts[TO_MONSTER] = _told(min(facts[_NEAR + _MONSTER], facts[_NEAR + _HIDDEN]))
    facts[TO_OBJECT] = _told(
        min(
            min(facts[_NEAR + _OBJECT], facts[_NEAR + _GOLD]),
            min(facts[_NEAR + _FOOD], facts[_NEAR + _CORPSE]),
        )
    )
    facts[TO_DOOR] = _told(
        min(facts[_NEAR + _DOORWAY], min(facts[_NEAR + _OPEN], facts[_NEAR + _CLOSED]))
    )


@compiled
def _nearest_stairs(facts: Int, glyphs: npt.NDArray[np.int16]) -> int:
    """Return the place of the nearest stairs or ladder down in sight, -1 if there is none."""
    there = False
    for place in range(len(glyphs)):  # in this form the processor takes many places at a time
        there |= (glyphs[place] == _STAIRS) | (glyphs[place] == _LADDER)
    nearest, distance, x, y = -1, _FAR, facts[X], facts[Y]
    for place in range(len(glyphs) if there else 0):
        if (glyphs[place] == _STAIRS or glyphs[place] == _LADDER) and place != y * WIDTH + x:
            moves = _moves_to(place, x, y)
            if moves < distance:
                nearest, distance = place, moves
    return nearest


@compiled
def _moves_to(place: int, x: int, y: int) -> int:
    row = place // WIDTH
    return int(max(abs(row - y), abs(place - row * WIDTH - x)))


@compiled
def _all_blank(fours: npt.NDArray[np.uint64], first: int) -> bool:
    """Tell whether eight words are blank, as most of a map is; False where there are fewer."""
    if first + 8 > len(fours):
        return False
    other = np.uint64(0)
    for i in range(first, first + 8):
        other |= fours[i] ^ _FOUR_BLANKS
    return bool(other == 0)


@compiled
def _to_stairs(facts: Int, seen: int) -> int:
    """Return the distance to stairs down that are in sight, or were before something hid them.

    Args:
        facts: The row's notes.
        seen: Place of the nearest stairs in sight, or -1.
    """
    m = _MEMORY
    x, y = facts[X], facts[Y]
    if facts[m] != facts[DUNGEON] or facts[m + 1] != facts[FLOOR]:
        facts[m], facts[m + 1], facts[m + 2] = facts[DUNGEON], facts[FLOOR], -1
    if seen >= 0 and facts[m + 2] != y * WIDTH + x:  # or the hero stands on the ones remembered
        facts[m + 2] = seen
    if facts[m + 2] < 0:
        return -1
    return _moves_to(facts[m + 2], x, y)


@compiled
def _told(distance: int) -> int:
    return -1 if distance >= _FAR else distance


@compiled
def _message_class(
    message: npt.NDArray[np.uint8],
    letters: npt.NDArray[np.uint8],
    following: npt.NDArray[np.int16],
    seen: Int,
    class_at: Int,
) -> int:
    """Return the class of the phrase that comes first in the table, of all in a message."""
    if message[0] == 0:
        return 0
    state, best = 0, len(class_at) - 1
    for at in range(len(message)):
        if message[at] == 0:
            break
        state = following[state, letters[message[at]]]
        best = min(best, seen[state])
    return int(class_at[best])


def screen_of(buffers: Mapping[str, npt.NDArray[Any]]) -> tuple[npt.NDArray[Any], ...]:
    """Return what :func:`read` takes of a game's buffers."""
    glyphs = buffers["glyphs"].reshape(-1)
    fours = glyphs[: len(glyphs) // 4 * 4].view(np.uint64)
    return buffers["blstats"], glyphs, fours, buffers["message"], buffers["internal"]


def tables() -> tuple[npt.NDArray[Any], ...]:
    """Return the tables that :func:`read` takes last but one."""
    machine = messages.LETTERS, messages.NEXT, messages.SEEN, messages.CLASS_AT
    return kinds.CLASS_OF, *machine


def message_class(message: str) -> str:
    """Return the name of a message's class.

    >>> message_class("The newt bites!")
    'got_hit'
    """
    padded = np.zeros(256, np.uint8)
    encoded = message.encode("latin-1", "replace")[:255]
    padded[: len(encoded)] = np.frombuffer(encoded, np.uint8)
    _, *machine = tables()
    return messages.CLASSES[_message_class(padded, *machine)]
