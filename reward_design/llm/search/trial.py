"""A candidate and all that is known of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from operant.reward_design.llm.findings import Finding, rejects
from operant.reward_design.llm.search.brief import CandidateReport
from operant.reward_design.llm.search.candidate import Candidate
from operant.reward_design.llm.search.fitness import fitness
from operant.reward_design.llm.search.results import RunResult


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """A candidate, what checks said of it, and the runs that were made with it.

    Attributes:
        candidate: What was proposed.
        findings: What was found.
        results: The runs, one per seed.
    """

    candidate: Candidate
    findings: tuple[Finding, ...] = ()
    results: tuple[RunResult, ...] = ()

    @property
    def name(self) -> str:
        """Name of the candidate."""
        return self.candidate.name

    @property
    def accepted(self) -> bool:
        """Whether it may be trained on."""
        return not rejects(self.findings)

    @property
    def fitness(self) -> float | None:
        """Its score, higher is better; None if no run ended well."""
        return fitness(self.results)

    @property
    def representative(self) -> RunResult | None:
        """The first run that ended well, whose curves stand for all."""
        return next((result for result in self.results if result.status == "ok"), None)

    @property
    def terms(self) -> Mapping[str, tuple[float, ...]]:
        """Curves of the program's terms; the true reward that shaping adds to is none of them."""
        run = self.representative
        told = {} if run is None else dict(run.terms)
        if self.candidate.form == "potential":
            told.pop("env", None)
        return told

    def report(self, *, hide_fitness: bool = False, preferred: str = "") -> CandidateReport:
        """Return it as part of a brief.

        Args:
            hide_fitness: True to leave out every number that tells how well the task is solved.
            preferred: ``"best"``, ``"worst"`` or ``""``.
        """
        run = self.representative
        shown = CandidateReport(
            name=self.name,
            source=self.candidate.source,
            findings=self.findings,
            fitness=None if hide_fitness else self.fitness,
            preferred=preferred,  # type: ignore[arg-type]
        )
        if run is None:
            return shown
        if hide_fitness:
            return dataclasses.replace(shown, terms=self.terms)
        return dataclasses.replace(
            shown,
            success=getattr(run, run.metric),
            terms=self.terms,
            length=run.length,
            ends=run.ends,
        )
