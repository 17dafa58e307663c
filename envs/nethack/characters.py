"""Who may be the hero: NetHack's roles, races, alignments and genders, and what goes together."""

from __future__ import annotations

RANDOM = "@"
"""The character that NetHack draws."""

_RACES = {
    "hum": ("law", "neu", "cha"),
    "elf": ("cha",),
    "dwa": ("law",),
    "gno": ("neu",),
    "orc": ("cha",),
}
"""Race -> alignments that it may have."""
_ROLES = {
    "arc": (("hum", "dwa", "gno"), ("law", "neu")),
    "bar": (("hum", "orc"), ("neu", "cha")),
    "cav": (("hum", "dwa", "gno"), ("law", "neu")),
    "hea": (("hum", "gno"), ("neu",)),
    "kni": (("hum",), ("law",)),
    "mon": (("hum",), ("law", "neu", "cha")),
    "pri": (("hum", "elf"), ("law", "neu", "cha")),
    "rog": (("hum", "orc"), ("cha",)),
    "ran": (("hum", "elf", "gno", "orc"), ("neu", "cha")),
    "sam": (("hum",), ("law",)),
    "tou": (("hum",), ("neu",)),
    "val": (("hum", "dwa"), ("law", "neu")),
    "wiz": (("hum", "elf", "gno", "orc"), ("neu", "cha")),
}
"""Role -> its races and alignments."""
_GENDERS = ("mal", "fem")


def checked_character(character: str) -> str:
    """Return a character if the game knows it; it would stop and ask otherwise.

    Args:
        character: ``"role-race-alignment-gender"``, three letters each, or ``"@"``.

    Raises:
        ValueError: If it is written otherwise, or no hero can be that.

    >>> checked_character("val-dwa-law-fem")
    'val-dwa-law-fem'
    """
    if character == RANDOM:
        return character
    parts = character.split("-") if isinstance(character, str) else []
    form = "role-race-alignment-gender such as 'mon-hum-neu-mal', or '@' for a random one"
    if len(parts) != 4:
        raise ValueError(f"character must be {form}, got {character!r}")
    role, race, alignment, gender = parts
    for name, part, known in (
        ("role", role, tuple(_ROLES)),
        ("race", race, _ROLES.get(role, ((),))[0]),
        ("alignment", alignment, _both(role, race)),
        ("gender", gender, ("fem",) if role == "val" else _GENDERS),
    ):
        if part not in known:
            raise ValueError(
                f"character must be {form}; in {character!r} the {name} must be one of "
                f"{', '.join(known)}, got {part!r}"
            )
    return character


def _both(role: str, race: str) -> tuple[str, ...]:
    """Return the alignments that a role and a race allow."""
    allowed = _ROLES.get(role, ((), ()))[1]
    return tuple(alignment for alignment in allowed if alignment in _RACES.get(race, ()))
