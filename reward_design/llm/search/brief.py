"""What a prompt says, as data: for proposers that read numbers instead of prose."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal

from operant.reward_design.llm.findings import Finding
from operant.reward_design.llm.search.candidate import Form
from operant.reward_design.llm.task.spec import ObsView, TaskSpec


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class CandidateReport:
    """What is known of a candidate that was tried.

    Attributes:
        name: Its name in the search.
        source: Its text.
        findings: What checks and runs said.
        fitness: Its score, higher is better; None if it has none or the method hides it.
        preferred: Whether it was picked as the best or the worst of its round, or not at all.
        success: The goal's curve, success rate or return; empty where fitness is hidden.
        terms: Term of the reward -> mean value per step at each evaluation.
        length: Mean episode length at each evaluation.
        ends: How the last episodes ended -> share.
    """

    name: str
    source: str
    findings: tuple[Finding, ...] = ()
    fitness: float | None = None
    preferred: Literal["best", "worst", ""] = ""
    success: tuple[float, ...] = ()
    terms: Mapping[str, tuple[float, ...]] = dataclasses.field(default_factory=dict)
    length: tuple[float, ...] = ()
    ends: Mapping[str, float] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Brief:
    """The content of a prompt.

    Attributes:
        task: What is to be achieved.
        view: What programs can read.
        form: What kind of program is wanted.
        round: Round of the search, from 0.
        reports: Candidates that the prompt shows, the one to improve first.
        comment: What a person or an analysis of episodes said, or ``""``.
    """

    task: TaskSpec
    view: ObsView
    form: Form
    round: int = 0
    reports: tuple[CandidateReport, ...] = ()
    comment: str = ""
