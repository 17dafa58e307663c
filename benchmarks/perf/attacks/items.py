"""What an item of the corpus is, and the transition on which all of them are tried."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal, TypeAlias

HEAD = "def reward(obs, action, next_obs, info):\n"
"""First line of every item that is given as a body."""
OBS_SIZE = 3
OBS = (0.5, -0.5, 0.25)
ACTION = 2.0
NEXT_OBS = (0.75, -0.25, 0.5)
INFO = MappingProxyType(
    {"has_key": 1.0, "prev_has_key": 0.0, "distance": 3.0, "prev_distance": 4.0}
)
"""Features after the step, and before it with ``prev_``."""
FEATURES = ("has_key", "distance")

Row: TypeAlias = tuple[str, str | float, str]
"""Name, code of the error or value of the program, and text."""
Table: TypeAlias = Mapping[str, Sequence[Row]]
"""Category -> its rows."""


class Whole(str):
    """A text that is not the body of a function, but all that is given."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """A text, and what must become of it.

    Attributes:
        category: Kind of attack.
        name: Name in the category.
        source: The text.
        handling: ``"refused"`` before any of it runs, ``"fails"`` when run, or ``"accepted"``.
        expected: Code of the error, or the value of the program on the transition above.
    """

    category: str
    name: str
    source: str
    handling: Literal["refused", "fails", "accepted"]
    expected: str | float


def items(handling: Literal["refused", "fails", "accepted"], table: Table) -> list[Item]:
    """Return the items of a table that are all to be handled alike."""
    return [
        Item(
            category=category,
            name=name,
            source=source_of(text),
            handling=handling,
            expected=expected,
        )
        for category, rows in table.items()
        for name, expected, text in rows
    ]


def source_of(text: str) -> str:
    """Return a body as a function; a whole text stays as it is."""
    if isinstance(text, Whole):
        return str(text)
    return HEAD + "".join(f"    {line}\n" for line in text.split("\n"))
