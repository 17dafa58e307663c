"""Edits that read how training on a program went."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from operant.reward_design.llm.providers.mutate.advice import heed
from operant.reward_design.llm.providers.mutate.grammar import Grammar
from operant.reward_design.llm.providers.mutate.mutation import mutate, reweigh
from operant.reward_design.llm.providers.mutate.terms import ONE, Term, TermProgram
from operant.reward_design.llm.search.brief import CandidateReport

FAILED = 0.05
"""A success rate that never exceeds this means that the program does not lead to the goal."""
SOLVED = 0.95
"""From this success rate on a program is only weighed anew."""
EXTEND = 0.8
"""How often a program that works in part gets one more part, and no other edit."""
DOMINATES = 0.8
"""A term with more than this share of all that is paid, in magnitude, hides the others."""
STEADY = 0.02
"""A curve whose spread is less than this part of its size is constant."""
SILENT = 1e-9
"""A term whose mean pay never exceeds this has never paid."""


def improve(
    program: TermProgram, report: CandidateReport, grammar: Grammar, rng: np.random.Generator
) -> TermProgram:
    """Return a program that answers a report.

    What works in part is kept whole, mostly with one more part: in trials every other edit did
    harm on average. What works is weighed anew. Otherwise each term is kept, rescaled, turned or
    replaced by what it paid, and a blind edit follows where that leaves little to answer.

    Source: Eureka: Human-Level Reward Design via Coding Large Language Models (Ma et al., 2024),
    the advice in its reward reflection, as rules.
    """
    success = _success(report)
    if success is None or success <= FAILED or not program.terms:
        return _answer(heed(program, report.findings, grammar, rng), report, grammar, rng)
    if success >= SOLVED:
        return reweigh(program, grammar, rng)
    more = program.with_terms([*program.terms, *_more(program, report, grammar, rng)])
    if more != program and rng.random() < EXTEND:
        return more
    return mutate(program, grammar, rng)


def has_failed(report: CandidateReport) -> bool:
    """Return whether a report says that training on it never reached the goal."""
    success = _success(report)
    return success is not None and success <= FAILED


def _success(report: CandidateReport) -> float | None:
    """Return how well a program did, as far as its report tells; None if that is hidden."""
    return max(report.success) if report.success else report.fitness


def _more(
    program: TermProgram, report: CandidateReport, grammar: Grammar, rng: np.random.Generator
) -> list[Term]:
    """Return another part of a program: a way to what never paid, if there is such a term."""
    silent = [term for term in program.terms if _is_silent(_curve(term, report))]
    way = grammar.way_to(silent[0].reads(), rng) if silent else []
    return way or grammar.part(rng)


def _answer(
    program: TermProgram, report: CandidateReport, grammar: Grammar, rng: np.random.Generator
) -> TermProgram:
    """Return a program whose terms were changed by what they paid."""
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


def _is_silent(curve: Sequence[float]) -> bool:
    return bool(curve) and max(map(abs, curve)) <= SILENT


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


def _curve(term: Term, report: CandidateReport) -> tuple[float, ...]:
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
    if _is_silent(curve):
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
