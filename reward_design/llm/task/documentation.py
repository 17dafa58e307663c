"""What the documentation of an env that is not ours says: prose, tables and lists in its docstring.

Gymnasium's own envs, and many that follow them, have a section each for the description, the
observation and the actions. Sections about the reward are never read.
"""

from __future__ import annotations

import inspect
import re
from typing import Any

_PAYS = re.compile(
    r"\b(?:rewards?|rewarded|return|pays?|paid|worth|earns?|scores?|proxy|penal\w+)\b", re.I
)
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
_LINK = re.compile(r"!?\[([^\]\[]*)\]\([^()\s]*\)")
_ROW = re.compile(r"\s*\|\s*(\d+)\s*\|(.*)\|\s*$")
_ITEM = re.compile(r"\s*[-*]\s*(\d+)\s*:\s*(.+)")


def sections(env_class: type[Any]) -> dict[str, str]:
    """Return the sections of a class's docstring, by lower-case title."""
    found: dict[str, list[str]] = {}
    title = ""
    for line in (inspect.getdoc(env_class) or "").splitlines():
        if line.startswith("## "):
            title = line[3:].strip(" :").lower()
        else:
            found.setdefault(title, []).append(line)
    return {title: "\n".join(lines).strip() for title, lines in found.items()}


def without_rewards(text: str) -> str:
    """Return prose without what it says of rewards.

    A clause that mentions them is left out with all that follows it in its sentence; a sentence
    that begins with one is left out whole.

    >>> without_rewards("Run far, with a reward for speed. A fall pays -1. The robot has two legs.")
    'Run far. The robot has two legs.'
    """
    kept = []
    for sentence in _SENTENCE.split(" ".join(text.split())):
        clauses = re.split(r"(?<=[,;:])\s", sentence)
        clean = clauses[: next((n for n, c in enumerate(clauses) if _PAYS.search(c)), len(clauses))]
        if clean:
            ending = "" if len(clean) == len(clauses) else "."
            kept.append(" ".join(clean).rstrip(",;:") + ending)
    return " ".join(kept)


def prose(text: str) -> str:
    """Return the first paragraph of a section as plain sentences, without links and rewards."""
    paragraph = text.split("\n\n")[0]
    return without_rewards(_LINK.sub(r"\1", paragraph))


def numbered_rows(text: str, size: int) -> tuple[str, ...]:
    """Return what the first table that numbers ``size`` rows from 0 says of each; () if none does.

    A table with another number of rows describes another form of the env, so it is not believed.
    """
    tables: list[list[tuple[int, list[str]]]] = [[]]
    for line in text.splitlines():
        if not line.lstrip().startswith("|"):
            tables.append([])
        elif found := _ROW.match(line):
            cells = [cell.strip() for cell in found[2].split("|")]
            tables[-1].append((int(found[1]), cells))
    for table in tables:
        if table and [number for number, _ in table] == list(range(size)):
            return tuple(_described(cells) for _, cells in table)
    return ()


def numbered_items(text: str, size: int) -> tuple[str, ...]:
    """Return the entries of the list ``- 0: ...`` if there are just ``size`` of them, else ()."""
    found = [match for line in text.splitlines() if (match := _ITEM.match(line))]
    if [int(match[1]) for match in found] != list(range(size)):
        return ()
    return tuple(match[2].strip() for match in found)


def _described(cells: list[str]) -> str:
    """Return meaning and unit: the first cell, and the last one if it names a unit."""
    unit = cells[-1] if len(cells) > 3 and "(" in cells[-1] else ""
    return f"{cells[0]}, {unit}" if unit else cells[0]
