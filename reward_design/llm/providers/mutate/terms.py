"""Rewards as sums of weighted terms, and their text."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterable

from operant.reward_design.llm.search.candidate import Form
from operant.reward_design.llm.search.forms import FORMS

MAX_TERMS = {"reward": 8, "potential": 8, "signs": 8, "factors": 16}
"""Form -> most terms that are written."""
ONE = "1.0"
"""Body of a term that is its weight: the same in every step."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Term:
    """A weighted part of a program: ``name = weight * body``.

    Attributes:
        name: What the program calls it.
        body: An expression, as Python's ``ast.unparse`` writes it.
        weight: Its factor.
        slot: In the form ``signs``, which number it is added to: 0 sparse, 1 dense. Else 0.
    """

    name: str
    body: str
    weight: float = 1.0
    slot: int = 0

    def scaled(self, factor: float) -> Term:
        """Return the same with another weight, three digits of it."""
        return dataclasses.replace(self, weight=rounded(self.weight * factor))

    def reads(self) -> set[str]:
        """Return the names of the features that it reads, without ``prev_``."""
        return read_by(ast.parse(self.body))


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class TermProgram:
    """A program that is a sum of terms; in the form ``factors``, a list of them.

    Attributes:
        form: What it returns.
        terms: In order of their slots, each with a name of its own.
        prelude: Statements before them, which only a foreign program has.
    """

    form: Form
    terms: tuple[Term, ...]
    prelude: tuple[str, ...] = ()

    def with_terms(self, terms: Iterable[Term]) -> TermProgram:
        """Return the same with other terms; of two with the same name or body the first stays."""
        kept: list[Term] = []
        names, bodies = set(self.names_of_prelude()), set()
        for term in terms:
            if (term.body, term.slot) in bodies or not term.weight:
                continue
            bodies.add((term.body, term.slot))
            kept.append(dataclasses.replace(term, name=fresh_name(term.name, names)))
            names.add(kept[-1].name)
        kept = kept[: MAX_TERMS[self.form]]
        return dataclasses.replace(self, terms=tuple(sorted(kept, key=lambda term: term.slot)))

    def names_of_prelude(self) -> set[str]:
        """Return the names that the statements before the terms assign or count with."""
        nodes = [node for text in self.prelude for node in ast.walk(ast.parse(text))]
        return {name.id for name in nodes if isinstance(name, ast.Name) and _is_store(name)}

    def source(self, *comments: str) -> str:
        """Return it as text of the language.

        Args:
            *comments: Lines that stand before the first statement.
        """
        lines = [FORMS[self.form].signature, *(f"    # {comment}" for comment in comments)]
        lines += [f"    {line}" for text in self.prelude for line in text.splitlines()]
        lines += [f"    {term.name} = {_weighted(term)}" for term in self.terms]
        return "\n".join([*lines, f"    return {self._returned()}", ""])

    def _returned(self) -> str:
        if self.form == "factors":
            return f"[{', '.join(term.name for term in self.terms) or '0.0'}]"
        if self.form == "signs":
            return f"[{_sum(self.terms, 0)}, {_sum(self.terms, 1)}]"
        return _sum(self.terms, 0)


def rounded(weight: float) -> float:
    """Return a weight with three digits: programs are read by people."""
    return float(f"{weight:.3g}")


def fresh_name(name: str, taken: Iterable[str]) -> str:
    """Return a name that is not taken: itself, or itself and a number."""
    found, taken, number = name, set(taken), 1
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    return found


def read_by(node: ast.AST) -> set[str]:
    """Return the names of the features that some code reads, without ``prev_``."""
    return {
        str(part.slice.value).removeprefix("prev_")
        for part in ast.walk(node)
        if isinstance(part, ast.Subscript)
        and isinstance(part.value, ast.Name)
        and part.value.id == "info"
        and isinstance(part.slice, ast.Constant)
    }


def written(node: ast.AST) -> str:
    """Return code as text, with the double quotes that people write around names."""
    return ast.unparse(node).replace("'", '"')


def _is_store(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Store)


def _sum(terms: Iterable[Term], slot: int) -> str:
    return " + ".join(term.name for term in terms if term.slot == slot) or "0.0"


def _weighted(term: Term) -> str:
    if term.body == ONE:
        return repr(term.weight)
    if term.weight == 1.0:
        return term.body
    body = ast.parse(term.body, mode="eval").body
    return written(ast.BinOp(ast.Constant(term.weight), ast.Mult(), body))
