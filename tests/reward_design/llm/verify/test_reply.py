"""Finding the program in what was written."""

from __future__ import annotations

import pytest

from operant.reward_design.llm.findings import rejects
from operant.reward_design.llm.verify.reply import read_reply

CODE = "def reward(obs, action, next_obs, info):\n    return 1.0\n"


@pytest.mark.parametrize(
    "text",
    [
        f"```python\n{CODE}```",
        f"```\n{CODE}```",
        f"~~~py\n{CODE}~~~",
        f'```python title="reward.py"\n{CODE}```',
        CODE,
        f"I\u2019d \u201cpay\u201d for it:\n\n```python\n{CODE}```\nIt pays \u2014 always.",
        f"Here it is.\n\n{CODE}\nThis pays one.",
        f"```python\n{CODE}```".replace("\n", "\r\n"),
        "```python\n" + CODE.replace("    ", "\t") + "```",
        "  ```python\n  " + CODE.replace("\n", "\n  ") + "\n  ```",
        f"````\n{CODE}````",
        f"```json\n{{}}\n```\n```python\n{CODE}```\n```python\nprint(1)\n```",
    ],
)
def test_the_program_is_found(text: str) -> None:
    source, findings = read_reply(text, "stop", "reward")
    assert source == CODE
    assert findings == ()


def test_the_last_block_that_defines_it_counts() -> None:
    better = CODE.replace("1.0", "2.0")
    text = f"Draft:\n```python\n{CODE}```\nBetter:\n```python\n{better}```\nRun:\n```\nx = 1\n```"
    source, findings = read_reply(text, "stop", "reward")
    assert source == better
    assert [(f.severity, f.code) for f in findings] == [("note", "several")]


def test_an_import_of_math_is_dropped_and_no_other() -> None:
    source, findings = read_reply(f"```\nimport math\n\n{CODE}```", "stop", "reward")
    assert source == CODE
    assert [(f.severity, f.code) for f in findings] == [("note", "import")]
    source, findings = read_reply(f"```\nimport os\n{CODE}```", "stop", "reward")
    assert "import os" in source  # for the language to refuse
    assert findings == ()


@pytest.mark.parametrize(
    ("text", "finish_reason", "code"),
    [
        ("", "stop", "empty"),
        (" \n\t\n", "stop", "empty"),
        ("I cannot help with that.", "refused", "refused"),
        (f"```\n{CODE}```", "refused", "refused"),
        ("the server said no", "error", "no answer"),
        ("I am sorry, but I cannot help with that.", "stop", "no code"),
        ("```python\n# no function here\n```", "stop", "no code"),
        ("Define the reward (dense) first", "stop", "no code"),
        (f"```python\n{CODE}", "stop", "cut off"),
        (f"```python\n{CODE}```", "length", "cut off"),
        ("I think that", "length", "cut off"),
        ("```python\ndef rew", "length", "cut off"),
        ("def reward(obs, action, next_obs, info):\n    return max(1.0,", "stop", "cut off"),
        ('```\ndef reward(obs, action, next_obs, info):\n    """It\n```', "stop", "cut off"),
        ("```\ndef compute_reward(self, action):\n    return 1\n```", "stop", "signature"),
        ("```\ndef reward(self, action):\n    return 1\n```", "stop", "signature"),
        ("```\ndef potential(obs, info):\n    return 1\n```", "stop", "signature"),
        (f"```\n{CODE.replace('info)', 'info: dict)')}```", "stop", "signature"),
    ],
)
def test_a_reply_that_is_no_use_is_rejected(text: str, finish_reason: str, code: str) -> None:
    _, findings = read_reply(text, finish_reason, "reward")  # type: ignore[arg-type]
    assert rejects(findings)
    assert [f.code for f in findings if f.severity == "error"] == [code]
    assert all(f.stage == "reply" for f in findings)


def test_it_says_which_signature_was_found_and_which_is_wanted() -> None:
    text = "```\ndef compute_reward(\n    self,\n    action,\n):\n    return 1\n```"
    source, (finding,) = read_reply(text, "stop", "potential")
    assert "compute_reward(self, action)" in finding.message
    assert "def potential(obs, info):" in finding.hint
    assert finding.data["found"] == ["compute_reward(self, action)"]
    assert source.startswith("def compute_reward(")  # kept, so that a report can show it


def test_memory_and_lists_of_parameters_over_several_lines_are_fine() -> None:
    parameters = "".join(f"    {name},\n" for name in ("obs", "action", "next_obs", "info", "mem"))
    text = f"def signs(\n{parameters}):\n    return [1, 0]\n"
    assert read_reply(text, "stop", "signs") == (text, ())


@pytest.mark.parametrize("given", ["obs,action,next_obs,info", "obs ,action , next_obs,  info"])
def test_spaces_around_commas_do_not_matter(given: str) -> None:
    text = f"def reward({given}):\n    return 0.0\n"
    assert read_reply(f"```python\n{text}```", "stop", "reward") == (text, ())


def test_hostile_text_takes_no_time() -> None:
    for text in (
        "```" + " " * 200_000 + "!",
        " " * 200_000 + "x",
        "def " + "a" * 200_000,
        "`" * 99_999,
    ):
        assert rejects(read_reply(text, "stop", "reward")[1])
    assert rejects(read_reply("(\n" * 100_000 + CODE + "```", "stop", "reward")[1])


def test_a_reply_that_is_far_too_long_is_not_read() -> None:
    source, findings = read_reply("\n" * 200_000, "stop", "reward")
    assert source == ""
    assert [finding.code for finding in findings] == ["too long"]
