"""Whatever was written, checks end with findings and never with another error."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operant.reward_design.llm.findings import Finding, rejects
from operant.reward_design.llm.providers.protocol import FinishReason
from operant.reward_design.llm.search.candidate import Form
from operant.reward_design.llm.search.forms import FORMS
from operant.reward_design.llm.verify.dry_run import DryRun
from operant.reward_design.llm.verify.language import LanguageCheck
from operant.reward_design.llm.verify.probes import HackProbes
from operant.reward_design.llm.verify.reply import read_reply
from operant.reward_design.llm.verify.verifier import Verifier

PIECES = st.sampled_from(
    [
        *("```", "```python", "~~~", "`", "\n", "\r\n", "\t", "    ", "import math", "# x", '"""'),
        *("def reward(obs, action, next_obs, info):", "def potential(obs, info):", "def f(", "("),
        *(
            "return 1.0",
            "return next_obs[0]",
            "    return [1, action]",
            "]",
            "\u2019",
            "\x00",
            "\x1b",
        ),
    ]
)
TEXTS = st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=25).map("".join))
FORM: Any = st.sampled_from(list(FORMS))

PARTS = st.sampled_from(
    [
        *("obs[0]", "next_obs[2]", "action", "0.5", "-3", "1e12", "math.exp(next_obs[1] * 99)"),
        *(
            "1 / next_obs[0]",
            "math.log(obs[3])",
            "mem[0]",
            'info["x"]',
            "obs",
            "(1 if action else 0)",
        ),
        "next_obs[2] ** 0.5",
    ]
)
EXPRESSIONS = st.recursive(
    PARTS,
    lambda inner: st.tuples(
        inner, st.sampled_from(["+", "-", "*", "/", "//", "%", ">"]), inner
    ).map(lambda parts: f"({' '.join(parts)})"),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def pole() -> Verifier:
    return Verifier("CartPole-v1", stages=(LanguageCheck(foreign=False), DryRun(), HackProbes()))


def check_findings(findings: tuple[Finding, ...]) -> None:
    for finding in findings:
        assert finding.stage
        assert finding.code
        assert finding.message
        assert str(finding)


@settings(max_examples=300, deadline=None)
@given(text=TEXTS, reason=st.sampled_from(get_args(FinishReason)), form=FORM)
def test_any_reply_can_be_read(text: str, reason: FinishReason, form: Form) -> None:
    source, findings = read_reply(text, reason, form)
    check_findings(findings)
    assert source or rejects(findings)
    if reason != "stop":
        assert rejects(findings)
    if not rejects(findings):
        assert f"def {form}(" in source
        again, findings = read_reply(f"```python\n{source}```", "stop", form)
        assert again == source  # what was found is found again


@settings(max_examples=30, deadline=None)
@given(text=TEXTS, form=FORM)
def test_any_text_gets_a_verdict(pole: Verifier, text: str, form: Form) -> None:
    verdict = pole.check(text, form)
    check_findings(verdict.findings)
    assert verdict.ok or verdict.findings


@settings(max_examples=30, deadline=None)
@given(first=EXPRESSIONS, second=EXPRESSIONS, memory=st.booleans())
def test_any_program_gets_a_verdict(pole: Verifier, first: str, second: str, memory: bool) -> None:
    last = ", mem" if memory else ""
    keep = f"    mem[0] = {second}\n" if memory else ""
    text = f"def reward(obs, action, next_obs, info{last}):\n{keep}    return {first} + {second}\n"
    verdict = pole.check(text, "reward")
    check_findings(verdict.findings)
    assert verdict.ok == (not rejects(verdict.findings))
    if verdict.ok:
        assert verdict.summary["failed"] == 0
        assert verdict.summary["maximum"] > verdict.summary["minimum"]
