"""What can be wrong with a program, as data that a person and a language model can act on."""

from __future__ import annotations

import ast
import copyreg
import difflib
from collections.abc import Iterable
from typing import Any

from operant.errors import OperantError

MAX_MESSAGE = 300
"""Most characters of a message or a hint, which may quote names of any length."""


class RewardProgramError(OperantError, ValueError):
    """A program failed on a transition.

    Attributes:
        code: Kind of failure, one word: ``"division"``, ``"feature"``, ``"type"``, ...
        line: Line in the source, from 1; 0 if it belongs to no line.
        column: Column in that line, from 1; 0 if it belongs to none.
        message: What is wrong.
        hint: What to do about it, or ``""``.
        row: Row of the batch in which a run failed; None for one transition and for refused source.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        line: int = 0,
        column: int = 0,
        hint: str = "",
        shown: str = "",
        row: int | None = None,
    ) -> None:
        """Build the text from the record.

        Args:
            code: Kind of failure.
            message: What is wrong.
            line: Line in the source, from 1, or 0.
            column: Column in the line, from 1, or 0.
            hint: What to do about it.
            shown: The line itself, to be shown with a mark below the column.
            row: Row of the batch.
        """
        self.code, self.line, self.column = code, line, column
        self.message, self.hint, self.row = message, hint, row
        where = f"line {line}, column {column}: " if line else ""
        which = "" if row is None else f" in row {row}"
        advice = f"; {hint}" if hint else ""
        mark = f"\n  {shown}\n  {' ' * (column - 1)}^" if shown else ""
        super().__init__(f"{where}{message}{which}{advice} [{code}]{mark}")

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the record beside the text: search runs in several processes."""
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


class UnsafeRewardCodeError(RewardProgramError):
    """A source is not a program of the reward language; nothing of it was run."""


class Source:
    """The text of a program, for errors that show where in it something is wrong."""

    def __init__(self, text: str) -> None:
        """Store the text."""
        self.text = text
        self.lines = text.split("\n")

    @classmethod
    def of(cls, text: str) -> Source:
        """Return a text of any origin, with the line ends of other systems made ours.

        Raises:
            UnsafeRewardCodeError: If it is longer than a program may be.
        """
        if len(text) > MAX_CHARACTERS:  # before anything is done with it
            message = f"the source has {len(text)} characters, more than {MAX_CHARACTERS}"
            raise cls("").refusal("size", message, "shorten it", (1, 1))
        return cls(text.replace("\r\n", "\n"))

    def refusal(
        self, code: str, message: str, hint: str = "", at: ast.AST | tuple[int, int] = (0, 0)
    ) -> UnsafeRewardCodeError:
        """Return the error that refuses the source.

        Args:
            code: Kind of failure.
            message: What is wrong.
            hint: What to do about it.
            at: A node of the tree, or line and column, from 1.
        """
        if isinstance(at, ast.AST):
            line, column = getattr(at, "lineno", 0), getattr(at, "col_offset", -1) + 1
        else:
            line, column = at
        shown = self.line(line)
        message, hint = (
            text if len(text) <= MAX_MESSAGE else f"{text[:MAX_MESSAGE]}..."
            for text in (message, hint)
        )
        return UnsafeRewardCodeError(
            code, message, line=line, column=column, hint=hint, shown=shown
        )

    def line(self, number: int) -> str:
        """Return a line to be shown, or ``""`` if there is none or it is too long."""
        text = self.lines[number - 1] if 1 <= number <= len(self.lines) else ""
        return text.replace("\t", " ") if len(text) <= 200 and text.isascii() else ""


MAX_CHARACTERS = 8192
"""Longest source."""
LONGEST_NAME = 60
"""Longest name for which others like it are looked for."""


def near(name: str, known: Iterable[str]) -> str:
    """Return a hint with the known names that are nearest to one, or with the first 30 of them.

    >>> near("has_kye", ["has_key", "door_open"])
    'did you mean has_key?'
    """
    known = list(known)
    # Nobody mistypes a name of this length, and comparing them takes long.
    close = [each for each in known if len(each) <= LONGEST_NAME]
    found = [] if len(name) > LONGEST_NAME else difflib.get_close_matches(name, close, 3, 0.6)
    if found:
        return f"did you mean {', '.join(found)}?"
    more = " ..." if len(known) > 30 else ""
    return f"known: {', '.join(known[:30]) or 'none'}{more}"
