"""Samples one by one, in threads or not."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from operant.reward_design.llm.providers.protocol import Completion, ProviderError, Request
from operant.reward_design.llm.providers.samples import HopelessError, sample_each


@pytest.mark.parametrize("parallel", [1, 3, 50])
def test_order_and_indices(request_of: Any, parallel: int) -> None:
    threads = set()

    def one(sample: int, stop: threading.Event) -> Completion:
        threads.add(threading.get_ident())
        return Completion(text=str(sample))

    completions = sample_each(request_of(n=20, first_sample=7), one, parallel=parallel)
    assert [int(said.text) for said in completions] == list(range(7, 27))
    assert (threads == {threading.get_ident()}) == (parallel == 1)


@pytest.mark.parametrize("parallel", [1, 3])
def test_a_fault_of_ours_is_no_answer(request_of: Any, parallel: int) -> None:
    def one(sample: int, stop: threading.Event) -> Completion:
        raise KeyError("a mistake")

    with pytest.raises(KeyError, match="a mistake"):
        sample_each(request_of(n=6), one, parallel=parallel)


def test_a_hopeless_sample_wakes_those_that_wait(request_of: Any) -> None:
    waiting = threading.Barrier(2)

    def one(sample: int, stop: threading.Event) -> Completion:
        waiting.wait()
        if sample == 1:
            raise HopelessError("no such model")
        assert stop.wait(60.0)  # else this would be the pause between two attempts
        raise ProviderError("busy")

    with pytest.raises(HopelessError, match="no such model"):
        sample_each(request_of(n=2), one, parallel=2)


def test_the_first_reason_is_told_if_all_fail(request_of: Any) -> None:
    def one(sample: int, stop: threading.Event) -> Completion:
        raise ProviderError(f"reason {sample}")

    with pytest.raises(ProviderError, match="reason 0"):
        sample_each(request_of(n=3), one)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n", 0),
        ("first_sample", -1),
        ("max_tokens", 0),
        ("temperature", -0.1),
        ("temperature", float("nan")),
    ],
)
def test_a_request_is_within_its_ranges(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} must be"):
        Request(messages=(), **{name: value})
