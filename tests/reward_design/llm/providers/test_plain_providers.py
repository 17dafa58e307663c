"""Functions and pools of texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from operant.reward_design.llm.providers.callable import CallableProvider
from operant.reward_design.llm.providers.protocol import Message, ProviderError, Request
from operant.reward_design.llm.providers.scripted import Scripted


def test_a_function_is_asked_once_per_sample(request_of: Any) -> None:
    asked: list[Any] = []
    provider = CallableProvider(lambda text: asked.append(text) or f"answer {len(asked)}")
    completions = provider.complete(request_of(n=3))
    assert [said.text for said in completions] == ["answer 1", "answer 2", "answer 3"]
    assert asked == ["[system]\nyou write rewards\n\n[user]\nwrite a reward"] * 3
    assert provider.kind == "live"


def test_a_single_message_is_given_as_it_is() -> None:
    provider = CallableProvider(str.upper, name="loud")
    request = Request(messages=(Message(role="user", content="hello"),))
    (said,) = provider.complete(request)
    assert (said.text, said.model, provider.name) == ("HELLO", "loud", "loud")


def test_a_function_can_take_messages(request_of: Any) -> None:
    provider = CallableProvider(lambda messages: messages[1]["role"], takes="messages")
    assert provider.complete(request_of())[0].text == "user"


def test_a_call_that_raises_is_one_failed_sample(request_of: Any) -> None:
    texts = iter(["a", None, "c"])
    provider = CallableProvider(lambda _: next(texts).upper(), name="mine")
    completions = provider.complete(request_of(n=4))
    assert [said.finish_reason for said in completions] == ["stop", "error", "stop", "error"]
    assert "the function mine raised AttributeError" in completions[1].text


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (lambda _: {"content": "x"}, "must return text, got dict"),
        (lambda _: 1 / 0, "raised ZeroDivisionError"),
        (lambda _: open("sk-proj-0123456789abcdefghij"), r"\[key\]"),  # noqa: SIM115
    ],
)
def test_calls_that_all_fail_are_an_error(request_of: Any, function: Any, told: str) -> None:
    with pytest.raises(ProviderError, match=told) as caught:
        CallableProvider(function).complete(request_of(n=2))
    assert caught.value.__cause__ is None  # which could hold what was just taken out


def test_an_interrupt_is_not_an_answer(request_of: Any) -> None:
    def interrupted(_: str) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        CallableProvider(interrupted).complete(request_of(n=3))


def test_takes_is_one_of_two() -> None:
    with pytest.raises(ValueError, match="takes must be text or messages, got 'both'"):
        CallableProvider(str.upper, takes="both")  # type: ignore[arg-type]


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    folder = tmp_path / "pool"
    folder.mkdir()
    for name in ("02.md", "01.txt", "10.py", ".hidden"):
        (folder / name).write_text(f"text of {name}\n")
    return folder


def test_texts_are_given_out_in_order_and_once(pool: Path, request_of: Any) -> None:
    provider = Scripted(pool)
    assert (provider.kind, provider.name, provider.author) == (
        "scripted",
        "scripted:pool",
        "hand-written",
    )
    first = provider.complete(request_of(n=2))
    assert [said.text for said in first] == ["text of 01.txt\n", "text of 02.md\n"]
    assert {said.model for said in first} == {"hand-written"}
    with pytest.raises(ProviderError, match="has 1 of 3 texts left, but 2 were asked for"):
        provider.complete(request_of(n=2))
    assert provider.complete(request_of())[0].text == "text of 10.py\n"


def test_an_empty_text_is_one(tmp_path: Path, request_of: Any) -> None:
    (tmp_path / "a.txt").touch()
    assert Scripted(tmp_path).complete(request_of())[0].text == ""


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (
            lambda folder: (folder / "x.txt").write_bytes(b"ab\xff"),
            "'x.txt' is not UTF-8 at byte 2",
        ),
        (lambda folder: (folder / "x.pdf").touch(), "'x.pdf' in the folder 'pool' is no text"),
        (lambda folder: (folder / "x.txt").mkdir(), "'x.txt' in the folder 'pool' is no text"),
        (
            lambda folder: (folder / "x.txt").write_bytes(b"x" * (2**20 + 1)),
            "'x.txt' has 1048577 bytes; a text may have 1048576",
        ),
    ],
)
def test_what_is_no_text_is_refused(pool: Path, spoil: Any, told: str) -> None:
    spoil(pool)
    with pytest.raises(ProviderError, match=told):
        Scripted(pool)


def test_no_folder_and_no_text(tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match="there is no folder"):
        Scripted(tmp_path / "none")
    with pytest.raises(ProviderError, match="holds none"):
        Scripted(tmp_path)
    with pytest.raises(ProviderError, match="holds none"):
        Scripted([])
