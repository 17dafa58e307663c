"""What a model said earlier, given out again: the same search without a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from operant.reward_design.llm.findings import Finding
from operant.reward_design.llm.providers.protocol import Completion, Kind, ProviderError, Request
from operant.reward_design.llm.providers.records import (
    FIELDS,
    key_of,
    question,
    read_records,
)


class Replay:
    """Answers from a recording, and only from it: each record once, and nothing that is not there.

    The prompts of later rounds hold training statistics, so a search hits its records as long as it
    trains exactly as when they were made. To train on recorded candidates elsewhere, use the
    lineage of the search: that asks nobody.

    Attributes:
        findings: What was passed over when the file was read.
    """

    kind: Kind = "replay"

    def __init__(self, path: Path) -> None:
        """Read the recording.

        Args:
            path: What :class:`~operant.reward_design.llm.providers.recorder.Recorder` wrote.

        Raises:
            ProviderError: If it cannot be read, is damaged, or is empty; names the line.
        """
        recorded = read_records(path)
        if not recorded.records:
            raise ProviderError(f"the recording {path.name!r} holds no completion; record one")
        self._file, self._recorded = path.name, recorded.provider
        self.findings: tuple[Finding, ...] = recorded.findings
        self._lines = recorded.lines()
        self._records = recorded.records
        self._given: set[str] = set()
        day = next(iter(self._records.values())).written[:10]
        # Everything that a row of results must say of where its text comes from.
        self.name = f"replay:{recorded.provider} of {day} ({path.name} {recorded.digest})"

    def complete(self, request: Request) -> Sequence[Completion]:
        """Return ``request.n`` completions; if one is missing, none is given out.

        Raises:
            ProviderError: If there is no record of a sample, or it was given out before.
        """
        samples = range(request.first_sample, request.first_sample + request.n)
        questions = [question(self._recorded, request, sample) for sample in samples]
        keys = [key_of(asked) for asked in questions]
        for asked, key in zip(questions, keys, strict=True):
            if key not in self._lines:
                raise ProviderError(self._miss(asked))
            if key in self._given:
                raise ProviderError(
                    f"sample {asked['sample']} of this dialogue was given out before, from line "
                    f"{self._lines[key]} of {self._file!r}; every sample is asked for once: raise "
                    "first_sample"
                )
        self._given.update(keys)
        return [self._records[self._lines[key]].completion for key in keys]

    def _miss(self, asked: Mapping[str, Any]) -> str:
        """Return the text that tells a question from the record that is most like it."""
        line, nearest = max(
            self._records.items(), key=lambda item: (_likeness(item[1].question, asked), -item[0])
        )
        field = next(name for name in FIELDS if nearest.question[name] != asked[name])
        if field == "messages":
            told = _difference(nearest.question["messages"], asked["messages"])
        else:
            told = f"{field} differs: recorded {nearest.question[field]!r}, asked {asked[field]!r}"
        if field == "sample":
            same = [r.question["sample"] for r in self._records.values() if _alike(r, asked)]
            told += f"; {len(same)} samples of this dialogue are recorded"
        return (
            f"there is no record of this in {self._file!r}; the nearest is line {line}: {told}. A "
            "replay never asks a model: run the search as it was recorded, or ask live"
        )


def _alike(record: Any, asked: Mapping[str, Any]) -> bool:
    """Return whether a record differs in the sample at most."""
    return all(record.question[name] == asked[name] for name in FIELDS if name != "sample")


def _likeness(recorded: Mapping[str, Any], asked: Mapping[str, Any]) -> tuple[int, int, bool]:
    """Return how alike two questions are: equal settings, then equal text, then the sample."""
    settings = [name for name in FIELDS if name not in ("messages", "sample")]
    return (
        sum(recorded[name] == asked[name] for name in settings),
        _shared(recorded["messages"], asked["messages"]),
        recorded["sample"] == asked["sample"],
    )


def _shared(left: Sequence[Mapping[str, str]], right: Sequence[Mapping[str, str]]) -> int:
    """Return how many letters of two dialogues are equal, from the first on."""
    return _common(_flat(left), _flat(right))


def _common(left: str, right: str) -> int:
    pairs = enumerate(zip(left, right, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(left), len(right)))


def _flat(messages: Sequence[Mapping[str, str]]) -> str:
    return "\0".join(f"{message['role']}\0{message['content']}" for message in messages)


def _difference(left: Sequence[Mapping[str, str]], right: Sequence[Mapping[str, str]]) -> str:
    """Return where two dialogues part."""
    for index, (old, new) in enumerate(zip(left, right, strict=False)):
        if old["role"] != new["role"]:
            return f"messages[{index}] is of {old['role']} there and of {new['role']} here"
        if old["content"] != new["content"]:
            at = _common(old["content"], new["content"])
            start = max(0, at - 20)
            return (
                f"messages[{index}] differs from letter {at} on: recorded "
                f"{old['content'][start : at + 40]!r}, asked {new['content'][start : at + 40]!r}"
            )
    return f"messages: {len(left)} are recorded, {len(right)} asked"
