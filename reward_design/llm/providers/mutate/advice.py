"""Edits that answer what checks found in a program before anything was trained on it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from operant.reward_design.llm.findings import Finding
from operant.reward_design.llm.providers.mutate.grammar import Grammar
from operant.reward_design.llm.providers.mutate.mutation import flip, widened
from operant.reward_design.llm.providers.mutate.terms import ONE, Term, TermProgram

Rule = Callable[[TermProgram, Finding, Grammar, np.random.Generator], TermProgram]

LESS, WIDER = 0.2, 3.0
"""Factor of a term that hides the others, and of the width of one that is at its limits."""


def heed(
    program: TermProgram,
    findings: Sequence[Finding],
    grammar: Grammar,
    rng: np.random.Generator,
) -> TermProgram:
    """Return a program that answers what checks found; notes and what is unknown are left alone.

    What pays for oscillating or for standing still becomes a difference, which nets nothing on a
    way back. What pays for dying early loses its costs of time. Terms that never vary or repeat
    others go, those that hide the others or are at their limits are scaled.
    """
    for finding in findings:
        if finding.severity != "note" and finding.code in RULES:
            program = RULES[finding.code](program, finding, grammar, rng)
    return program


def as_difference(term: Term) -> Term:
    """Return a term that pays for an event or a level as the change of what it reads."""
    event = re.fullmatch(r'1\.0 if info\["(\w+)"\] > info\["prev_\1"\] else 0\.0', term.body)
    level = re.fullmatch(r'info\["((?!prev_)\w+)"\]', term.body)
    found = event or level
    if not found:
        return term
    name = found[1]
    body = f'info["{name}"] - info["prev_{name}"]'
    return dataclasses.replace(term, name=f"more_{name}", body=body)


def _as_differences(
    program: TermProgram, _: Finding, grammar: Grammar, __: np.random.Generator
) -> TermProgram:
    if grammar.form == "potential":
        return program  # its differences are what is paid
    return program.with_terms(map(as_difference, program.terms))


def _without_costs(
    program: TermProgram, _: Finding, __: Grammar, ___: np.random.Generator
) -> TermProgram:
    return program.with_terms(term for term in program.terms if term.body != ONE)


def _with_more(
    program: TermProgram, _: Finding, grammar: Grammar, rng: np.random.Generator
) -> TermProgram:
    return program.with_terms([*program.terms, *grammar.part(rng)])


def _without_named(
    program: TermProgram, finding: Finding, _: Grammar, __: np.random.Generator
) -> TermProgram:
    gone = {finding.data.get("term"), *finding.data.get("terms", ())[1:]}
    return program.with_terms(term for term in program.terms if term.name not in gone)


def _less_of_named(
    program: TermProgram, finding: Finding, _: Grammar, __: np.random.Generator
) -> TermProgram:
    name = finding.data.get("term")
    return program.with_terms(t.scaled(LESS) if t.name == name else t for t in program.terms)


def _wider_named(
    program: TermProgram, finding: Finding, _: Grammar, __: np.random.Generator
) -> TermProgram:
    name = finding.data.get("term")
    return program.with_terms(widened(t, WIDER) if t.name == name else t for t in program.terms)


def _turned(
    program: TermProgram, _: Finding, grammar: Grammar, rng: np.random.Generator
) -> TermProgram:
    return flip(program, grammar, rng) if program.terms else program


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "standing still": _as_differences,
        "oscillating": _as_differences,
        "acting at random": _as_differences,
        "dying early": _without_costs,
        "constant": _with_more,
        "constant term": _without_named,
        "duplicate": _without_named,
        "dominant": _less_of_named,
        "saturated": _wider_named,
        "wrong direction": _turned,
    }
)
"""Code of a finding -> what is done about it."""
