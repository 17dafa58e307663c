"""A recording of what a model said: everything that others need to have the same search again."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import fcntl
import importlib.metadata
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from operant.reward_design.llm.findings import Finding
from operant.reward_design.llm.providers.protocol import (
    Completion,
    Kind,
    LiveProvider,
    Message,
    ProviderError,
    Request,
)
from operant.reward_design.llm.providers.records import Record, key_of, question, read_records
from operant.reward_design.llm.providers.secrets import find_secret


class Recorder:
    """Asks a live provider and appends every completion to a file.

    Nothing in which a key is found is written: a question that holds one is not asked, and an
    answer that does becomes a sample that failed. Other private things in prompts are recorded as
    they are, so look through a file before you share it.

    Attributes:
        findings: What was found in the file when it was opened: a last line that was cut off when
            an earlier process died, and which is written over.
    """

    kind: Kind = "live"

    def __init__(self, provider: LiveProvider, path: Path) -> None:
        """Open the file, or continue it.

        Args:
            provider: Who is asked.
            path: JSON lines; made if absent.

        Raises:
            ProviderError: If the provider is not live, or the file is no recording of it.
        """
        if provider.kind != "live":
            raise ProviderError(
                f"only a live model can be recorded, and {provider.name} is of kind "
                f"{provider.kind}: what it says would be taken for a model's"
            )
        self.name, self.client, self.host = provider.name, provider.client, provider.host
        self._provider, self._path = provider, path
        self.findings: tuple[Finding, ...] = ()
        self._lines = self._open()

    def complete(self, request: Request) -> Sequence[Completion]:
        """Return ``request.n`` completions, all of them on the disk.

        Raises:
            ProviderError: If there is no answer at all; or, and then nobody was asked, if a sample
                was recorded already or a message holds a key; or if the file cannot be written.
        """
        samples = range(request.first_sample, request.first_sample + request.n)
        questions = [question(self.name, request, sample) for sample in samples]
        keys = [key_of(asked) for asked in questions]
        for sample, key in zip(samples, keys, strict=True):
            if key in self._lines:
                raise ProviderError(
                    f"sample {sample} of this dialogue is line {self._lines[key]} of "
                    f"{self._path.name!r} already; every sample is asked for once: replay the "
                    "file, record into another one, or raise first_sample"
                )
        _require_no_secret(request.messages)
        completions = [_checked(completion) for completion in self._provider.complete(request)]
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        records = [
            Record(
                key=key,
                question=asked,
                completion=completion,
                written=now,
                client=self.client,
                host=self.host,
                operant=importlib.metadata.version("operant"),
            )
            for key, asked, completion in zip(keys, questions, completions, strict=True)
        ]
        self._append(records)
        return completions

    def _open(self) -> dict[str, int]:
        """Make the file ready for appending; return key -> line."""
        with _reporting(self._path), _locked(self._path) as handle:
            recorded = read_records(self._path)
            if recorded.provider not in ("", self.name):
                raise ProviderError(
                    f"{self._path.name!r} is a recording of {recorded.provider}, not of "
                    f"{self.name}; record into another file"
                )
            os.ftruncate(handle, recorded.whole)
            if recorded.whole and os.pread(handle, 1, recorded.whole - 1) != b"\n":
                os.write(handle, b"\n")
            os.fsync(handle)
        self.findings = recorded.findings
        self._last_line = max(recorded.records, default=0)
        return recorded.lines()

    def _append(self, records: Sequence[Record]) -> None:
        """Write all records or none."""
        data = b"".join(record.to_line() for record in records)
        with _reporting(self._path), _locked(self._path) as handle:
            end = os.fstat(handle).st_size
            try:
                left = memoryview(data)
                while left:
                    left = left[os.write(handle, left) :]
                os.fsync(handle)
            except OSError:
                os.ftruncate(handle, end)
                raise
        for record in records:
            self._last_line += 1
            self._lines[record.key] = self._last_line


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Open a file for reading and appending, for this process alone."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle
    finally:
        os.close(handle)


@contextlib.contextmanager
def _reporting(path: Path) -> Iterator[None]:
    """Turn an error of the file system into one that says what to do."""
    try:
        yield
    except OSError as error:
        raise ProviderError(
            f"the recording {path.name!r} cannot be written: {error.strerror}; give another file, "
            "or make room"
        ) from None


def _require_no_secret(messages: Sequence[Message]) -> None:
    """Check that no message holds a key.

    Raises:
        ProviderError: If one does.
    """
    for index, message in enumerate(messages):
        kind = find_secret(message.content)
        if kind:
            raise ProviderError(
                f"message {index} ({message.role}) holds {kind}; nothing was sent or recorded: "
                "remove it from the task's description or the feedback"
            )


def _checked(completion: Completion) -> Completion:
    """Return a completion that may be written down."""
    kind = find_secret(completion.text)
    if not kind:
        return completion
    text = f"the answer held what looks like {kind}; it was neither recorded nor used"
    return dataclasses.replace(completion, text=text, finish_reason="error")
