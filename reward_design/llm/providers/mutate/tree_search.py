"""Monte-Carlo tree search over programs: a node is a program, an edge is an edit."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import re
from collections.abc import Iterable

import numpy as np

from operant.reward_design.llm.findings import rejects
from operant.reward_design.llm.providers.mutate.compiles import compiles
from operant.reward_design.llm.providers.mutate.grammar import Grammar
from operant.reward_design.llm.providers.mutate.mutation import mutate, mutate_numbers
from operant.reward_design.llm.providers.mutate.reading import parse_function, read_program
from operant.reward_design.llm.providers.mutate.reflection import improve
from operant.reward_design.llm.providers.mutate.writer import RuleWriter
from operant.reward_design.llm.search.brief import Brief, CandidateReport

WIDTH, GROWTH = 2.0, 0.7
"""A node of N programs may have ``WIDTH * N ** GROWTH`` children before its children are tried."""
ATTEMPTS = 3
"""How often a child that was written before is edited again."""
_PARENT = re.compile(r"^\s*# child of ([0-9a-f]{12})$", re.MULTILINE)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class TreeNode:
    """A program that was written.

    Attributes:
        parent: Key of the program that it was made from; ``""`` if it was fresh.
        report: What is known of it; None if nobody reported on it yet.
    """

    parent: str
    report: CandidateReport | None = None


class TreeSearch(RuleWriter):
    """Upper confidence bounds over a tree of programs, with progressive widening.

    It remembers what it wrote and what it was told. A program says in a comment which one it was
    made from, so :meth:`learn` rebuilds the tree from the reports of an earlier search, in any
    order. What was written and never reported on counts as the worst there is.

    Source: Bandit Based Monte-Carlo Planning (Kocsis, Szepesvari, 2006); Progressive Strategies for
    Monte-Carlo Tree Search (Chaslot et al., 2008), widening. Deviation: there are no rollouts, as
    every node is a whole program.
    """

    name = "tree"
    note = "Written by tree search over terms; no language model took part."

    def __init__(self, *, seed: int, exploration: float = 0.5) -> None:
        """Choose how much is explored.

        Args:
            seed: Of everything random, >= 0.
            exploration: Factor of the confidence bound, >= 0; scores are scaled to [0, 1].

        Raises:
            ValueError: If an argument is outside its range.
        """
        super().__init__(seed=seed)
        self._first_seed = seed
        if not 0.0 <= exploration < math.inf:
            raise ValueError(f"exploration must be >= 0 and finite, got {exploration}")
        self._exploration = exploration
        self._nodes: dict[str, TreeNode] = {}

    def afresh(self) -> TreeSearch:
        """Return one like it that has learned nothing."""
        return TreeSearch(seed=self._first_seed, exploration=self._exploration)

    def learn(self, reports: Iterable[CandidateReport]) -> None:
        """Take in what is known of programs: those of this tree, of an earlier one, or foreign."""
        for report in reports:
            if report.source:
                self._nodes[key_of(report.source)] = TreeNode(
                    parent=_parent_of(report.source), report=report
                )

    def best_path(self) -> list[str]:
        """Return the sources from a fresh program to the best one that is known."""
        known = [key for key, node in self._nodes.items() if node.report is not None]
        key = max(known, key=lambda each: (self._value(each), each), default="")
        path: list[str] = []
        while key and (report := self._nodes[key].report) is not None:
            path.insert(0, report.source)
            key = self._parent(key)
        return path

    def prepare(self, brief: Brief) -> None:
        """Learn what the brief reports."""
        self.learn(brief.reports)

    def design(self, brief: Brief, grammar: Grammar, rng: np.random.Generator, sample: int) -> str:
        """Return a child of the most promising program that may have another one."""
        del sample  # the tree decides what is fresh
        parent = self._chosen()
        node = self._nodes.get(parent)
        source = ""
        if node is not None and node.report is not None:
            source = self._child(parent, node.report, brief, grammar, rng)
        if not source:
            parent, source = "", grammar.program(rng).source()
        self._nodes.setdefault(key_of(source), TreeNode(parent=parent))
        return source

    def _child(
        self,
        key: str,
        report: CandidateReport,
        brief: Brief,
        grammar: Grammar,
        rng: np.random.Generator,
    ) -> str:
        """Return a program made from another one, new if that is easy; ``""`` if none compiles."""
        program = read_program(report.source, brief.form, grammar.features)
        if program is None:
            function = parse_function(report.source)
            source = mutate_numbers(function, rng) if function else ""
        else:
            child = improve(program, report, grammar, rng)
            for _ in range(ATTEMPTS):
                if key_of(child.source()) not in self._nodes:
                    break
                child = mutate(child, grammar, rng)
            source = child.source(f"child of {key}")
        return source if source and compiles(source, brief) else ""

    def _chosen(self) -> str:
        """Return the key of the node to expand, ``""`` for the root, which writes fresh ones."""
        children = self._children()
        key = ""
        while True:
            below = children.get(key, [])
            tried = [each for each in below if self._nodes[each].report is not None]
            visits = self._size(key, children)
            if not tried or len(below) < WIDTH * visits**GROWTH:
                return key
            key = max(tried, key=lambda each: (self._bound(each, visits, children), each))

    def _children(self) -> dict[str, list[str]]:
        """Return key -> keys of its children; what has no known parent is below the root."""
        children: dict[str, list[str]] = {}
        for key in self._nodes:
            children.setdefault(self._parent(key), []).append(key)
        return children

    def _parent(self, key: str) -> str:
        """Return the key of a node's parent; the root's, ``""``, if it is unknown or below it."""
        parent = self._nodes[key].parent
        above, seen = parent, {key}
        while above in self._nodes and above not in seen:
            seen.add(above)
            above = self._nodes[above].parent
        return parent if parent in self._nodes and above not in seen else ""

    def _below(self, key: str, children: dict[str, list[str]]) -> list[str]:
        """Return a node and all nodes below it; the root is none of them."""
        found = [key] if key else []
        for child in children.get(key, []):
            found += self._below(child, children)
        return found

    def _size(self, key: str, children: dict[str, list[str]]) -> int:
        return max(1, len(self._below(key, children)))

    def _bound(self, key: str, visits: int, children: dict[str, list[str]]) -> float:
        below = self._below(key, children)
        values = [self._value(each) for each in self._nodes]
        low, high = min(values), max(values)
        mean = sum(self._value(each) for each in below) / len(below)
        score = (mean - low) / (high - low) if high > low else 0.0
        return score + self._exploration * math.sqrt(math.log(visits) / len(below))

    def _value(self, key: str) -> float:
        """Return the score of a program, as far as the reports tell."""
        report = self._nodes[key].report
        if report is None or rejects(report.findings):
            return 0.0
        if report.fitness is not None:
            return report.fitness
        return float(report.preferred == "best")


def key_of(source: str) -> str:
    """Return what names a program in comments: 12 digits of a hash of its text without these."""
    lines = [line for line in source.splitlines() if not line.lstrip().startswith("#")]
    return hashlib.sha256("\n".join(lines).strip().encode()).hexdigest()[:12]


def _parent_of(source: str) -> str:
    found = _PARENT.search(source)
    return found[1] if found else ""
