"""Samples asked for one by one: one that fails does not lose the others."""

from __future__ import annotations

import contextlib
import dataclasses
import queue
import threading
from collections.abc import Callable, Sequence
from typing import TypeAlias

from operant.reward_design.llm.providers.protocol import Completion, ProviderError, Request

_Answer: TypeAlias = "Completion | ProviderError"


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

    samples = range(request.first_sample, request.first_sample + request.n)
    try:
        answers = _in_threads(guarded, samples, min(parallel, request.n))
    finally:
        stop.set()
    errors = [answer for answer in answers if isinstance(answer, ProviderError)]
    if len(errors) == len(answers):
        raise next((error for error in errors if isinstance(error, HopelessError)), errors[0])
    return [_completion(answer) for answer in answers]


def _in_threads(
    function: Callable[[int], _Answer], items: Sequence[int], number: int
) -> list[_Answer]:
    """Return the function of each item; raises what it raises.

    The threads are daemons and not a pool, which would keep an interrupted process waiting for the
    last answer.
    """
    if number == 1:
        return [function(item) for item in items]
    answers: dict[int, _Answer] = {}
    raised: list[BaseException] = []
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    for item in items:
        waiting.put(item)

    def work() -> None:
        with contextlib.suppress(queue.Empty):
            while not raised:
                item = waiting.get_nowait()
                try:
                    answers[item] = function(item)
                except BaseException as error:  # shown by the thread that waits
                    raised.append(error)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]
    return [answers[item] for item in items]


def _completion(answer: Completion | ProviderError) -> Completion:
    """Return what a search can read and write down: an error as text, half a letter as ``?``."""
    if isinstance(answer, ProviderError):
        return Completion(text=str(answer), finish_reason="error")
    return dataclasses.replace(answer, text=answer.text.encode(errors="replace").decode())
