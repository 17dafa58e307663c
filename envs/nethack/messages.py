"""Kinds of NetHack messages: a closed list, told apart by phrases."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

CLASSES = (
    "none",
    "other",
    "question",
    "death",
    "ascension",
    "level_gain",
    "kill",
    "hit",
    "miss",
    "got_hit",
    "got_missed",
    "eat",
    "hunger",
    "pick_up",
    "door",
    "stairs",
    "trap",
    "found",
    "read",
    "feeling",
    "pet",
    "see",
    "hear",
    "blocked",
    "wall",
    "refused",
)
"""Names of the classes; a message's class is the index here."""
NONE, OTHER = 0, 1

PHRASES: tuple[tuple[str, str], ...] = (
    # Where a message has several of these, the first one in this table counts: rare and weighty
    # events stand before chatter.
    ("death", "You die"),
    ("ascension", "You ascend"),
    ("ascension", "demigod"),
    ("question", "[yn"),
    ("question", "or ?*]"),
    ("question", "In what direction"),
    ("question", "Where do you want"),
    ("level_gain", "Welcome to experience level"),
    ("level_gain", "You feel more experienced"),
    ("kill", "You kill"),
    ("kill", "You destroy"),
    ("got_hit", " hits you"),
    ("got_hit", " bites!"),
    ("got_hit", " hits!"),
    ("got_hit", " stings!"),
    ("got_hit", " kicks!"),
    ("got_hit", " butts!"),
    ("got_hit", " claws"),
    ("got_hit", " touches you"),
    ("got_hit", "You are hit"),
    ("got_hit", "You get zapped"),
    ("got_hit", "You are splashed"),
    ("got_hit", "Ouch!"),
    ("eat", "You finish eating"),
    ("eat", "delicious"),
    ("eat", "This tastes"),
    ("eat", "tastes "),
    ("eat", "You finish your meal"),
    ("eat", "You resume"),
    ("eat", "Rotten food"),
    ("eat", "You bite that"),
    ("hunger", "hungry"),
    ("hunger", "from hunger"),
    ("hunger", "You faint"),
    ("hunger", "lack of food"),
    ("hunger", "having a hard time getting"),
    ("hunger", "Weak"),
    ("trap", "You fall"),
    ("trap", " trap"),
    ("trap", "trapdoor"),
    ("trap", "pit"),
    ("trap", "Click!"),
    ("trap", "gush of water"),
    ("trap", "web"),
    ("trap", "momentarily lethargic"),
    ("hit", "You hit"),
    ("hit", "You strike"),
    ("hit", "You bite"),
    ("hit", "You kick the"),
    ("hit", "You claw"),
    ("miss", "You miss"),
    ("miss", "You attack thin air"),
    ("miss", "You kick at empty space"),
    ("pick_up", " gold pieces."),
    ("pick_up", "$ - "),
    ("got_missed", " misses!"),
    ("got_missed", " misses you"),
    ("got_missed", "just misses"),
    ("got_missed", "almost hit"),
    ("door", "door"),
    ("door", "WHAMM"),
    ("stairs", "stair"),
    ("stairs", "You can't go "),
    ("stairs", "ladder"),
    ("found", "You find"),
    ("read", "You read"),
    ("read", "engraved"),
    ("pick_up", " - "),
    ("feeling", "You feel"),
    ("feeling", "feels better"),
    ("feeling", "You are "),
    ("feeling", "You can see again"),
    ("see", "You see here"),
    ("see", "There is "),
    ("see", "There are "),
    ("see", "You see "),
    ("pet", "swap places"),
    ("pet", "is in the way"),
    ("pet", "little dog"),
    ("pet", "kitten"),
    ("pet", "saddled pony"),
    ("hear", "You hear"),
    ("blocked", "blocks your path"),
    ("blocked", "You cannot escape"),
    ("blocked", "but in vain"),
    ("blocked", "perhaps that's why"),
    ("wall", "It's a wall"),
    ("wall", "solid stone"),
    ("wall", "You cannot pass"),
    ("refused", "You cannot"),
    ("refused", "You can't"),
    ("refused", "Unknown command"),
    ("refused", "Never mind"),
    ("refused", "strange direction"),
    ("refused", "You don't have"),
    ("refused", "Nothing happens"),
)
"""(class, phrase); a message that has none of them is ``other``, an empty one ``none``."""


def _automaton() -> tuple[npt.NDArray[Any], ...]:
    """Return a machine that reads a message once, byte by byte, and sees all phrases in it.

    Its states are the beginnings of phrases: each stands for the longest one that the message, as
    far as it was read, ends with.

    Returns:
        ``LETTERS``, ``NEXT``, ``SEEN`` and ``CLASS_AT``; see there.

    Source: Efficient String Matching: An Aid to Bibliographic Search (Aho and Corasick, 1975).
    """
    phrases = [phrase.encode() for _, phrase in PHRASES]
    alphabet = sorted({byte for phrase in phrases for byte in phrase})
    letters = np.zeros(256, np.uint8)
    letters[alphabet] = np.arange(1, len(alphabet) + 1)
    begun = sorted(
        {phrase[:size] for phrase in phrases for size in range(len(phrase) + 1)}, key=len
    )
    number = {beginning: state for state, beginning in enumerate(begun)}
    following = np.zeros((len(begun), len(alphabet) + 1), np.int16)
    seen = np.full(len(begun), len(phrases), np.int64)
    for state, read in enumerate(begun):  # the shorter ones first
        shorter = next((read[i:] for i in range(1, len(read) + 1) if read[i:] in number), b"")
        if state:
            following[state], seen[state] = following[number[shorter]], seen[number[shorter]]
        for byte in alphabet:
            if longer := number.get(read + bytes([byte])):
                following[state, letters[byte]] = longer
        if read in phrases:
            seen[state] = min(seen[state], phrases.index(read))
    classes = [*(CLASSES.index(name) for name, _ in PHRASES), OTHER]
    return letters, following, seen, np.array(classes, np.int64)


LETTERS, NEXT, SEEN, CLASS_AT = _automaton()
"""Byte -> letter, (256,); state and letter -> state, (S, L); state -> place in ``PHRASES`` of the
first phrase that ends here, or their number, (S,); place -> class, (P + 1,)."""
