"""Kinds of NetHack messages: a closed list, told apart by phrases."""

from __future__ import annotations

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


def _indexed() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """Return the phrases for the compiled search, in the order of their first bytes.

    Returns:
        ``first`` (257,): phrases first[b] to first[b + 1] begin with byte b; ``phrases`` (P, 4): of
        each its begin and end in the text, its place in the table, and its class; the text.
    """
    order = sorted(range(len(PHRASES)), key=lambda place: PHRASES[place][1].encode()[0])
    words = [PHRASES[place][1].encode() for place in order]
    first = np.searchsorted([word[0] for word in words], np.arange(257)).astype(np.int64)
    ends = np.cumsum([len(word) for word in words])
    begins = ends - [len(word) for word in words]
    classes = [CLASSES.index(PHRASES[place][0]) for place in order]
    phrases = np.stack([begins, ends, order, classes], axis=1).astype(np.int64)
    return first, phrases, np.frombuffer(b"".join(words), np.uint8)


FIRST, INDEX, TEXT = _indexed()
"""The phrases as arrays; see :func:`_indexed`."""
