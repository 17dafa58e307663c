"""What a worker says went wrong, as an error with a place in the source; none of it is trusted."""

from __future__ import annotations

from operant.reward_design.llm.language.errors import RewardProgramError, Source
from operant.reward_design.llm.worker.wire import FAILED_BODY

_OF_THE_HOST = {
    "timeout": "make the program faster, or raise timeout_s",
    "cpu": "make the program faster",
    "died": "a program should return a number, and nothing else",
    "protocol": "a program should return a number, and leave the worker's pipes alone",
    "not_finite": "bound what goes in with min and max",
    "cap": "bound it with min and max",
}
_OF_THE_WORKER = {
    "division": "divide by something like max(x, 0.001)",
    "overflow": "bound what goes in with min or max",
    "index": "bound it with min and max; observations that are no vectors are empty",
    "key": "read what the env publishes; prev_ before a name means before the step",
    "memory": "build less, or raise memory_mib",
    "recursion": "use a loop",
    "import": "only math can be imported, and what is named in modules",
    "refused": "a worker can compute, and nothing else",
    "syntax": "",
    "exit": "return a number",
    "result": "return one number",
    "exception": "",
}
"""Code -> what to do."""
_LONGEST_MESSAGE = 300


def failure(code: str, message: str, *, row: int | None = None) -> RewardProgramError:
    """Return an error that belongs to no line."""
    return RewardProgramError(code, message, hint=_OF_THE_HOST[code], row=row)


def failure_of(body: bytes, source: Source, rows: range) -> RewardProgramError | None:
    """Return the error that a record of the worker describes; None if it is no record.

    Args:
        body: Body of the frame.
        source: The text.
        rows: The rows that were asked for, in numbers of the batch.
    """
    if len(body) < FAILED_BODY.size:
        return None
    row, line, column, size = FAILED_BODY.unpack_from(body)
    text = body[FAILED_BODY.size :]
    code = text[:size].decode("ascii", errors="replace")
    if code not in _OF_THE_WORKER:
        return None
    shown = source.line(line)
    if not 1 <= line <= len(source.lines):
        line = column = 0
    elif not 1 <= column <= len(source.lines[line - 1]) + 1:
        column, shown = 0, ""
    return RewardProgramError(
        code,
        _clean(text[size:]),
        line=line,
        column=column,
        hint=_OF_THE_WORKER[code],
        shown=shown if shown.isprintable() else "",
        row=rows[row] if 0 <= row < len(rows) else None,
    )


def _clean(text: bytes) -> str:
    """Return text that a terminal and a prompt can be shown: one line, nothing that controls."""
    letters = (c if c.isprintable() else " " for c in text.decode(errors="replace"))
    return "".join(letters)[:_LONGEST_MESSAGE]
