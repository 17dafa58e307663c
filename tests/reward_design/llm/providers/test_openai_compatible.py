"""A real server, on this machine, that answers well, badly, late and not at all."""

from __future__ import annotations

import logging
import socket
import sys
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from operant.errors import MissingExtraError
from operant.reward_design.llm.providers.chat_call import Patience
from operant.reward_design.llm.providers.chat_failure import ChatFailure
from operant.reward_design.llm.providers.openai_compatible import OpenAICompatible
from operant.reward_design.llm.providers.protocol import Completion, ProviderError

pytest.importorskip("openai")

KEY = "local-key-0123456789-abcdef"  # of no known form: it is found by the variable it stands in


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_BASE_URL", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@pytest.fixture
def provider(server: Any) -> Callable[..., OpenAICompatible]:
    def build(**options: Any) -> OpenAICompatible:
        quick = {"retries": 2, "pause_s": 0.0, "parallel": 1}
        return OpenAICompatible("tiny", base_url=server.url, **{**quick, **options})

    return build


@pytest.fixture
def one(server: Any, provider: Any, request_of: Any) -> Callable[..., Completion]:
    """Return a function: behaviours of the server -> what one sample becomes."""

    def ask(*behaviours: Callable[[Any], None], **options: Any) -> Completion:
        server.behaviours = list(behaviours)
        (completion,) = provider(**options).complete(request_of())
        return completion

    return ask


@pytest.fixture
def failure(one: Any) -> Callable[..., str]:
    """Return a function: behaviours of the server -> the message of the error."""

    def ask(*behaviours: Callable[[Any], None], **options: Any) -> str:
        with pytest.raises(ProviderError) as caught:
            one(*behaviours, **options)
        shown = "".join(traceback.format_exception(caught.value))
        assert KEY not in shown
        assert "127.0.0.1" in str(caught.value)
        assert "'tiny'" in str(caught.value)
        return str(caught.value)

    return ask


def status(code: int, error: Any = None, **headers: str) -> Callable[[Any], None]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = {"error": error if error is not None else {"message": "sorry", "code": None}}
    return lambda handler: handler.answer(body, status=code, headers=named)


# ---- success ----------------------------------------------------------------------------------


def test_a_completion_says_everything_the_server_said(one: Any, reply: Any) -> None:
    said = one(lambda h: h.answer(reply(), headers={"x-request-id": "req-9"}))
    assert (said.text, said.finish_reason, said.model) == ("hello", "stop", "model-2026-11-01")
    assert (said.usage.prompt_tokens, said.usage.completion_tokens) == (11, 7)
    assert (said.request_id, said.attempts) == ("req-9", 1)
    assert said.latency_s > 0


def test_the_request_is_what_was_asked_and_nothing_else(
    server: Any, provider: Any, reply: Any, request_of: Any
) -> None:
    server.behaviours = [lambda h: h.answer(reply())]
    provider().complete(request_of(temperature=0.3, max_tokens=50, seed=7, first_sample=4))
    ((path, _, body),) = server.requests
    assert path == "/v1/chat/completions"
    assert not body.pop("stream", False)
    assert body == {
        "model": "tiny",
        "messages": [
            {"role": "system", "content": "you write rewards"},
            {"role": "user", "content": "write a reward"},
        ],
        "n": 1,
        "temperature": 0.3,
        "max_tokens": 50,
        "seed": 11,
    }


def test_options_change_what_is_sent(
    server: Any, provider: Any, reply: Any, request_of: Any
) -> None:
    server.behaviours = [lambda h: h.answer(reply())]
    options = {"send_temperature": False, "send_seed": False}
    told = provider(**options, token_limit="max_completion_tokens")
    told.complete(request_of(temperature=0.3, max_tokens=50, seed=7))
    body = server.requests[0][2]
    assert body["max_completion_tokens"] == 50
    assert not {"temperature", "seed", "max_tokens"} & set(body)


@pytest.mark.parametrize("parallel", [1, 4])
def test_samples_are_calls_of_their_own_in_order(
    server: Any, provider: Any, reply: Any, request_of: Any, parallel: int
) -> None:
    server.behaviours = [lambda h: h.answer(reply(str(h.asked["seed"])))]
    completions = provider(parallel=parallel).complete(request_of(n=9, seed=100, first_sample=5))
    assert [said.text for said in completions] == [str(100 + k) for k in range(5, 14)]
    assert len(server.requests) == 9


@pytest.mark.parametrize(
    ("message", "finish", "text", "reason"),
    [
        ({"content": "cut"}, "length", "cut", "length"),
        ({"content": None}, "length", "", "length"),
        ({"content": None}, "stop", "", "stop"),
        ({"content": "x"}, "content_filter", "x", "refused"),
        ({"content": None, "refusal": "I will not"}, "stop", "I will not", "refused"),
        ({"content": "done"}, "eos_token", "done", "stop"),
        ({"content": "done"}, None, "done", "stop"),
        ({"content": [{"type": "text", "text": "a"}, {"text": "b"}]}, "stop", "ab", "stop"),
        ({"content": "x", "reasoning": {"y": [1]}, "audio": None}, "stop", "x", "stop"),
        ({"content": "half \ud800 a letter"}, "stop", "half ? a letter", "stop"),
    ],
)
def test_ends_of_a_message(
    one: Any, reply: Any, message: dict[str, Any], finish: Any, text: str, reason: str
) -> None:
    said = one(lambda h: h.answer(reply(finish=finish, **message)))
    assert (said.text, said.finish_reason) == (text, reason)


@pytest.mark.parametrize("usage", [None, "free", {"prompt_tokens": -1, "completion_tokens": True}])
def test_usage_that_is_none_counts_nothing(one: Any, reply: Any, usage: Any) -> None:
    said = one(lambda h: h.answer({**reply(), "usage": usage, "extra": {"deep": [1]}, "id": 3}))
    assert (said.usage.prompt_tokens, said.usage.completion_tokens) == (0, 0)
    assert said.request_id == ""


def test_another_content_type_around_a_completion_is_read(one: Any, reply: Any) -> None:
    assert one(lambda h: h.answer(reply(), headers={"Content-Type": "text/plain"})).text == "hello"


# ---- what passes ------------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["0.01", "Thu, 01 Jan 2026 00:00:00 GMT", "soon"])
def test_a_busy_server_is_asked_again(one: Any, server: Any, reply: Any, header: str) -> None:
    said = one(status(429, Retry_After=header), lambda h: h.answer(reply()))
    assert (said.text, said.attempts, len(server.requests)) == ("hello", 2, 2)


def test_a_server_that_fails_once_is_asked_again(one: Any, reply: Any) -> None:
    assert one(status(500), status(503), lambda h: h.answer(reply())).attempts == 3


def test_a_body_that_breaks_off_is_asked_for_again(one: Any, reply: Any) -> None:
    cut = one(lambda h: h.answer(b'{"choices": [', length=900), lambda h: h.answer(reply()))
    assert (cut.text, cut.attempts) == ("hello", 2)


def test_the_pause_is_the_servers_or_grows_with_jitter() -> None:
    patience = Patience(timeout_s=1.0, connect_s=1.0, retries=3, pause_s=0.5)
    asked = ChatFailure(reason="", remedy="", retry_after_s=7.25)
    own = ChatFailure(reason="", remedy="")
    assert patience.pause(asked, 1) == 7.25
    for attempt, longest in ((1, 0.5), (2, 1.0), (4, 4.0), (9, 8.0), (10_000, 8.0)):
        pauses = {patience.pause(own, attempt) for _ in range(50)}
        assert longest * 0.75 <= min(pauses) < max(pauses) <= longest


# ---- what does not ----------------------------------------------------------------------------


def test_a_server_that_stays_busy(failure: Any, server: Any) -> None:
    text = failure(status(429, {"message": "slow down"}, Retry_After="0.01"))
    assert "HTTP 429, too many requests: slow down after 3 attempts" in text
    assert "lower parallel" in text
    assert len(server.requests) == 3


def test_a_pause_longer_than_the_time_left_ends_at_once(failure: Any, server: Any) -> None:
    text = failure(status(429, Retry_After="3600"), timeout_s=30.0)
    assert "no attempt more fits into timeout_s=30 after a pause of 3.6e+03 s" in text
    assert len(server.requests) == 1


def test_an_account_without_quota_is_not_asked_again(failure: Any, server: Any) -> None:
    text = failure(status(429, {"message": "pay", "code": "insufficient_quota"}))
    assert "no quota left: pay; check plan and payments" in text
    assert len(server.requests) == 1


def test_a_server_that_keeps_failing(failure: Any, server: Any) -> None:
    assert "HTTP 500, the server failed: sorry after 3 attempts" in failure(status(500))
    assert len(server.requests) == 3


def test_a_key_that_is_not_accepted(failure: Any, server: Any) -> None:
    text = failure(status(401, {"message": f"Incorrect API key provided: {KEY}"}))
    assert "does not accept the key in OPENAI_API_KEY; set OPENAI_API_KEY" in text
    assert len(server.requests) == 1


def test_no_key_where_one_is_wanted(failure: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    assert "HTTP 401, the server wants a key" in failure(status(401))


def test_no_such_model(failure: Any) -> None:
    text = failure(status(404, {"message": "The model `tiny` does not exist"}))
    assert "HTTP 404, no such model or address: The model `tiny` does not exist" in text
    assert "/v1" in text


@pytest.mark.parametrize(
    ("error", "option"),
    [
        ({"message": "no", "param": "temperature"}, "send_temperature=false"),
        ({"message": "no", "param": "seed"}, "send_seed=false"),
        (
            {"message": "'max_tokens' is not supported. Use 'max_completion_tokens' instead."},
            "token_limit=max_completion_tokens",
        ),
        ({"message": "Unrecognized: max_completion_tokens"}, "token_limit=max_tokens"),
    ],
)
def test_a_refused_parameter_names_the_option(
    failure: Any, server: Any, error: Any, option: str
) -> None:
    text = failure(status(400, error))
    assert "HTTP 400, the server refuses the request" in text
    assert f"use the option {option}" in text
    assert len(server.requests) == 1


def test_another_refusal_shows_what_the_server_said_without_keys(failure: Any) -> None:
    text = failure(status(422, {"message": f"bad\n\n{KEY} " + "x" * 999}))
    assert "HTTP 422, the server refuses the request: bad [key] xxx" in text
    assert len(text) < 600


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        (b'{"choices": [', "application/json", "is not JSON but application/json, which begins"),
        (b"<html>Log in</html>", "text/html", "is not JSON but text/html, which begins '<html>"),
        (b'data: {"choices"', "text/event-stream", "is not JSON but text/event-stream"),
        (b"", "application/json", "and empty"),
        (b"\xff\xfe\x00", "application/json", "is not JSON"),
        (b"[" * 100_000, "application/json", "is not JSON"),
        (b"[]", "application/json", "no object but list"),
        (b'{"choices": []}', "application/json", "has no choices"),
        (b'{"choices": [7]}', "application/json", "has no choices"),
        (b'{"error": {"message": "out of memory"}}', "application/json", "out of memory"),
        (b'{"choices": [{"index": 0}]}', "application/json", "has no message"),
        (b'{"choices": [{"message": {"content": 5}}]}', "application/json", "no text: int"),
    ],
)
def test_an_answer_that_is_no_completion(
    failure: Any, server: Any, body: bytes, kind: str, said: str
) -> None:
    text = failure(lambda h: h.answer(body, headers={"Content-Type": kind}))
    assert said in text
    assert "check that base_url" in text
    assert len(server.requests) == 1  # it may have been paid for


def test_an_answer_without_end_is_not_kept(failure: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operant.reward_design.llm.providers.chat_call._LARGEST_BODY", 1000)
    assert "larger than 1000 bytes" in failure(lambda h: h.answer(b"x" * 200_000))


def test_a_body_that_always_breaks_off(failure: Any, server: Any) -> None:
    text = failure(lambda h: h.answer(b'{"choices": [', length=900))
    assert "the answer broke off" in text
    assert "after 3 attempts" in text


def test_a_silent_server(failure: Any) -> None:
    text = failure(lambda h: h.server.released.wait(), timeout_s=0.2)
    assert "no answer in time" in text
    assert "raise timeout_s" in text


def test_a_server_that_answers_in_drops(failure: Any) -> None:
    def drip(handler: Any) -> None:
        handler.answer(b"", length=100_000)
        while not handler.server.released.wait(0.01):
            handler.wfile.write(b" ")
            handler.wfile.flush()

    assert "no answer in time" in failure(drip, timeout_s=0.2)


def test_nobody_listens(request_of: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    provider = OpenAICompatible(
        "tiny", base_url=f"http://127.0.0.1:{port}/v1", retries=1, pause_s=0.0
    )
    with pytest.raises(ProviderError, match=rf"at 127.0.0.1:{port}: no connection .*refused.* 2 a"):
        provider.complete(request_of())


# ---- several samples --------------------------------------------------------------------------


def test_a_sample_that_fails_does_not_lose_the_others(
    server: Any, provider: Any, reply: Any, request_of: Any
) -> None:
    server.behaviours = [
        lambda h: h.answer(reply("first")),
        lambda h: h.answer(b"oops"),
        lambda h: h.answer(reply("third")),
    ]
    completions = provider().complete(request_of(n=3))
    assert [said.finish_reason for said in completions] == ["stop", "error", "stop"]
    assert "is not JSON" in completions[1].text
    assert completions[2].text == "third"


def test_no_sample_is_asked_for_once_all_would_fail(
    server: Any, provider: Any, reply: Any, request_of: Any
) -> None:
    server.behaviours = [lambda h: h.answer(reply()), status(401)]
    completions = provider().complete(request_of(n=5))
    assert [said.finish_reason for said in completions] == ["stop", *["error"] * 4]
    assert len(server.requests) == 2
    with pytest.raises(ProviderError, match="HTTP 401"):
        provider().complete(request_of(n=5))
    assert len(server.requests) == 3


# ---- keys and arguments -----------------------------------------------------------------------


def test_the_key_is_a_bearer_token_and_nowhere_else(
    server: Any, provider: Any, reply: Any, request_of: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.behaviours = [
        lambda h: h.answer(reply()),
        status(400, {"message": f"key {KEY}"}),
    ]
    made = provider()
    completions = made.complete(request_of(n=2))
    assert [headers["authorization"] for _, headers, _ in server.requests] == [f"Bearer {KEY}"] * 2
    everything = "".join(f"{path}{body}" for path, _, body in server.requests)
    assert KEY not in everything
    assert caplog.records  # the libraries below do log
    logged = "".join(f"{record.getMessage()}{record.args}" for record in caplog.records)
    places = (logged, repr(made), repr(vars(made)), made.name, made.client, repr(completions))
    assert not [place for place in places if KEY in place]


def test_a_server_of_ones_own_works_without_a_key(
    one: Any, server: Any, reply: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    assert one(lambda h: h.answer(reply())).text == "hello"


def test_the_server_can_be_named_by_the_libraries_variable(
    server: Any, reply: Any, request_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    server.behaviours = [lambda h: h.answer(reply())]
    made = OpenAICompatible("tiny")
    assert made.complete(request_of())[0].text == "hello"
    assert (made.name, made.host) == ("openai:tiny", "local")


def test_no_key_and_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(ProviderError, match="OPENAI_API_KEY, or give the base_url"):
        OpenAICompatible("tiny")


@pytest.mark.parametrize("end", ["\n", " x", "é"])
def test_a_key_that_no_header_can_hold(end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY + end)
    with pytest.raises(ProviderError, match="holds a blank, a line end") as caught:
        OpenAICompatible("tiny")
    assert KEY not in "".join(traceback.format_exception(caught.value))


def test_a_vendor_is_told_from_a_machine_of_ones_own() -> None:
    assert OpenAICompatible("m").host == "vendor"
    assert "api.openai.com" in repr(OpenAICompatible("m"))


def test_the_library_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(MissingExtraError, match=r"operant\[llm\]"):
        OpenAICompatible("tiny")


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"timeout_s": 0.0}, "timeout_s"),
        ({"timeout_s": float("nan")}, "timeout_s"),
        ({"connect_s": -1.0}, "connect_s"),
        ({"retries": -1}, "retries"),
        ({"pause_s": float("inf")}, "pause_s"),
        ({"parallel": 0}, "parallel"),
        ({"token_limit": "tokens"}, "token_limit"),
        ({"model": " "}, "model"),
        ({"base_url": "localhost:8000"}, "base_url"),
        ({"base_url": "ftp://host/v1"}, "base_url"),
        ({"base_url": "http://host:port/v1"}, "base_url"),
        ({"base_url": "https://user:pa55word@host/v1"}, "no user name, password"),
        ({"base_url": "https://host/v1?api-key=pa55word"}, "no user name, password"),
    ],
)
def test_arguments_outside_their_range(options: dict[str, Any], name: str) -> None:
    with pytest.raises(ValueError, match=name) as caught:
        OpenAICompatible(**{"model": "tiny", **options})
    assert "pa55word" not in str(caught.value)
