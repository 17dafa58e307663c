"""Recorded completions: one JSON line each, found again by what was asked."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from operant.reward_design.llm.findings import Finding
from operant.reward_design.llm.providers.protocol import (
    Completion,
    FinishReason,
    ProviderError,
    Request,
    Usage,
)

FORMAT = 1
FIELDS = (
    "provider",
    "template",
    "purpose",
    "temperature",
    "max_tokens",
    "seed",
    "messages",
    "sample",
)
"""What identifies a completion, in the order in which differences are looked for."""


def question(provider: str, request: Request, sample: int) -> dict[str, Any]:
    """Return what identifies one completion, as JSON values.

    Args:
        provider: Name of who is asked, which holds the model requested.
        request: What is asked.
        sample: Index of the sample.
    """
    return {
        "provider": provider,
        "template": request.template,
        "purpose": request.purpose,
        "temperature": float(request.temperature),
        "max_tokens": request.max_tokens,
        "seed": request.seed,
        "messages": [{"role": m.role, "content": m.content} for m in request.messages],
        "sample": sample,
    }


def key_of(asked: Mapping[str, Any]) -> str:
    """Return the sha256 of the one spelling of a question, 64 hexadecimal digits."""
    text = json.dumps(asked, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """A completion and what it answered.

    Attributes:
        key: Sha256 of the question.
        question: See :func:`question`.
        completion: What was said.
        written: UTC time, ISO 8601, to the second.
        client: Library and version that asked.
        host: ``"local"``, ``"vendor"`` or ``""``.
        operant: Version of this library.
    """

    key: str
    question: Mapping[str, Any]
    completion: Completion
    written: str
    client: str
    host: str
    operant: str

    def to_line(self) -> bytes:
        """Return it as one line of JSON, ASCII, with its end."""
        value = {"format": FORMAT, **dataclasses.asdict(self)}
        return json.dumps(value, allow_nan=False).encode() + b"\n"


def _from_line(line: bytes) -> Record:
    """Return the record of a line.

    Raises:
        ValueError: If it is none, or its key is not that of its question; the text says why.
    """
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON in UTF-8") from None
    if not isinstance(value, dict) or value.pop("format", None) != FORMAT:
        raise ValueError(f"it is not a record of format {FORMAT}")
    try:
        said = dict(value["completion"])
        said["usage"] = Usage(**said["usage"])
        record = Record(**{**value, "completion": Completion(**said)})
        _require_types(record)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"a field is missing, unknown or of a wrong kind ({error})") from None
    if record.key != key_of(record.question):
        raise ValueError("its key is not that of its question: one of them was changed")
    return record


def _require_types(record: Record) -> None:
    """Check what the line of a stranger could make anything of.

    Raises:
        TypeError: If a field has another type.
        ValueError: If a field is outside its range.
    """
    said, asked = record.completion, record.question
    if not isinstance(asked, dict) or tuple(asked) != FIELDS:
        raise ValueError(f"the question must have the fields {', '.join(FIELDS)}")
    texts = {
        **{name: getattr(record, name) for name in ("key", "written", "client", "host", "operant")},
        **{name: getattr(said, name) for name in ("text", "model", "request_id")},
        **{name: asked[name] for name in ("provider", "template", "purpose")},
        **{f"messages[{k}]": "".join(m.values()) for k, m in enumerate(asked["messages"])},
    }
    for name, value in texts.items():
        if not isinstance(value, str):
            raise TypeError(f"{name} must be text, got {type(value).__name__}")
    if any(tuple(message) != ("role", "content") for message in asked["messages"]):
        raise ValueError("a message has role and content")
    numbers = (said.latency_s, said.attempts, *dataclasses.astuple(said.usage), asked["sample"])
    if not all(0 <= number < float("inf") for number in numbers):
        raise ValueError(f"times and counts must be finite and >= 0, got {numbers}")
    if said.finish_reason not in get_args(FinishReason):
        raise ValueError(f"unknown finish_reason {said.finish_reason!r}")
    datetime.datetime.fromisoformat(record.written)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """The content of a recording.

    Attributes:
        records: Line, from 1 -> record.
        findings: What was passed over.
        whole: Bytes up to the end of the last whole record.
        digest: First 12 hexadecimal digits of the sha256 of those bytes.
    """

    records: Mapping[int, Record]
    findings: tuple[Finding, ...]
    whole: int
    digest: str

    def lines(self) -> dict[str, int]:
        """Return key -> line, the first one of equals."""
        return {record.key: line for line, record in reversed(list(self.records.items()))}

    @property
    def provider(self) -> str:
        """Name of who answered; ``""`` in an empty recording."""
        return next((str(record.question["provider"]) for record in self.records.values()), "")


def read_records(path: Path) -> Recorded:
    """Read a recording.

    A last line that was cut off, as when the power failed, and a second copy of a record are passed
    over, with a finding.

    Raises:
        ProviderError: If it cannot be read, a line is no record, two records answer one question
            differently, or several providers answered.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ProviderError(f"the recording {path.name!r}: {error.strerror}; {_ADVICE}") from None
    records: dict[int, Record] = {}
    findings: list[Finding] = []
    whole, lines = 0, content.splitlines(keepends=True)
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            whole += len(line)
            continue
        try:
            record = _from_line(line)
        except ValueError as error:
            if number == len(lines) and not line.endswith(b"\n"):
                findings.append(_cut(number, line))
                break
            raise ProviderError(
                f"line {number} of the recording {path.name!r} is damaged: {error}; {_ADVICE}"
            ) from None
        whole += len(line)
        records[number] = record
    digest = hashlib.sha256(content[:whole]).hexdigest()[:12]
    recorded = Recorded(records=records, findings=tuple(findings), whole=whole, digest=digest)
    return dataclasses.replace(
        recorded, findings=(*findings, *_require_consistent(recorded, path.name))
    )


_ADVICE = "give another file, restore it from a copy, or delete the line"


def _require_consistent(recorded: Recorded, name: str) -> list[Finding]:
    """Return findings on copies.

    Raises:
        ProviderError: If records contradict each other.
    """
    findings, first = [], recorded.lines()
    for line, record in recorded.records.items():
        if record.question["provider"] != recorded.provider:
            raise ProviderError(
                f"line {line} of the recording {name!r} is by {record.question['provider']}, the "
                f"first one by {recorded.provider}; one recording holds one provider: split it"
            )
        earlier = first[record.key]
        if earlier == line:
            continue
        if record.completion != recorded.records[earlier].completion:
            raise ProviderError(
                f"lines {earlier} and {line} of the recording {name!r} answer one question "
                "differently; delete one of them"
            )
        text = f"line {line} repeats line {earlier} and was passed over"
        findings.append(_note("repeated", line, text))
    return findings


def _cut(line: int, text: bytes) -> Finding:
    said = f"line {line} was cut off after {len(text)} bytes and was passed over"
    return _note("cut off", line, said)


def _note(code: str, line: int, message: str) -> Finding:
    return Finding(stage="recording", severity="warning", code=code, message=message, line=line)
