"""The answer of a chat-completions server, read with care: servers differ, and break."""

from __future__ import annotations

import json
from typing import Any

from operant.reward_design.llm.providers.protocol import Completion, FinishReason, Usage

_FINISH: dict[str, FinishReason] = {"length": "length", "content_filter": "refused"}
"""Any other word is an end: servers have several of their own for it, or none."""


class UnreadableReplyError(ValueError):
    """A body is no chat completion; the text says why."""


def read_completion(body: bytes, content_type: str) -> Completion:
    """Return the completion that a body holds; fields that are not known are passed over.

    Args:
        body: Of an answer with status 200.
        content_type: Its header; only used to explain.

    Raises:
        UnreadableReplyError: If it is none.
    """
    try:
        reply = json.loads(body)
    except (ValueError, RecursionError):
        kind = content_type.partition(";")[0] or "nothing that says so"
        raise UnreadableReplyError(f"the answer is not JSON but {kind}{_excerpt(body)}") from None
    choice = _first_choice(reply)
    message = choice.get("message")
    if not isinstance(message, dict):
        raise UnreadableReplyError("the answer has no message in its first choice")
    refusal = message.get("refusal")
    finish: FinishReason = _FINISH.get(str(choice.get("finish_reason")), "stop")
    return Completion(
        text=refusal if isinstance(refusal, str) and refusal else _text(message.get("content")),
        finish_reason="refused" if refusal else finish,
        model=_word(reply.get("model")),
        usage=_usage(reply.get("usage")),
        request_id=_word(reply.get("id")),
    )


def _first_choice(reply: Any) -> dict[str, Any]:
    if not isinstance(reply, dict):
        raise UnreadableReplyError(f"the answer is no object but {type(reply).__name__}")
    choices = reply.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        error = reply.get("error")
        said = f": {error.get('message', error)}" if isinstance(error, dict) else ""
        raise UnreadableReplyError(f"the answer has no choices{said}")
    choice: dict[str, Any] = choices[0]
    return choice


def _text(content: Any) -> str:
    """Return the text of a message: a string, nothing, or a list of parts."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list) and all(isinstance(part, dict) for part in content):
        return "".join(str(part.get("text", "")) for part in content)
    raise UnreadableReplyError(f"the content of the message is no text: {type(content).__name__}")


def _usage(usage: Any) -> Usage:
    counts = usage if isinstance(usage, dict) else {}
    return Usage(
        prompt_tokens=_count(counts.get("prompt_tokens")),
        completion_tokens=_count(counts.get("completion_tokens")),
    )


def _count(value: Any) -> int:
    is_count = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return value if is_count else 0


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _excerpt(body: bytes) -> str:
    """Return the beginning of a body, to be shown."""
    words = " ".join(body[:400].decode("utf-8", "replace").split())[:80]
    return f", which begins {words!r}" if words else ", and empty"
