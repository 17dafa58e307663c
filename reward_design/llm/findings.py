"""What a check or a run has to say of a candidate: data for a person and for a language model."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from operant.reward_design.llm.language.errors import RewardProgramError

Severity = Literal["error", "warning", "note"]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that was found.

    Attributes:
        stage: Which check found it: ``"reply"``, ``"language"``, ``"dry run"``, ``"probe"``,
            ``"training"``, ...
        severity: ``"error"`` rejects the candidate, ``"warning"`` and ``"note"`` do not.
        code: Kind, one word or two: ``"division"``, ``"constant"``, ``"standing still"``.
        message: What is wrong, a sentence without a full stop.
        hint: What to do about it, or ``""``.
        line: Line in the source, from 1; 0 if it belongs to none.
        column: Column in that line, from 1, or 0.
        data: Numbers and names behind it, JSON values.
    """

    stage: str
    severity: Severity
    code: str
    message: str
    hint: str = ""
    line: int = 0
    column: int = 0
    data: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def of_error(cls, stage: str, error: RewardProgramError, **data: Any) -> Finding:
        """Return the finding that a program was refused or failed."""
        return cls(
            stage=stage,
            severity="error",
            code=error.code,
            message=error.message,
            hint=error.hint,
            line=error.line,
            column=error.column,
            data=data,
        )

    def __str__(self) -> str:
        """Return it as one line, as a person and a language model read it."""
        where = f"line {self.line}, column {self.column}: " if self.line else ""
        advice = f"; {self.hint}" if self.hint else ""
        return f"{self.severity} [{self.stage}: {self.code}] {where}{self.message}{advice}"


def rejects(findings: Iterable[Finding]) -> bool:
    """Return whether one of some findings rejects the candidate."""
    return any(finding.severity == "error" for finding in findings)
