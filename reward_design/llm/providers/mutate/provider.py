"""Mutation: fresh programs, and children of those that a brief shows."""

from __future__ import annotations

import numpy as np

from operant.reward_design.llm.findings import rejects
from operant.reward_design.llm.providers.mutate.compiles import compiles
from operant.reward_design.llm.providers.mutate.crossover import cross
from operant.reward_design.llm.providers.mutate.grammar import Grammar
from operant.reward_design.llm.providers.mutate.mutation import mutate, mutate_numbers
from operant.reward_design.llm.providers.mutate.reading import parse_function
from operant.reward_design.llm.providers.mutate.reflection import (
    has_failed,
    improve,
    prefer,
)
from operant.reward_design.llm.providers.mutate.terms import TermProgram
from operant.reward_design.llm.providers.mutate.writer import RuleWriter, readable
from operant.reward_design.llm.search.brief import Brief, CandidateReport

CROSS = 0.2
"""How often a child has two parents, where the brief shows two."""
RESTART = 0.9
"""How often a parent that never reached the goal is given up, where reports are read."""
FIRST = 0.7
"""How often the first candidate shown is the parent, and not any of them."""


class Mutation(RuleWriter):
    """An evolutionary search: it breeds the programs that a brief shows, and adds fresh ones.

    It keeps nothing between requests; which candidates are shown is the search's decision. A greedy
    line of children of a winner by luck can be worse than no line at all, so a part of every round
    is fresh.
    """

    name = "mutate"
    note = "Written by mutation of terms; no language model took part."

    def __init__(self, *, seed: int, reflect: bool = True, immigrants: float = 0.5) -> None:
        """Choose how programs are written.

        Args:
            seed: Of everything random, >= 0.
            reflect: True to read what runs and checks said of the parents; False for blind edits.
            immigrants: Part of the samples that is fresh, in [0, 1]; 1 is independent sampling.

        Raises:
            ValueError: If an argument is outside its range.
        """
        super().__init__(seed=seed)
        if not 0.0 <= immigrants <= 1.0:
            raise ValueError(f"immigrants must be in [0, 1], got {immigrants}")
        self._reflect, self._immigrants = reflect, immigrants

    def design(self, brief: Brief, grammar: Grammar, rng: np.random.Generator, sample: int) -> str:
        """Return a fresh program, or a child of the candidates shown."""
        if brief.reports and not self._is_immigrant(sample):
            child = self._child(brief, grammar, rng)
            if child and compiles(child, brief):
                return child
        return grammar.program(rng).source()

    def _is_immigrant(self, sample: int) -> bool:
        """Spread the fresh ones evenly over the samples."""
        return int((sample + 1) * self._immigrants) > int(sample * self._immigrants)

    def _child(self, brief: Brief, grammar: Grammar, rng: np.random.Generator) -> str:
        parents = readable(brief, grammar)
        if not parents:
            function = parse_function(brief.reports[0].source)
            return mutate_numbers(function, rng) if function else ""
        report, program = _parent(parents, rng)
        others = [other for each, other in parents if each is not report]
        if others and rng.random() < CROSS and report.preferred != "best":
            program = cross(program, others[rng.integers(len(others))], rng)
        if not self._reflect:
            return mutate(program, grammar, rng).source()
        if has_failed(report) and rng.random() < RESTART:
            return ""
        if report.preferred == "best":
            worst = next((p for r, p in parents if r.preferred == "worst"), None)
            program = prefer(program, worst, rng)
        return improve(program, report, grammar, rng).source()


def _parent(
    parents: list[tuple[CandidateReport, TermProgram]], rng: np.random.Generator
) -> tuple[CandidateReport, TermProgram]:
    """Return the best one where somebody chose it, else mostly the first one shown."""
    best = [parent for parent in parents if parent[0].preferred == "best"]
    if best:
        return best[0]
    sound = [parent for parent in parents if not rejects(parent[0].findings)] or parents
    return parents[0] if rng.random() < FIRST else sound[rng.integers(len(sound))]
