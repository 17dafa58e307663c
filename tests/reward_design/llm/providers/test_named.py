"""Providers by name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from operant.errors import UnknownIdError
from operant.reward_design.llm.providers.callable import CallableProvider
from operant.reward_design.llm.providers.named import PROVIDERS, make_provider
from operant.reward_design.llm.providers.protocol import ProviderError
from operant.reward_design.llm.providers.recorder import Recorder
from operant.reward_design.llm.providers.replay import Replay


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "my_model.py").write_text(
        "def ask(text): return text[-6:]\n"
        "def chat(messages): return messages[0]['role']\n"
        "SIZE = 3\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "my_model", raising=False)
    return "my_model"


def test_a_function_by_name(module: str, request_of: Any) -> None:
    provider = make_provider(f"{module}:ask")
    assert isinstance(provider, CallableProvider)
    assert (provider.name, provider.complete(request_of())[0].text) == ("my_model:ask", "reward")
    chat = make_provider(f"{module}:chat,takes=messages")
    assert chat.complete(request_of())[0].text == "system"


def test_a_recording_of_it_is_replayed(module: str, request_of: Any, tmp_path: Path) -> None:
    path = tmp_path / "a=b,c:d.jsonl"  # nothing in a path is an option
    recording = make_provider(f"{module}:ask", record=path)
    assert isinstance(recording, Recorder)
    said = recording.complete(request_of())
    replay = make_provider(f"replay:{path}")
    assert isinstance(replay, Replay)
    assert replay.complete(request_of()) == said


def test_a_folder_by_name(tmp_path: Path, request_of: Any) -> None:
    (tmp_path / "1.txt").write_text("one")
    provider = make_provider(f"scripted:{tmp_path}")
    assert provider.complete(request_of())[0].text == "one"
    with pytest.raises(ProviderError, match="only a live model can be recorded"):
        make_provider(f"scripted:{tmp_path}", record=tmp_path / "x.jsonl")


def test_a_model_by_name(
    server: Any, reply: Any, request_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openai")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    server.behaviours = [lambda h: h.answer(reply())]
    name = "openai:org/tiny:8b,send_temperature=false,token_limit=max_completion_tokens"
    provider = make_provider(name, base_url=server.url)
    provider.complete(request_of(max_tokens=5))
    body = server.requests[0][2]
    assert (provider.name, body["model"]) == ("openai:org/tiny:8b", "org/tiny:8b")
    assert "temperature" not in body
    assert body["max_completion_tokens"] == 5


@pytest.mark.parametrize("kind", ["mutate", "tree"])
def test_search_without_a_model_has_options(kind: str) -> None:
    provider = make_provider(kind, seed=3)
    assert provider.kind == "mutation"
    with pytest.raises(UnknownIdError, match=f"unknown option of {kind} 'seeed'"):
        make_provider(f"{kind}:seeed=1")
    with pytest.raises(UnknownIdError, match="unknown option"):
        make_provider(f"{kind}:seed=1")  # has an argument of its own
    with pytest.raises(ValueError, match=f"write {kind} or {kind}:OPTION=VALUE"):
        make_provider(f"{kind}:hard")


def test_an_option_reaches_its_class() -> None:
    with pytest.raises(ValueError, match="immigrants"):
        make_provider("mutate:immigrants=2.5")
    assert make_provider("mutate:immigrants=1,reflect=false").kind == "mutation"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("mutaet", "unknown provider 'mutaet'; did you mean mutate?"),
        ("opnai:gpt", "unknown provider 'opnai'; did you mean openai?"),
        ("", "known: "),
        ("xyz", "known: module:function, mutate, openai, replay, scripted, tree"),
        ("no.such.module:f", "unknown provider 'no.such.module'"),
        ("os.path/x:f", "unknown provider"),
        ("json", "unknown provider 'json'"),
    ],
)
def test_an_unknown_kind_names_near_ones(name: str, told: str) -> None:
    with pytest.raises(UnknownIdError) as caught:
        make_provider(name)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("openai", "write openai:MODEL; got 'openai'"),
        ("openai:", "write openai:MODEL"),
        ("openai:parallel=3", "write openai:MODEL"),
        ("replay:", "write replay:PATH"),
        ("scripted", "write scripted:FOLDER"),
        ("mutate:reflect", "write mutate or"),
        ("mutate:reflect=false,reflect=true", "each once; got 'reflect=true'"),
        ("openai:m,parallel", "look like name=value, each once; got 'parallel'"),
    ],
)
def test_a_name_that_is_not_whole(name: str, told: str) -> None:
    with pytest.raises(ValueError, match=r"write|options") as caught:
        make_provider(name)
    assert told in str(caught.value)


def test_wrong_options_and_functions(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openai")
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    with pytest.raises(UnknownIdError, match="unknown option of openai 'paralel'; did you mean pa"):
        make_provider("openai:m,paralel=3")
    with pytest.raises(ValueError, match="an option has a value of a wrong kind"):
        make_provider("openai:m,parallel=many")
    with pytest.raises(ProviderError, match="has no function 'aks'; did you mean ask"):
        make_provider(f"{module}:aks")
    with pytest.raises(ProviderError, match="has no function 'SIZE'"):
        make_provider(f"{module}:SIZE")


@pytest.mark.parametrize("name", ["mutate", "scripted:x", "replay:x", "json:dumps"])
def test_a_server_belongs_to_a_model(name: str) -> None:
    with pytest.raises(ValueError, match="base_url is the server of openai:MODEL"):
        make_provider(name, base_url="http://localhost/v1")


@pytest.mark.integration
def test_the_table_is_read_without_any_library() -> None:
    code = (
        "import sys, operant.reward_design.llm.providers.named as named; assert named.PROVIDERS; "
        "sys.exit(any(name in sys.modules for name in ('openai', 'torch', 'numba', 'scipy')))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_every_row_is_whole() -> None:
    for kind, row in PROVIDERS.items():
        assert kind.isidentifier()
        assert row.summary
        assert row.argument == row.argument.upper()
