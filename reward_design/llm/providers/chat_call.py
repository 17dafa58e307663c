"""One call of a chat-completions server: attempts, pauses, and an end in time."""

from __future__ import annotations

import dataclasses
import itertools
import random
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from operant.reward_design.llm.providers.chat_failure import ChatFailure, failure_of
from operant.reward_design.llm.providers.chat_reply import UnreadableReplyError, read_completion
from operant.reward_design.llm.providers.protocol import Completion, ProviderError
from operant.reward_design.llm.providers.samples import HopelessError

if TYPE_CHECKING:
    import openai

_LARGEST_BODY = 16 * 2**20
"""Bytes; a completion has some thousand."""
_LONGEST_PAUSE_S = 8.0
_JITTER = 0.25
"""Largest share by which a pause is shortened, so that samples do not all come back at once."""
_CHANCE = random.SystemRandom()
"""Of pauses alone: no result depends on it, so it has no seed."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How long and how often a completion is asked for.

    Attributes:
        timeout_s: Longest time for one completion, > 0: all attempts and pauses.
        connect_s: Longest time until a connection stands, > 0.
        retries: Most attempts after the first, >= 0.
        pause_s: First pause between attempts, >= 0; doubles each time.
    """

    timeout_s: float
    connect_s: float
    retries: int
    pause_s: float

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: If one is outside its range.
        """
        for name in ("timeout_s", "connect_s", "pause_s"):
            value = getattr(self, name)
            if not 0.0 <= value < float("inf") or (value == 0.0 and name != "pause_s"):
                least = ">= 0" if name == "pause_s" else "> 0"
                raise ValueError(f"{name} must be finite and {least}, got {value}")
        if self.retries < 0:
            raise ValueError(f"retries must be >= 0, got {self.retries}")

    def pause(self, failure: ChatFailure, attempt: int) -> float:
        """Return the seconds to wait after an attempt, counted from 1: the server's word if any."""
        if failure.retry_after_s is not None:
            return failure.retry_after_s
        longest = min(self.pause_s * 2.0 ** min(attempt - 1, 30), _LONGEST_PAUSE_S)
        return longest * (1.0 - _JITTER * _CHANCE.random())


def call(
    client: openai.OpenAI,
    arguments: Mapping[str, Any],
    *,
    patience: Patience,
    asked: str,
    stop: threading.Event,
) -> Completion:
    """Return one completion.

    Args:
        client: A client that repeats nothing by itself.
        arguments: Of ``chat.completions.create``.
        patience: How long and how often.
        asked: Who is asked, for messages.
        stop: Set once nobody waits for the answer any more.

    Raises:
        ProviderError: If there is none; a HopelessError if other samples would fail as well.
    """
    began = time.monotonic()
    deadline = began + patience.timeout_s
    for attempt in itertools.count(1):
        try:
            completion = _attempt(client, arguments, patience.connect_s, deadline)
        except Exception as error:  # what it may be is decided by failure_of
            failure = failure_of(error)
            if failure is None:
                raise
        else:
            seconds = time.monotonic() - began
            return dataclasses.replace(completion, latency_s=seconds, attempts=attempt)
        pause = patience.pause(failure, attempt)
        again = failure.passing and attempt <= patience.retries
        in_time = time.monotonic() + pause < deadline
        # Raised here and not in the handler: what the library raises holds the key in its request.
        if not (again and in_time) or stop.wait(pause):
            raise _error(failure, asked, attempt, patience, pause if again and not in_time else 0.0)
    raise AssertionError("the count of attempts has no end")


def _attempt(
    client: openai.OpenAI, arguments: Mapping[str, Any], connect_s: float, deadline: float
) -> Completion:
    import openai

    left = max(deadline - time.monotonic(), 1e-3)
    timeout = openai.Timeout(left, connect=min(connect_s, left))
    # The body is read here, piece by piece: the library limits the time of each piece, not of all.
    create = client.chat.completions.with_streaming_response.create
    with create(**arguments, timeout=timeout) as response:
        body = bytearray()
        for piece in response.iter_bytes():
            body += piece
            if time.monotonic() > deadline:
                raise openai.APITimeoutError(response.http_request) from TimeoutError()
            if len(body) > _LARGEST_BODY:
                raise UnreadableReplyError(f"the answer is larger than {_LARGEST_BODY} bytes")
        completion = read_completion(bytes(body), response.headers.get("content-type", ""))
        request_id = response.headers.get("x-request-id", "")
    return dataclasses.replace(completion, request_id=request_id or completion.request_id)


def _error(
    failure: ChatFailure, asked: str, attempts: int, patience: Patience, pause: float
) -> ProviderError:
    """Return the error that ends a call; ``pause`` is the one there is no time for, or 0."""
    tried = f" after {attempts} attempts" if attempts > 1 else ""
    late = f"; no attempt more fits into timeout_s={patience.timeout_s:g}"
    late += f" after a pause of {pause:.3g} s" if failure.retry_after_s else ""
    text = f"{asked}: {failure.reason}{tried}{late if pause else ''}; {failure.remedy}"
    return (HopelessError if failure.hopeless else ProviderError)(text)
