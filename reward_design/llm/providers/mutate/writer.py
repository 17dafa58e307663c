"""What all providers without a language model share: seeds, answers, verdicts and merging."""

from __future__ import annotations

import abc
import hashlib
import json
from collections.abc import Sequence

import numpy as np

from operant.reward_design.llm.providers.mutate.compiles import compiles
from operant.reward_design.llm.providers.mutate.crossover import union
from operant.reward_design.llm.providers.mutate.grammar import Grammar
from operant.reward_design.llm.providers.mutate.reading import read_program
from operant.reward_design.llm.providers.mutate.terms import TermProgram
from operant.reward_design.llm.providers.protocol import Completion, Kind, ProviderError, Request
from operant.reward_design.llm.search.brief import Brief, CandidateReport


class RuleWriter(abc.ABC):
    """Writes programs by rule, from the data of a request instead of its text.

    Every sample has a random stream of its own, decided by the seed, the content of the request and
    the index of the sample: equal questions get equal answers, in any order.

    Attributes:
        kind: ``"mutation"``.
        name: What is written into lineages.
    """

    kind: Kind = "mutation"
    name: str
    note: str
    """First line of every answer: what wrote it."""

    def __init__(self, *, seed: int) -> None:
        """Choose the seed.

        Args:
            seed: Of everything random, >= 0.

        Raises:
            ValueError: If it is negative.
        """
        if seed < 0:
            raise ValueError(f"seed must be >= 0, got {seed}")
        self._seed = seed

    def complete(self, request: Request) -> Sequence[Completion]:
        """Return ``request.n`` completions, in the order of their sample index.

        Raises:
            ProviderError: If the request has no brief: its text is not read.
        """
        if request.brief is None:
            raise ProviderError(
                f"{self.name} was asked in words alone, and it reads data; give the request a brief"
            )
        texts = self._texts(request, request.brief)
        return [Completion(text=text, model=self.name) for text in texts]

    def _texts(self, request: Request, brief: Brief) -> list[str]:
        samples = range(request.first_sample, request.first_sample + request.n)
        if request.purpose == "criticise":
            return [verdict(brief)] * len(samples)
        grammar = Grammar(brief)
        streams = [_stream(self._seed, request, brief, sample) for sample in samples]
        if request.purpose == "merge":
            return [self._fenced(merged(brief, grammar, rng)) for rng in streams]
        self.prepare(brief)
        return [
            self._fenced(self.design(brief, grammar, rng, sample))
            for sample, rng in zip(samples, streams, strict=True)
        ]

    def prepare(self, brief: Brief) -> None:  # noqa: B027 (most writers need none)
        """Take note of a brief before programs are written for it."""

    @abc.abstractmethod
    def design(self, brief: Brief, grammar: Grammar, rng: np.random.Generator, sample: int) -> str:
        """Return the source of a program.

        Args:
            brief: What is wanted.
            grammar: Of terms over its features.
            rng: The sample's own source of chance.
            sample: Its index.
        """

    def _fenced(self, source: str) -> str:
        return f"{self.note}\n\n```python\n{source}```\n"


def verdict(brief: Brief) -> str:
    """Return what a critic says: ``ACCEPT``, or a line for each thing that checks found wrong."""
    errors = [
        f"ERROR: {finding.message}"
        for report in brief.reports
        for finding in report.findings
        if finding.severity != "note"
    ]
    return "\n".join(errors) or "ACCEPT"


def merged(brief: Brief, grammar: Grammar, rng: np.random.Generator) -> str:
    """Return one program with the terms of all candidates; a fresh one if none can be read."""
    programs = [program for _, program in readable(brief, grammar) if program.terms]
    if programs:
        source = union(programs).source()
        if compiles(source, brief):
            return source
    return grammar.program(rng).source()


def readable(brief: Brief, grammar: Grammar) -> list[tuple[CandidateReport, TermProgram]]:
    """Return the candidates of a brief whose programs can be taken apart, with their terms."""
    read = [
        (report, read_program(report.source, brief.form, grammar.features))
        for report in brief.reports
    ]
    return [(report, program) for report, program in read if program is not None]


def _stream(seed: int, request: Request, brief: Brief, sample: int) -> np.random.Generator:
    """Return the source of chance of a sample."""
    content = [
        [[message.role, message.content] for message in request.messages],
        [request.purpose, brief.form, brief.round, brief.comment, brief.task.identity],
        [[report.source, report.fitness, report.preferred] for report in brief.reports],
    ]
    digest = hashlib.sha256(json.dumps(content).encode()).digest()
    words = [int.from_bytes(digest[k : k + 4], "big") for k in range(0, 16, 4)]
    return np.random.default_rng([seed, request.seed or 0, sample, *words])
