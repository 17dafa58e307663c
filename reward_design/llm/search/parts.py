"""What a search is put together from, and the questions that it asks."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from typing import Literal, Protocol

from operant.reward_design.llm.budget import Budget, Prices
from operant.reward_design.llm.providers.protocol import Message, Provider
from operant.reward_design.llm.search.brief import CandidateReport
from operant.reward_design.llm.search.candidate import Form
from operant.reward_design.llm.search.lineage import Lineage
from operant.reward_design.llm.search.results import Trainer
from operant.reward_design.llm.task.spec import ObsView, TaskSpec
from operant.reward_design.llm.verify.verifier import Verdict


class Checker(Protocol):
    """Checks sources; see :class:`operant.reward_design.llm.verify.verifier.Verifier`."""

    def check(self, source: str, form: Form) -> Verdict:
        """Return what is wrong with a source."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Prompt:
    """A question to a provider.

    Attributes:
        messages: The dialogue.
        reports: The candidates that it shows, the one to improve first.
        comment: What it quotes of a person or an analysis.
        temperature: Of sampling.
        purpose: See :class:`~operant.reward_design.llm.providers.protocol.Request`.
    """

    messages: tuple[Message, ...]
    reports: tuple[CandidateReport, ...] = ()
    comment: str = ""
    temperature: float = 1.0
    purpose: Literal["design", "criticise", "merge"] = "design"

    @property
    def identity(self) -> str:
        """Sha256 of the dialogue, 64 hexadecimal digits."""
        told = [[message.role, message.content] for message in self.messages]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """What a search is put together from.

    Attributes:
        task: What is to be achieved.
        view: What programs can read.
        form: What kind of program is wanted.
        provider: Who writes programs.
        verifier: Who checks them.
        trainer: Who trains agents on them.
        lineage: Where everything is written down.
        budget: What may be spent.
        prices: What the provider's model costs.
        max_tokens: Longest answer, or None.
        first_sample: Index of the first sample of each question: two searches that ask the same
            and want other answers begin at different ones.
        told: Is told what goes on, a line at a time.
    """

    task: TaskSpec
    view: ObsView
    form: Form
    provider: Provider
    verifier: Checker
    trainer: Trainer
    lineage: Lineage
    budget: Budget = dataclasses.field(default_factory=Budget)
    prices: Prices = dataclasses.field(default_factory=Prices)
    max_tokens: int | None = None
    first_sample: int = 0
    told: Callable[[str], None] = lambda _: None
