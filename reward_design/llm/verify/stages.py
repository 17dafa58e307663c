"""What the stages of a verifier share: a candidate under examination, and how a stage looks."""

from __future__ import annotations

import dataclasses
from typing import Any, Protocol

from operant.reward_design.llm.findings import Finding
from operant.reward_design.llm.search.candidate import Form
from operant.reward_design.llm.verify.outputs import Outputs, Program
from operant.reward_design.llm.verify.proving import ProvingGround
from operant.reward_design.llm.verify.steps import PlayedEpisode


@dataclasses.dataclass(kw_only=True, slots=True)
class Case:
    """A candidate under examination; each stage leaves what later ones need.

    Attributes:
        source: Its text.
        form: What it is meant to be.
        ground: Where it is proved.
        program: It compiled; None before the stage of the language.
        episodes: The episodes on which it is run.
        outputs: What it says of their steps, one after the other; None before the dry run.
        summary: What is known of it, JSON values.
    """

    source: str
    form: Form
    ground: ProvingGround
    program: Program | None = None
    episodes: tuple[PlayedEpisode, ...] = ()
    outputs: Outputs | None = None
    summary: dict[str, Any] = dataclasses.field(default_factory=dict)


class Stage(Protocol):
    """One check; a chain of them is a tuple, which ends at the first that finds an error.

    Attributes:
        name: As findings name it.
    """

    name: str

    def check(self, case: Case) -> list[Finding]:
        """Return what is found, and write into the case what later stages need."""
        ...
