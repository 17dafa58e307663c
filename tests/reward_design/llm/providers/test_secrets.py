"""Keys are found, and nothing else is taken for one."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from operant.reward_design.llm.providers import secrets
from operant.reward_design.llm.providers.endpoint import host_class, host_of, require_url
from operant.reward_design.llm.providers.secrets import find_secret, without_secrets

LETTERS = "0a1B2c3D4e5F6g7H8i9JkLmNoPqRsTuVwXyZ"


@pytest.mark.parametrize(
    "key",
    [
        f"sk-{LETTERS}",
        f"sk-proj-{LETTERS}_{LETTERS}",
        f"sk-ant-api03-{LETTERS}",
        f"gsk_{LETTERS}",
        f"xai-{LETTERS}",
        f"AIza{LETTERS}",
        "AKIAIOSFODNN7EXAMPLE",
        f"ghp_{LETTERS}",
        f"github_pat_{LETTERS}",
        f"hf_{LETTERS}",
        f"xoxb-1234567890-{LETTERS}",
        f"eyJhbGciOiJI.eyJzdWIiOiIx.{LETTERS}",
        f"Authorization: Bearer {LETTERS}",
        "-----BEGIN RSA PRIVATE KEY-----",
    ],
)
def test_forms_of_keys(key: str) -> None:
    text = f"before '{key}', after"
    assert find_secret(text)
    assert key not in without_secrets(text)
    assert without_secrets(text).startswith("before '")
    assert find_secret(without_secrets(text)) == ""


def test_values_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_API_KEY", "correct horse")
    monkeypatch.setenv("OTHER_TOKEN", "correct horse battery")
    monkeypatch.setenv("SHORT_KEY", "abc")
    monkeypatch.setenv("MONKEY", "bananas and more")
    assert find_secret("a correct horse") == "the value of LOCAL_API_KEY"
    assert without_secrets("correct horse battery, correct horse") == "[key], [key]"
    assert find_secret("abc: bananas and more") == ""


def test_a_value_is_found_without_the_line_end_it_was_set_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOCAL_API_KEY", "correct-horse\n")
    assert without_secrets(r"Illegal header value b'Bearer correct-horse\n'").count("horse") == 0


def test_no_text_of_this_library_is_taken_for_a_key() -> None:
    folder = Path(secrets.__file__).parents[1]
    paths = [path for path in folder.rglob("*.py") if path.name != "secrets.py"]
    texts = [
        node.value
        for path in paths
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    assert len(texts) > 300
    assert find_secret("\n".join(texts)) == ""


@pytest.mark.parametrize(
    "text",
    [
        "sk-learn-is-a-library-for-everyone",
        "task-0123456789-abcdefgh-0123",
        "bearer of good news and everything else",
        "a" * 64,
        "0123456789abcdef" * 4,
        "info['prev_steps_to_subgoal'] - info['steps_to_subgoal']",
    ],
)
def test_innocent_texts(text: str) -> None:
    assert find_secret(text) == ""
    assert without_secrets(text) == text


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("http://localhost:8000/v1", "local"),
        ("http://127.0.0.1/v1", "local"),
        ("http://[::1]:8000/v1", "local"),
        ("http://10.1.2.3/v1", "local"),
        ("http://gpu-box:8000/v1", "local"),
        ("https://llm.internal/v1", "local"),
        ("https://api.openai.com/v1", "vendor"),
        ("https://8.8.8.8/v1", "vendor"),
        ("https://localhost.example.org/v1", "vendor"),
    ],
)
def test_where_a_model_runs(url: str, kind: str) -> None:
    assert host_class(require_url(url)) == kind


def test_a_host_is_shown_without_its_user() -> None:
    assert host_of("https://user:word@host:9/v1?x=1") == "host:9"
