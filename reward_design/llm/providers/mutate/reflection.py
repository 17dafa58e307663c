"""Edits that read what runs and checks said of a program."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

import numpy as np

from operant.reward_design.llm.findings import Finding
from operant.reward_design.llm.providers.mutate.grammar import Grammar
from operant.reward_design.llm.providers.mutate.mutation import mutate
from operant.reward_design.llm.providers.mutate.terms import ONE, Term, TermProgram
from operant.reward_design.llm.search.brief import Report

FAILED = 0.05
"""A success rate that never exceeds this means that the program does not lead to the goal."""
DOMINATES = 0.8
"""A term with more than this share of all that is paid, in magnitude, hides the others."""
STEADY = 0.02
"""A curve whose spread is less than this part of its size is constant."""
SILENT = 1e-9
"""A term whose mean pay never exceeds this has never paid."""


def improve(
    program: TermProgram, report: Report, grammar: Grammar, rng: np.random.Generator
) -> TermProgram:
    """Return a program that answers a report: each term is kept, rescaled, turned, or replaced.

    A blind edit is added where the report leaves little to answer.

    Source: Eureka: Human-Level Reward Design via Coding Large Language Models (Ma et al., 2024),
    the advice in its reward reflection, as rules.
    """
    program = heed(program, report.findings, grammar, rng)
    curves = {term: _curve(term, report) for term in program.terms}
    sizes = {term: abs(float(np.mean(curve))) for term, curve in curves.items() if curve}
    total = sum(sizes.values())
    terms: list[Term] = []
    for term in program.terms:
        curve = curves[term]
        share = sizes.get(term, 0.0) / total if total and len(sizes) > 1 else 0.0
        terms += [term] if not curve else _answered(term, curve, share, grammar, rng)
    changed = program.with_terms(terms)
    if changed == program or rng.random() < 0.5:
        changed = mutate(changed, grammar, rng)
    return changed


def has_failed(report: Report) -> bool:
    """Return whether a report says that training on it never reached the goal."""
    if report.success:
        return max(report.success) <= FAILED
    return report.fitness is not None and report.fitness <= FAILED


def heed(
    program: TermProgram,
    findings: Sequence[Finding],
    grammar: Grammar,
    rng: np.random.Generator,
) -> TermProgram:
    """Return a program that answers what checks found.

    What can be farmed by oscillating becomes a difference, which nets nothing on a way back; what
    pays for standing still as well. Who is paid for dying early pays less for time. A constant
    program gets another term.
    """
    for finding in findings:
        if finding.severity == "note":
            continue
        code = finding.code.lower()
        if "oscillat" in code or "still" in code:
            program = program.with_terms(map(as_difference, program.terms))
        elif "dying" in code or "early" in code:
            program = program.with_terms(t for t in program.terms if t.body != ONE)
        elif "constant" in code:
            program = program.with_terms([*program.terms, *grammar.part(rng)])
    return program


def as_difference(term: Term) -> Term:
    """Return a term that pays for an event or a level as the change of what it reads."""
    event = re.fullmatch(r'1\.0 if info\["(\w+)"\] > info\["prev_\1"\] else 0\.0', term.body)
    level = re.fullmatch(r'info\["(\w+)"\]', term.body)
    found = event or level
    if not found or found[1].startswith("prev_"):
        return term
    name = found[1]
    body = f'info["{name}"] - info["prev_{name}"]'
    return dataclasses.replace(term, name=f"more_{name}", body=body, slot=term.slot)


def prefer(best: TermProgram, worst: TermProgram | None, rng: np.random.Generator) -> TermProgram:
    """Return the preferred program, more like itself: away from the one liked least.

    Terms that only the best has weigh more, terms that both have sometimes go.

    Source: ICPL: Few-shot In-context Preference Learning via LLMs (Yu et al., 2024), what a model
    is asked to do with its two examples.
    """
    shared = {term.body for term in worst.terms} if worst else set()
    if not shared or all(term.body in shared for term in best.terms):
        return best
    kept = []
    for term in best.terms:
        if term.body not in shared:
            kept.append(term.scaled(1.5) if rng.random() < 0.5 else term)
        elif rng.random() < 0.7:
            kept.append(term)
    return best.with_terms(kept)


def _curve(term: Term, report: Report) -> tuple[float, ...]:
    """Return what a term paid per step; the language may know a foreign one by what it reads."""
    return report.terms.get(term.name, report.terms.get(term.body, ()))


def _answered(
    term: Term,
    curve: Sequence[float],
    share: float,
    grammar: Grammar,
    rng: np.random.Generator,
) -> list[Term]:
    """Return what becomes of a term, given what it paid."""
    low, high = min(curve), max(curve)
    if max(abs(low), abs(high)) <= SILENT:
        return _woken(term, grammar, rng)
    if term.body == ONE:
        return [term.scaled(1 / _factor(rng))] if share > 0.5 else [term]
    if high < 0.0 and rng.random() < 0.5:  # pays for nothing the agent ever learns to do
        return [term.scaled(-1.0)]
    if len(curve) > 2 and high - low <= STEADY * max(abs(low), abs(high)):
        return [term.scaled(1 / _factor(rng))] if rng.random() < 0.5 else []
    return [term.scaled(1 / _factor(rng))] if share > DOMINATES else [term]


def _woken(term: Term, grammar: Grammar, rng: np.random.Generator) -> list[Term]:
    """Return what replaces a term that never paid: more of it, a way to it, or something else."""
    kind = rng.random()
    if kind < 0.25:
        return [term.scaled(_factor(rng))]
    if kind < 0.75:
        return [term, *grammar.way_to(term.reads(), rng)]
    return grammar.part(rng)


def _factor(rng: np.random.Generator) -> float:
    return float(10 ** rng.uniform(0.3, 1.0))
