"""Reading formulas: symbols with their columns, and an error that says where for whatever is wrong.

Binding from tight to loose: ``!`` and the temporal ``X WX F G``; ``U`` and ``R``; ``&``; ``|``;
``->``.
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from operant.reward_design.formalisms.logic import (
    BINDING,
    RELATIONS,
    SHAPES,
    Atom,
    Constant,
    Formula,
    FormulaError,
    Next,
    Not,
    Or,
    Release,
    Until,
    WeakNext,
)

MAX_SYMBOLS = 300
"""Longest line, in symbols; longer ones would exhaust Python's stack."""
_TEMPORAL = ("X", "WX", "F", "G", "U", "R")
RESERVED = ("true", "false", "else", *_TEMPORAL)
"""Words that name neither a feature nor a state."""
_SYMBOL = re.compile(
    r"\s*(?:(?P<name>[A-Za-z_]\w*)|(?P<sign>->|<=|>=|==|!=|[<>!&|():/,])"
    r"|(?P<number>-?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?))"
)


class Symbol(NamedTuple):
    """One symbol of a text: ``kind`` is ``name``, ``sign``, ``number`` or ``end``."""

    kind: str
    text: str
    column: int


class Reader:
    """Reads the symbols of one line."""

    def __init__(self, text: str, line: int = 1) -> None:
        """Cut a line into symbols.

        Raises:
            FormulaError: At a character that starts no symbol, or if there are too many.
        """
        self.text, self.line, self._at = text, line, 0
        self._symbols: list[Symbol] = []
        position, stop = 0, len(text.rstrip())
        while position < stop:
            found = _SYMBOL.match(text, position)
            if found is None:
                position += len(text[position:]) - len(text[position:].lstrip())
                raise self.error(f"unexpected character {text[position]!r}", position + 1)
            kind = found.lastgroup or ""
            self._symbols.append(Symbol(kind, found[kind], found.start(kind) + 1))
            position = found.end()
        if len(self._symbols) > MAX_SYMBOLS:
            raise self.error(
                f"too long: at most {MAX_SYMBOLS} symbols are read",
                self._symbols[MAX_SYMBOLS].column,
            )
        self._symbols.append(Symbol("end", "", stop + 1))

    @property
    def next(self) -> Symbol:
        """The next symbol."""
        return self._symbols[self._at]

    def take(self) -> Symbol:
        """Return the next symbol and go on behind it."""
        symbol = self.next
        self._at += symbol.kind != "end"
        return symbol

    def skip(self, *texts: str) -> str:
        """Go behind the next symbol if it is one of these; return it, or ``""``."""
        return self.take().text if self.next.text in texts and self.next.kind != "end" else ""

    def expect(self, text: str) -> None:
        """Go behind a symbol that must come next.

        Raises:
            FormulaError: If another one does.
        """
        if not self.skip(text):
            raise self.unexpected(f"expected {text!r}")

    def name(self, what: str) -> Symbol:
        """Return a name that must come next.

        Raises:
            FormulaError: If something else does, or the name is reserved.
        """
        if self.next.kind != "name" or self.next.text in RESERVED:
            raise self.unexpected(f"expected {what}")
        return self.take()

    def number(self) -> float:
        """Return a number that must come next.

        Raises:
            FormulaError: If something else does.
        """
        if self.next.kind != "number":
            raise self.unexpected("expected a number")
        if not math.isfinite(float(self.next.text)):
            raise self.unexpected("expected a finite number")
        return float(self.take().text)

    def close(self) -> None:
        """Make sure that nothing is left.

        Raises:
            FormulaError: If something is.
        """
        if self.next.kind != "end":
            raise self.unexpected("expected the end of the line")

    def unexpected(self, reason: str) -> FormulaError:
        """Return an error about the next symbol."""
        seen = repr(self.next.text) if self.next.text else "the end of the line"
        return self.error(f"{reason}, got {seen}", self.next.column)

    def error(self, reason: str, column: int) -> FormulaError:
        """Return an error at a column of this line."""
        return FormulaError(reason, self.line, column, self.text)

    def formula(self, *, temporal: bool = False, binding: int = 1) -> Formula:
        """Read a formula.

        Args:
            temporal: Allow ``X WX F G U R``.
            binding: Read only what binds at least as tightly.

        Raises:
            FormulaError: If there is none, with position and reason.
        """
        left = self._unary(temporal)
        while (strength := BINDING.get(self.next.text, 0)) >= binding:
            self._check_step(temporal)
            sign = self.take().text
            tighter = strength + (sign in "&|")  # the others group to the right
            right = self.formula(temporal=temporal, binding=tighter)
            left = Or(Not(left), right) if sign == "->" else SHAPES[sign](left, right)
        return left

    def _unary(self, temporal: bool) -> Formula:
        if self.skip("!"):
            return Not(self._unary(temporal))
        if self.next.text in ("X", "WX", "F", "G"):
            self._check_step(temporal)
            return _temporal(self.take().text, self._unary(temporal))
        if self.skip("("):
            inner = self.formula(temporal=temporal)
            self.expect(")")
            return inner
        if word := self.skip("true", "false"):
            return Constant(word == "true")
        return self._atom()

    def _check_step(self, temporal: bool) -> None:
        if self.next.text in _TEMPORAL and not temporal:
            reason = f"{self.next.text!r} is temporal, but a guard speaks of one step alone"
            raise self.error(reason, self.next.column)

    def _atom(self) -> Atom:
        symbol = self.name("a feature, 'true', 'false', '!' or '('")
        relation = self.skip(*RELATIONS)
        value = self.number() if relation else 0.0
        return Atom(symbol.text, relation, value, self.line, symbol.column)


def _temporal(word: str, body: Formula) -> Formula:
    if word == "X":
        return Next(body)
    if word == "WX":
        return WeakNext(body)
    return Until(Constant(True), body) if word == "F" else Release(Constant(False), body)


def parse(text: str, *, temporal: bool = False) -> Formula:
    """Read a formula from one line of text.

    Raises:
        FormulaError: If it is malformed, with column and reason.
        TypeError: If it is no text.

    >>> parse("!lit")
    Not(body=Atom(name='lit', relation='', value=0.0, line=1, column=2))
    """
    if not isinstance(text, str):
        raise TypeError(f"the formula must be text, got {text!r}")
    reader = Reader(text)
    formula = reader.formula(temporal=temporal)
    reader.close()
    return formula
