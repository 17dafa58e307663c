"""Programs made of several."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Sequence

import numpy as np

from operant.reward_design.llm.providers.mutate.terms import (
    TermProgram,
    fresh_name,
    written,
)


def cross(first: TermProgram, second: TermProgram, rng: np.random.Generator) -> TermProgram:
    """Return a child with each term of either parent with probability 1/2, at least one."""
    both = union([first, second])
    kept = [term for term in both.terms if rng.random() < 0.5]
    return both.with_terms(kept or both.terms[:1])


def union(programs: Sequence[TermProgram]) -> TermProgram:
    """Return a program with all terms of some programs, in order, as far as there is room.

    Of terms that are the same but for their weights the first one stays.
    """
    found = programs[0]
    for program in programs[1:]:
        program = _apart(program, found)
        found = dataclasses.replace(found, prelude=found.prelude + program.prelude).with_terms(
            found.terms + program.terms
        )
    return found


def _apart(program: TermProgram, other: TermProgram) -> TermProgram:
    """Return a program whose own names are none of another's."""
    taken = other.names_of_prelude() | {term.name for term in other.terms}
    renamed: dict[str, str] = {}
    for name in sorted(program.names_of_prelude()):
        renamed[name] = fresh_name(name, taken)
        taken.add(renamed[name])
    return dataclasses.replace(
        program,
        prelude=tuple(_with_names(text, renamed) for text in program.prelude),
        terms=tuple(
            dataclasses.replace(term, body=_with_names(term.body, renamed))
            for term in program.terms
        ),
    )


def _with_names(text: str, renamed: dict[str, str]) -> str:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = renamed.get(node.id, node.id)
    return written(tree)
