"""The lineage of a search: every question, answer, finding and run, one JSON object per line.

It is written line by line, so a search that dies loses nothing: started again with the same
arguments it takes from here what was already said and done. Any candidate can be trained again from
it without asking anybody. It never holds a key.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from operant.errors import OperantError
from operant.reward_design.llm.search.candidate import Candidate, Provenance

SCHEMA = 1
"""Version of the format."""
KINDS = ("search", "prompt", "reply", "candidate", "run", "preference", "comment", "round", "end")
"""What lines can be: see ``docs/reward_search.md``."""


class LineageError(OperantError, ValueError):
    """A lineage file is no lineage, or belongs to another search."""


class Lineage:
    """The file, and its records by kind and name; the last record of a name counts.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        """Open a lineage, which need not exist yet.

        Args:
            path: The file, ``.jsonl``.

        Raises:
            LineageError: If the file holds something else; names the line.
        """
        self.path = path
        self._records: dict[tuple[str, str], dict[str, Any]] = {}
        if path.exists():
            for record in _lines(path):
                self._records[record["kind"], record["name"]] = record

    def get(self, kind: str, name: str) -> Mapping[str, Any] | None:
        """Return a record, or None if there is none."""
        return self._records.get((kind, name))

    def all(self, kind: str) -> Iterator[Mapping[str, Any]]:
        """Iterate over the records of a kind, in the order in which they were first written."""
        return (record for (of, _), record in self._records.items() if of == kind)

    def write(self, kind: str, name: str, **data: Any) -> None:
        """Append a record, unless it is there already; on the disk when this returns.

        Args:
            kind: One of ``KINDS``.
            name: Its name, unique within the kind.
            **data: JSON values.
        """
        told = _finite({"kind": kind, "name": name, **data})
        record = json.loads(json.dumps(told, allow_nan=False))
        if self._records.get((kind, name)) == record:
            return
        self._records[kind, name] = record
        self.path.parent.mkdir(parents=True, exist_ok=True)
        _mend(self.path)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record, ensure_ascii=True) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def claim(self, header: Mapping[str, Any]) -> None:
        """Write what the search is, or check that it is the same one that is continued.

        Raises:
            LineageError: If the file holds another search.
        """
        told = json.loads(json.dumps({"schema": SCHEMA, **header}))
        found = self.get("search", "search")
        if found is None:
            self.write("search", "search", **told)
            return
        other = [key for key in told if found.get(key) != told[key]]
        if other:
            raise LineageError(
                f"{self.path} holds another search: it differs in {', '.join(other)}; choose "
                "another folder, or repeat the arguments to continue that one"
            )


def _finite(value: Any) -> Any:
    """Return a value with None for every number that is none: JSON has no infinity."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(each) for each in value]
    return value


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Read the records of a file; a last line that was cut off is left out."""
    *lines, _unfinished = path.read_text(encoding="utf-8", errors="replace").split("\n")
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line) if line else None
        except (ValueError, RecursionError):
            raise LineageError(f"{path}, line {number}: this is not JSON") from None
        if record is None:
            continue
        if not (
            isinstance(record, dict)
            and record.get("kind") in KINDS
            and isinstance(record.get("name"), str)
        ):
            raise LineageError(
                f"{path}, line {number}: no record of a lineage; it needs a name and a kind out of "
                f"{', '.join(KINDS)}"
            )
        yield record


def _mend(path: Path) -> None:
    """Cut off a last line that was not finished."""
    if not path.exists():
        return
    with path.open("rb+") as file:
        content = file.read()
        if content and not content.endswith(b"\n"):
            file.truncate(content.rfind(b"\n") + 1)


def read_candidate(record: Mapping[str, Any]) -> Candidate:
    """Return the candidate of a record of kind ``"candidate"``.

    Raises:
        LineageError: If the record has not the fields of one.
    """
    try:
        told = dict(record["candidate"])
        provenance = Provenance(**told.pop("provenance"))
        return Candidate(**{**told, "parents": tuple(told["parents"]), "provenance": provenance})
    except (KeyError, TypeError) as error:
        raise LineageError(f"record {record.get('name')!r} is no candidate: {error}") from None
