"""Samples asked for one by one: one that fails does not lose the others."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from operant.reward_design.llm.providers.protocol import Completion, ProviderError, Request


class HopelessError(ProviderError):
    """The other samples would fail in the same way: a wrong key, no such model."""


def sample_each(
    request: Request, one: Callable[[int, threading.Event], Completion], *, parallel: int = 1
) -> list[Completion]:
    """Return the completions of a request, in order.

    Args:
        request: What is asked.
        one: Sample index, and an event that is set once nobody waits for it any more -> that
            completion; raises a ProviderError if it failed.
        parallel: How many are asked for at once, >= 1.

    Raises:
        ProviderError: If all failed; the first one's.
    """
    stop = threading.Event()

    def guarded(sample: int) -> Completion | ProviderError:
        if stop.is_set():
            return ProviderError("not asked for: another sample showed that it would fail too")
        try:
            return one(sample, stop)
        except ProviderError as error:
            if isinstance(error, HopelessError):
                stop.set()
            return error

    indices = range(request.first_sample, request.first_sample + request.n)
    with ThreadPoolExecutor(max_workers=min(parallel, request.n)) as pool:
        try:
            answers = list(pool.map(guarded, indices))
        except BaseException:  # the user's interrupt: those that wait in the queue are not begun
            stop.set()
            raise
    errors = [answer for answer in answers if isinstance(answer, ProviderError)]
    if len(errors) == len(answers):
        raise next((error for error in errors if isinstance(error, HopelessError)), errors[0])
    return [_completion(answer) for answer in answers]


def _completion(answer: Completion | ProviderError) -> Completion:
    """Return what a search can read and write down: an error as text, half a letter as ``?``."""
    if isinstance(answer, ProviderError):
        return Completion(text=str(answer), finish_reason="error")
    return dataclasses.replace(answer, text=answer.text.encode(errors="replace").decode())
