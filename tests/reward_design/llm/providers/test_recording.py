"""What a model said is written down whole, without keys, and given out again exactly."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operant.reward_design.llm.providers.callable import CallableProvider
from operant.reward_design.llm.providers.protocol import (
    Completion,
    Message,
    ProviderError,
    Request,
    Usage,
)
from operant.reward_design.llm.providers.recorder import Recorder
from operant.reward_design.llm.providers.records import Record, key_of, question, read_records
from operant.reward_design.llm.providers.replay import Replay
from operant.reward_design.llm.providers.scripted import Scripted


class Counting:
    """A model that says which answer this is; the third of its life fails."""

    kind = "live"
    name = "openai:tiny"
    client = "openai 3.0"
    host = "local"

    def __init__(self) -> None:
        self.asked = 0

    def complete(self, request: Request) -> Sequence[Completion]:
        first = self.asked
        self.asked += request.n
        return [
            Completion(
                text=f"answer {number} \N{GREEK SMALL LETTER ALPHA}\n",
                finish_reason="error" if number == 2 else "length",
                model="tiny-1",
                usage=Usage(prompt_tokens=3, completion_tokens=number),
                request_id=f"id-{number}",
                latency_s=0.25,
                attempts=2,
            )
            for number in range(first, first + request.n)
        ]


@pytest.fixture
def recorded(tmp_path: Path, request_of: Any) -> Path:
    """Return a recording of four samples of one dialogue and one of another."""
    recording = Recorder(Counting(), tmp_path / "calls.jsonl")
    recording.complete(request_of(n=3, seed=5))
    recording.complete(request_of(first_sample=3, seed=5))
    recording.complete(request_of("improve it", purpose="criticise", template="2"))
    return tmp_path / "calls.jsonl"


@pytest.fixture
def edited(recorded: Path) -> Callable[[Callable[[list[bytes]], list[bytes]]], Path]:
    """Return a function that changes the lines of the recording."""

    def edit(change: Callable[[list[bytes]], list[bytes]]) -> Path:
        lines = recorded.read_bytes().splitlines(keepends=True)
        recorded.write_bytes(b"".join(change(lines)))
        return recorded

    return edit


# ---- what is written --------------------------------------------------------------------------


def test_a_line_holds_all_that_the_search_needs_again(recorded: Path) -> None:
    line = json.loads(recorded.read_text().splitlines()[4])
    assert line["question"] == {
        "provider": "openai:tiny",
        "template": "2",
        "purpose": "criticise",
        "temperature": 1.0,
        "max_tokens": None,
        "seed": None,
        "messages": [
            {"role": "system", "content": "you write rewards"},
            {"role": "user", "content": "improve it"},
        ],
        "sample": 0,
    }
    assert line["key"] == key_of(line["question"])
    assert line["completion"] == {
        "text": "answer 4 \N{GREEK SMALL LETTER ALPHA}\n",
        "finish_reason": "length",
        "model": "tiny-1",
        "usage": {"prompt_tokens": 3, "completion_tokens": 4},
        "request_id": "id-4",
        "latency_s": 0.25,
        "attempts": 2,
    }
    assert (line["client"], line["host"], line["format"]) == ("openai 3.0", "local", 1)
    assert line["written"].endswith("+00:00")
    assert line["operant"]


def test_a_search_is_replayed_exactly(recorded: Path, request_of: Any) -> None:
    model, replay = Counting(), Replay(recorded)
    assert replay.kind == "replay"
    for request in (
        request_of(n=3, seed=5),
        request_of(first_sample=3, seed=5),
        request_of("improve it", purpose="criticise", template="2"),
    ):
        assert replay.complete(request) == model.complete(request)


def test_the_brief_is_neither_sent_nor_recorded(recorded: Path, request_of: Any) -> None:
    request = request_of(n=3, seed=5, brief=object())
    assert len(Replay(recorded).complete(request)) == 3


def test_the_name_says_whose_words_these_are_and_since_when(recorded: Path) -> None:
    before = Replay(recorded).name
    assert before.startswith("replay:openai:tiny of 20")
    assert "calls.jsonl" in before
    Recorder(Counting(), recorded).complete(Request(messages=(), n=1))
    assert Replay(recorded).name != before


@settings(max_examples=50)
@given(
    st.lists(st.text(), min_size=1, max_size=3),
    st.text(),
    st.floats(0, 2),
    st.none() | st.integers(),
)
def test_any_text_survives_a_line(
    texts: list[str], answer: str, temperature: float, seed: int | None
) -> None:
    messages = tuple(Message(role="user", content=text) for text in texts)
    request = Request(messages=messages, temperature=temperature, seed=seed)
    asked = question("p", request, 2)
    record = Record(
        key=key_of(asked),
        question=asked,
        completion=Completion(text=answer),
        written="2026-11-21T00:00:00+00:00",
        client="c",
        host="",
        operant="0",
    )
    line = record.to_line()
    assert line.count(b"\n") == 1
    assert key_of(json.loads(line)["question"]) == record.key


def test_one_and_one_point_zero_are_one_temperature(request_of: Any) -> None:
    keys = {key_of(question("p", request_of(temperature=t), 0)) for t in (1, 1.0)}
    assert len(keys) == 1


# ---- recording --------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", [Scripted(["x"]), "replay"])
def test_only_a_live_model_is_recorded(provider: Any, recorded: Path, tmp_path: Path) -> None:
    made = Replay(recorded) if provider == "replay" else provider
    with pytest.raises(ProviderError, match="only a live model can be recorded"):
        Recorder(made, tmp_path / "new.jsonl")


def test_a_sample_is_asked_for_once(recorded: Path, request_of: Any) -> None:
    model = Counting()
    recording = Recorder(model, recorded)
    before = recorded.read_bytes()
    with pytest.raises(
        ProviderError, match=r"sample 2 of this dialogue is line 3 of 'calls.jsonl'"
    ):
        recording.complete(request_of(n=4, first_sample=2, seed=5))
    assert (model.asked, recorded.read_bytes()) == (0, before)
    recording.complete(request_of(n=1, first_sample=4, seed=5))
    with pytest.raises(ProviderError, match="is line 6 of"):
        recording.complete(request_of(n=1, first_sample=4, seed=5))


def test_another_models_recording_is_not_continued(recorded: Path) -> None:
    other = CallableProvider(lambda _: "x", name="mine")
    with pytest.raises(ProviderError, match="is a recording of openai:tiny, not of mine"):
        Recorder(other, recorded)


@pytest.mark.parametrize("cut", [1, 30, 200])
def test_a_process_killed_while_it_wrote_loses_that_line_alone(
    edited: Any, request_of: Any, cut: int
) -> None:
    path = edited(lambda lines: [*lines[:-1], lines[-1][:-cut] if cut > 1 else lines[-1][:-2]])
    whole = path.read_bytes().rpartition(b"\n")[0] + b"\n"
    (finding,) = Replay(path).findings
    assert (finding.code, finding.line, finding.severity) == ("cut off", 5, "warning")
    recording = Recorder(Counting(), path)
    assert recording.findings == (finding,)
    assert path.read_bytes() == whole
    recording.complete(request_of("improve it", purpose="criticise", template="2"))
    assert Replay(path).findings == ()
    assert len(read_records(path).records) == 5


def test_a_whole_last_line_without_its_end_is_kept(edited: Any, request_of: Any) -> None:
    path = edited(lambda lines: [*lines[:-1], lines[-1][:-1]])
    assert Replay(path).findings == ()
    Recorder(Counting(), path).complete(request_of("third"))
    assert len(read_records(path).records) == 6


def test_a_full_disk_leaves_the_file_as_it_was(
    recorded: Path, request_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = Recorder(Counting(), recorded)
    before, write = recorded.read_bytes(), os.write
    calls = iter([True, False])

    def half(handle: int, data: Any) -> int:
        if not next(calls):
            raise OSError(28, "No space left on device")
        return write(handle, bytes(data)[: len(data) // 2])

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(ProviderError, match=r"'calls.jsonl' cannot be written: No space left"):
        recording.complete(request_of("third", n=2))
    assert recorded.read_bytes() == before


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match="cannot be written: No such file"):
        Recorder(Counting(), tmp_path / "none" / "calls.jsonl")


@pytest.mark.integration
def test_a_killed_process_leaves_whole_records(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    code = f"""
import itertools
from pathlib import Path
from operant.reward_design.llm.providers.callable import CallableProvider
from operant.reward_design.llm.providers.protocol import Message, Request
from operant.reward_design.llm.providers.recorder import Recorder
recording = Recorder(CallableProvider(lambda _: "x" * 50_000, name="long"), Path({str(path)!r}))
for number in itertools.count():
    recording.complete(Request(messages=(Message(role="user", content=str(number)),)))
    print(number, flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(5)]
        process.kill()
        process.wait()
    assert len(read_records(path).records) >= int(said[-1]) + 1


# ---- keys -------------------------------------------------------------------------------------


def test_a_message_with_a_key_is_not_sent(
    tmp_path: Path, request_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "plain-words-as-a-key")
    model, path = Counting(), tmp_path / "calls.jsonl"
    with pytest.raises(ProviderError, match=r"message 1 \(user\) holds the value of SOME_API_KEY"):
        Recorder(model, path).complete(request_of("use plain-words-as-a-key for it"))
    assert (model.asked, path.read_bytes()) == (0, b"")


def test_an_answer_with_a_key_becomes_a_failed_sample(tmp_path: Path, request_of: Any) -> None:
    key = "sk-proj-0123456789abcdefghij"
    texts = iter(["fine", f"key = '{key}'", "fine too"])
    provider = CallableProvider(lambda _: next(texts), name="mine")
    path = tmp_path / "calls.jsonl"
    completions = Recorder(provider, path).complete(request_of(n=3))
    assert [said.finish_reason for said in completions] == ["stop", "error", "stop"]
    assert key not in path.read_text() + repr(completions)
    assert Replay(path).complete(request_of(n=3)) == completions


# ---- misses and damage ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "changes", "told"),
    [
        ("write a reward", {}, "seed differs: recorded 5, asked None"),
        ("write a reward", {"seed": 5, "first_sample": 4}, "sample differs: .* 4 samples of this"),
        ("write a reward", {"seed": 5, "temperature": 0.5}, "temperature differs: recorded 1.0, a"),
        ("write a reward", {"seed": 5, "max_tokens": 9}, "max_tokens differs: recorded None, as"),
        (
            "write a reward",
            {"seed": 5, "template": "3"},
            "template differs: recorded '', asked '3'",
        ),
        ("write a reward", {"seed": 5, "purpose": "merge"}, "purpose differs"),
        (
            "write a rewrad",
            {"seed": 5},
            r"messages\[1\] differs from letter 11 on: recorded 'write a reward', asked",
        ),
    ],
)
def test_a_miss_names_the_first_difference(
    recorded: Path, request_of: Any, content: str, changes: Any, told: str
) -> None:
    replay = Replay(recorded)
    with pytest.raises(ProviderError, match=told) as caught:
        replay.complete(request_of(content, **changes))
    assert "A replay never asks a model" in str(caught.value)
    assert len(replay.complete(request_of(n=3, seed=5))) == 3  # a miss takes nothing away


def test_a_miss_is_held_against_the_nearest_dialogue(recorded: Path) -> None:
    system = Message(role="system", content="you write rewards")
    longer = (system, Message(role="user", content="improve it"), system)
    request = Request(messages=longer, purpose="criticise", template="2")
    with pytest.raises(ProviderError, match="line 5: messages: 2 are recorded, 3 asked"):
        Replay(recorded).complete(request)
    other = (system, Message(role="assistant", content="improve it"))
    with pytest.raises(ProviderError, match=r"messages\[1\] is of user there and of assistant"):
        Replay(recorded).complete(Request(messages=other, purpose="criticise", template="2"))


def test_a_record_is_given_out_once(recorded: Path, request_of: Any) -> None:
    replay = Replay(recorded)
    replay.complete(request_of(n=2, seed=5))
    with pytest.raises(ProviderError, match="sample 1 of this dialogue was given out before"):
        replay.complete(request_of(n=2, first_sample=1, seed=5))
    assert len(replay.complete(request_of(n=2, first_sample=2, seed=5))) == 2


def test_a_copy_of_a_line_is_passed_over(edited: Any, request_of: Any) -> None:
    replay = Replay(edited(lambda lines: [*lines, lines[1]]))
    (finding,) = replay.findings
    assert (finding.code, finding.line) == ("repeated", 6)
    assert "repeats line 2" in finding.message
    assert len(replay.complete(request_of(n=4, seed=5))) == 4


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda lines: [lines[0], b"oops\n", *lines[1:]], "line 2 .* is damaged: it is not JSON"),
        (lambda lines: [*lines, b"\xff\xfe\n"], "line 6 .* not JSON in UTF-8"),
        (lambda lines: [b"[" * 100_000 + b"\n", *lines], "line 1 .* not JSON"),
        (lambda lines: [b"{}\n", *lines], "line 1 .* not a record of format 1"),
        (lambda lines: [lines[0].replace(b'"latency_s"', b'"lag"')], "line 1 .*lag"),
        (lambda lines: [lines[0].replace(b'"client": ', b'"x": ')], "line 1 .* unknown"),
        (lambda lines: [lines[0].replace(b'"length"', b'"done"')], "line 1 .* finish_reason"),
        (lambda lines: [lines[0].replace(b'"written": "20', b'"written": "x')], "line 1 .* kind"),
        (
            lambda lines: [lines[0], lines[1].replace(b"write a", b"write b")],
            "line 2 .* key is not",
        ),
        (
            lambda lines: [*lines, lines[0].replace(b"answer 0", b"other")],
            "lines 1 and 6 .* differ",
        ),
        (lambda lines: [lines[0].replace(b'"prompt_tokens": 3', b'"prompt_tokens": "3"')], "kind"),
        (lambda lines: [lines[0].replace(b'_s": 0.25', b'_s": NaN')], "finite and >= 0"),
        (lambda lines: [lines[0].replace(b'"text": "answer', b'"text": ["answer')], "not JSON"),
        (lambda lines: [lines[0].replace(b'"model": "tiny-1"', b'"model": 5')], "model must be te"),
        (lambda lines: [lines[0].replace(b'"role": "user", ', b"")], "a message has role and cont"),
        (lambda lines: [lines[0].replace(b'"template"', b'"templates"')], "must have the fields"),
        (lambda lines: [], "holds no completion"),
    ],
)
def test_a_damaged_recording_names_the_line(edited: Any, change: Any, told: str) -> None:
    with pytest.raises(ProviderError, match=told) as caught:
        Replay(edited(change))
    assert "'calls.jsonl'" in str(caught.value)


JSON = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
JSON = st.recursive(JSON, lambda inner: st.lists(inner, max_size=2), max_leaves=3)


@settings(max_examples=150)
@given(place=st.integers(0, 200), value=JSON | st.just({}), rekeyed=st.booleans())
def test_a_line_with_anything_in_any_place_is_read_or_refused(
    place: int, value: Any, rekeyed: bool
) -> None:
    messages = (Message(role="system", content="a"), Message(role="user", content="b"))
    asked = question("p", Request(messages=messages, seed=1, max_tokens=2), 3)
    record = Record(
        key=key_of(asked),
        question=asked,
        completion=Completion(text="t", usage=Usage(prompt_tokens=1)),
        written="2026-11-21T00:00:00+00:00",
        client="c",
        host="",
        operant="0",
    )
    whole = json.loads(record.to_line())
    places = list(_places(whole))
    holder, key = places[place % len(places)]
    holder[key] = value
    if rekeyed:
        with contextlib.suppress(ValueError):  # a number that JSON has not
            whole["key"] = key_of(whole["question"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "calls.jsonl"
        path.write_text(json.dumps(whole) + "\n")
        refused = r"line 1 of the recording|no record of this"
        with pytest.raises(ProviderError, match=refused):
            Replay(path).complete(Request(messages=messages))


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each holder and key in a JSON value."""
    keys = list(value) if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])


def test_two_models_in_one_file(recorded: Path, request_of: Any) -> None:
    other = recorded.with_name("other.jsonl")
    Recorder(CallableProvider(lambda _: "x", name="mine"), other).complete(request_of())
    recorded.write_bytes(recorded.read_bytes() + other.read_bytes())
    with pytest.raises(ProviderError, match=r"line 6 .* is by mine, the first one by openai:tiny"):
        Replay(recorded)


def test_empty_lines_are_nothing(edited: Any, request_of: Any) -> None:
    path = edited(lambda lines: [b"\n", *lines, b"\r\n", b"\n"])
    assert len(Replay(path).complete(request_of(n=4, seed=5))) == 4


def test_no_such_recording(tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match=r"'none.jsonl': No such file"):
        Replay(tmp_path / "none.jsonl")
