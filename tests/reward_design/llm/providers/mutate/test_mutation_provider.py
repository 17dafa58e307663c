"""The provider: equal questions, equal answers; every answer is honest and a program."""

from __future__ import annotations

import dataclasses

import pytest

from operant.reward_design.llm.findings import Finding
from operant.reward_design.llm.providers.mutate.compiles import compiles
from operant.reward_design.llm.providers.mutate.provider import Mutation
from operant.reward_design.llm.providers.protocol import Message, ProviderError, Request
from operant.reward_design.llm.search.brief import CandidateReport
from operant.reward_design.llm.verify.reply import read_reply

PARENT = """def reward(obs, action, next_obs, info):
    closer = 0.5 * (info["prev_steps_to_key"] - info["steps_to_key"])
    bonus = 2.0 * (1.0 if info["has_key"] > info["prev_has_key"] else 0.0)
    return closer + bonus
"""
EARLY_RETURN = """def reward(obs, action, next_obs, info):
    if info["has_key"]:
        return 0.5
    return 0.25 * info["speed"]
"""


def request(brief, n=1, first_sample=0, said="write", **fields) -> Request:
    messages = (Message(role="user", content=said),)
    return Request(messages=messages, n=n, first_sample=first_sample, brief=brief, **fields)


def sources(provider, asked) -> list[str]:
    found = []
    for completion in provider.complete(asked):
        assert "no language model" in completion.text
        source, findings = read_reply(completion.text, "stop", asked.brief.form)
        assert not findings
        found.append(source)
    return found


def warning(code: str, severity="warning") -> Finding:
    return Finding(stage="probe", severity=severity, code=code, message=f"found {code}")


def test_samples_depend_on_their_index_and_the_question_alone(make_brief) -> None:
    brief = make_brief(
        reports=(CandidateReport(name="a", source=PARENT, fitness=0.5, success=(0.0, 0.5)),)
    )
    whole = sources(Mutation(seed=1), request(brief, n=6))
    provider = Mutation(seed=1)
    parts = sources(provider, request(brief, n=4, first_sample=2))
    parts = sources(provider, request(brief, n=2)) + parts
    assert parts == whole
    assert len(set(whole)) == 6
    assert sources(Mutation(seed=2), request(brief, n=6)) != whole
    assert sources(Mutation(seed=1), request(brief, n=6, said="other")) != whole
    assert sources(Mutation(seed=1), request(brief, n=6, seed=5)) != whole


def test_without_data_it_says_what_is_missing() -> None:
    with pytest.raises(ProviderError, match="brief"):
        Mutation(seed=0).complete(request(None))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"seed": -1}, "seed"),
        ({"immigrants": 1.5}, "immigrants"),
        ({"immigrants": -0.1}, "got -0.1"),
    ],
)
def test_bad_arguments_are_named(arguments, complaint) -> None:
    with pytest.raises(ValueError, match=complaint):
        Mutation(**{"seed": 0, **arguments})


def test_the_wanted_part_of_a_round_is_fresh(make_brief) -> None:
    """Fresh programs do not depend on the parent's text, children keep some of its names."""
    brief = make_brief(
        reports=(CandidateReport(name="a", source=PARENT, fitness=0.9, success=(0.9,)),)
    )

    def inherited(immigrants: float) -> int:
        found = sources(Mutation(seed=0, immigrants=immigrants), request(brief, n=16))
        return sum("closer" in source or "bonus" in source for source in found)

    assert inherited(1.0) == 0
    assert inherited(0.0) == 16
    assert inherited(0.5) == 8
    assert inherited(0.25) == 12


@pytest.mark.parametrize("source", [PARENT, EARLY_RETURN, "", "nonsense (", "x = 1"])
@pytest.mark.parametrize("form", ["reward", "potential", "signs", "factors"])
@pytest.mark.parametrize("reflect", [True, False])
def test_any_parent_leads_to_programs(make_brief, source, form, reflect) -> None:
    """Also one of another form, one that cannot be taken apart, and none at all."""
    reports = (
        CandidateReport(
            name="a", source=source.replace("reward", form), findings=(warning("x", "error"),)
        ),
        CandidateReport(
            name="b", source=PARENT, fitness=0.0, success=(0.0,), terms={"closer": (0.0,)}
        ),
    )
    brief = make_brief(form, reports=reports)
    asked = request(brief, n=6)
    for written in sources(Mutation(seed=0, reflect=reflect, immigrants=0.0), asked):
        assert compiles(written, brief)


def test_a_program_that_cannot_be_taken_apart_gets_other_numbers(make_brief) -> None:
    brief = make_brief(reports=(CandidateReport(name="a", source=EARLY_RETURN, fitness=0.5),))
    children = sources(Mutation(seed=0, immigrants=0.0), request(brief, n=8))
    assert all("if info" in child and child.count("return") == 2 for child in children)
    assert len({*children}) > 4


def test_a_critic_repeats_what_checks_found(make_brief) -> None:
    good = CandidateReport(name="a", source=PARENT, findings=(warning("slow", "note"),))
    bad = dataclasses.replace(good, findings=(warning("oscillation"), warning("feature", "error")))
    said = [
        Mutation(seed=0)
        .complete(request(make_brief(reports=(report,)), purpose="criticise"))[0]
        .text
        for report in (good, bad)
    ]
    assert said == ["ACCEPT", "ERROR: found oscillation\nERROR: found feature"]


def test_merging_keeps_all_factors_once(make_brief) -> None:
    signature = "def factors(obs, action, next_obs, info):\n"
    first = f'{signature}    near = info["steps_to_key"]\n    return [near, info["speed"] ** 2]\n'
    body = '    a = info["steps_to_goal"]\n    b = info["steps_to_key"]\n    return [a, b]\n'
    second = f"{signature}{body}"
    reports = tuple(
        CandidateReport(name=str(k), source=text) for k, text in enumerate((first, second))
    )
    (merged,) = sources(
        Mutation(seed=0), request(make_brief("factors", reports=reports), purpose="merge")
    )
    assert merged.count("steps_to_key") == merged.count("steps_to_goal") == 1
    assert merged.count("speed") == 1
    assert compiles(merged, make_brief("factors"))


def test_merging_keeps_foreign_names_apart(make_brief) -> None:
    signature = "def factors(obs, action, next_obs, info):\n    x = 0.0\n"
    one = f'{signature}    if info["has_key"]:\n        x += 1.0\n    return [x]\n'
    two = f'{signature}    if info["on_lava"]:\n        x += 2.0\n    return [x]\n'
    reports = (CandidateReport(name="a", source=one), CandidateReport(name="b", source=two))
    brief = make_brief("factors", reports=reports)
    (merged,) = sources(Mutation(seed=0), request(brief, purpose="merge"))
    assert "x_2 += 2.0" in merged
    assert "x += 1.0" in merged
    assert compiles(merged, brief)


def test_merging_nothing_readable_is_a_fresh_program(make_brief) -> None:
    brief = make_brief("factors", reports=(CandidateReport(name="a", source="nonsense"),))
    (merged,) = sources(Mutation(seed=0), request(brief, purpose="merge"))
    assert compiles(merged, brief)
