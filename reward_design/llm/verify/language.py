"""First stage: whether a source is a program of the language at all."""

from __future__ import annotations

from operant.reward_design.llm.findings import Finding
from operant.reward_design.llm.language.errors import Source, UnsafeRewardCodeError
from operant.reward_design.llm.language.foreign import require_parsable
from operant.reward_design.llm.language.operations import operations
from operant.reward_design.llm.language.parsing import parse
from operant.reward_design.llm.verify.cost import MANY, MOST
from operant.reward_design.llm.verify.outputs import compile_form
from operant.reward_design.llm.verify.stages import Case


class LanguageCheck:
    """Compiles the source; nothing of it runs."""

    name = "language"

    def __init__(self, *, foreign: bool = True) -> None:
        """Remember whose text it will be.

        Args:
            foreign: Whether strangers write it: then Python's parser meets it first in a process of
                its own, which takes some 15 ms.
        """
        self._foreign = foreign

    def check(self, case: Case) -> list[Finding]:
        """Return the refusal, if it is refused, or that it does too much."""
        try:
            if self._foreign:
                require_parsable(case.source)
            case.program = compile_form(case.source, case.form, case.ground.view)
        except UnsafeRewardCodeError as error:
            return [Finding.of_error(self.name, error)]
        cost = operations(parse(Source.of(case.source), case.form))
        case.summary["operations"] = cost
        if cost <= MANY:
            return []
        return [
            Finding(
                stage=self.name,
                severity="error" if cost > MOST else "warning",
                code="slow",
                message=f"a call takes up to {cost} operations, as each turn of a loop counts",
                hint=f"use fewer turns: up to {MANY} operations are fine",
                data={"operations": cost},
            )
        ]
