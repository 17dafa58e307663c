"""What went wrong between a client and a chat-completions server, and whether to try again."""

from __future__ import annotations

import dataclasses
import email.utils
import math
import os
import re
import time
from typing import Any

from operant.reward_design.llm.providers.chat_reply import UnreadableReplyError
from operant.reward_design.llm.providers.secrets import without_secrets

KEY = "OPENAI_API_KEY"
"""Variable of the environment from which the ``openai`` library reads its key."""

_TRANSPORTS = ("httpx", "httpx2", "httpcore", "httpcore2")
"""Packages below the ``openai`` library, whose errors it lets through while a body is read."""
_PASSING = (408, 409, 425, 429)
_OPTIONS = {
    "max_tokens": "token_limit=max_completion_tokens",
    "max_completion_tokens": "token_limit=max_tokens",
    "temperature": "send_temperature=false",
    "seed": "send_seed=false",
}
"""Parameter that some models refuse -> option of the provider that helps."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ChatFailure:
    """Why an attempt failed.

    Attributes:
        reason: What happened, without any key.
        remedy: What to do.
        passing: Whether another attempt may succeed.
        hopeless: Whether other samples of the request would fail in the same way.
        retry_after_s: Seconds that the server asks to wait, or None.
    """

    reason: str
    remedy: str
    passing: bool = False
    hopeless: bool = False
    retry_after_s: float | None = None


def failure_of(error: Exception) -> ChatFailure | None:
    """Return what an error of the ``openai`` library or below it means; None if it is another's."""
    import openai

    if isinstance(error, UnreadableReplyError):
        return ChatFailure(
            reason=without_secrets(str(error)),
            remedy="check that base_url is the root of a chat-completions API (most end in /v1) "
            "and that nothing between here and there changes answers",
        )
    if isinstance(error, openai.APIStatusError):
        return _of_status(error)
    from_transport = type(error).__module__.partition(".")[0] in _TRANSPORTS
    cause = error.__cause__ if isinstance(error, openai.APIConnectionError) else error
    if "Timeout" in type(cause).__name__:
        connecting = "Connect" in type(cause).__name__
        return ChatFailure(
            reason=f"no {'connection' if connecting else 'answer'} in time",
            remedy=f"raise {'connect_s' if connecting else 'timeout_s'}, ask for shorter answers, "
            "or see whether the server is overloaded",
            passing=True,
        )
    if isinstance(error, openai.APIConnectionError) or from_transport:
        said = without_secrets(str(cause or error)) or type(cause).__name__
        begun = not isinstance(error, openai.APIConnectionError)
        return ChatFailure(
            reason=f"{'the answer broke off' if begun else 'no connection'} ({said})",
            remedy="check that the server runs, base_url, and the network",
            passing=True,
        )
    return None


def _of_status(error: Any) -> ChatFailure:
    """Return what a status code means."""
    code, said = error.status_code, _said(error)
    if code == 401:
        # What the server says is not shown: some repeat parts of the key.
        given = f"the server does not accept the key in {KEY}"
        return ChatFailure(
            reason=f"HTTP 401, {given if os.environ.get(KEY) else 'the server wants a key'}",
            remedy=f"set {KEY} to a key of this server",
            hopeless=True,
        )
    if code == 404:
        return ChatFailure(
            reason=f"HTTP 404, no such model or address{said}",
            remedy="check the name of the model and base_url (most end in /v1)",
            hopeless=True,
        )
    if code == 429 and error.code == "insufficient_quota":
        return ChatFailure(
            reason=f"HTTP 429, the account has no quota left{said}",
            remedy="check plan and payments at the vendor",
            hopeless=True,
        )
    if code in _PASSING or code >= 500:
        busy = "too many requests" if code == 429 else "the server failed"
        slower = (
            "lower parallel, raise retries, or wait" if code == 429 else "raise retries, or wait"
        )
        return ChatFailure(
            reason=f"HTTP {code}, {busy}{said}",
            remedy=slower,
            passing=True,
            retry_after_s=retry_after(error.response.headers.get("retry-after")),
        )
    return ChatFailure(
        reason=f"HTTP {code}, the server refuses the request{said}",
        remedy=_option_for(error) or "check model, base_url, and what the key may do",
        hopeless=True,
    )


def _option_for(error: Any) -> str:
    """Return the advice on the parameter that a server refuses, or ``""``."""
    named = error.param if error.param in _OPTIONS else ""
    if not named:
        words = re.findall(r"\w+", _message(error))
        named = next((word for word in words if word in _OPTIONS), "")
    return f"if the model does not know {named}, use the option {_OPTIONS[named]}" if named else ""


def _said(error: Any) -> str:
    """Return what the server said, on one line, shortened and without keys."""
    text = " ".join(without_secrets(_message(error)).split())
    return f": {text[:300]}{'...' if len(text) > 300 else ''}" if text else ""


def _message(error: Any) -> str:
    body = error.body
    if isinstance(body, dict):
        return str(body.get("message") or body.get("detail") or body.get("error") or "")
    return body if isinstance(body, str) and not body.lstrip().startswith("<") else ""


def retry_after(header: str | None) -> float | None:
    """Return the seconds of a ``Retry-After`` header: a number or a date; None if it is neither.

    >>> retry_after("2"), retry_after("soon"), retry_after("Thu, 01 Jan 1970 00:00:00 GMT")
    (2.0, None, 0.0)
    """
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(header).timestamp() - time.time()
        except (ValueError, OverflowError, OSError):
            return None
    return None if math.isnan(seconds) else max(0.0, seconds)
