from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from operant.reward_design.llm.search.icpl import icpl
from operant.reward_design.llm.search.lare import lare
from operant.reward_design.llm.search.mc_reward import mc_reward
from operant.reward_design.llm.search.methods import ROWS, methods
from operant.reward_design.llm.search.people import HiddenFitness
from operant.reward_design.llm.search.search import run_search
from operant.reward_design.llm.search.text2reward import text2reward
from operant.reward_design.llm.search.trial import Trial

HIDDEN = 0.43217
"""Added to every fitness: a number that stands in no program."""


def weight_of(source: str) -> float:
    found = re.search(r"closer = ([\d.]+)", source)
    assert found is not None
    return float(found[1])


def success(source: str, seed: int) -> float:
    return weight_of(source) / 10 + HIDDEN


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_every_method_can_be_called_as_its_row_says(row: Any) -> None:
    parameters = inspect.signature(methods().load(row.id)).parameters
    assert next(iter(parameters)) == "search"
    assert {*row.kwargs} <= {*parameters}
    assert "seeds" in parameters
    assert row.form in row.forms


class Counted(HiddenFitness):
    asked = 0

    def prefers_first(self, first: Trial, second: Trial) -> bool:
        self.asked += 1
        return super().prefers_first(first, second)


@pytest.mark.parametrize(("samples", "rounds"), [(6, 5), (4, 3), (2, 2)])
def test_icpl_asks_as_often_as_the_formula_says(
    samples: int, rounds: int, make_search: Callable[..., Any], fenced: Callable[[float], str]
) -> None:
    """49 for the paper's six candidates and five rounds."""
    texts = [fenced(w / 100) for w in range(samples * rounds, 0, -1)]
    search, _, _ = make_search(texts, success)
    judge, compared = Counted(), []
    prefers_first = search.prefers_first
    search.prefers_first = lambda *told: compared.append(told) or prefers_first(*told)
    outcome = run_search(icpl, search, rounds=rounds, samples=samples, judge=judge)
    assert len(compared) == 2 * (samples - 1) * rounds - 1
    pairs = {frozenset((first.name, second.name)) for _, first, second in compared}
    assert judge.asked == len(pairs)  # nobody is asked twice
    assert search.parts.budget.spent("human_queries") == judge.asked
    assert outcome.chosen is not None
    assert weight_of(outcome.chosen.candidate.source) == samples * rounds / 100


def test_icpl_tells_no_fitness(
    make_search: Callable[..., Any], fenced: Callable[[float], str], written: Callable[[float], str]
) -> None:
    search, writer, _ = make_search([fenced(w / 100) for w in range(1, 13)], success)
    run_search(icpl, search, rounds=3, samples=4)
    for request in writer.requests:
        told = "\n".join(message.content for message in request.messages)
        assert "success rate" not in told
        assert not re.search(r"0\.4[34]|4[34]\s?%", told)
        assert all(r.fitness is None and r.success == () for r in request.brief.reports)
    last = writer.requests[-1]
    told = last.messages[-1].content
    assert written(0.08) in told  # the best so far
    assert written(0.05) in told  # the worst of the last round
    assert "-    closer = 0.04 " in told
    assert "+    closer = 0.08 " in told
    assert [report.preferred for report in last.brief.reports] == ["best", "worst"]


def test_icpl_replaces_candidates_that_cannot_be_trained_on(
    make_search: Callable[..., Any], fenced: Callable[[float], str]
) -> None:
    texts = [fenced(0.1), "nothing", fenced(0.9), fenced(0.3), fenced(0.2)]
    search, _, _ = make_search(
        texts, lambda source, seed: "timeout" if weight_of(source) == 0.9 else success(source, seed)
    )
    judge = Counted()
    outcome = run_search(icpl, search, rounds=1, samples=3, judge=judge)
    assert [trial.fitness is not None for trial in outcome.trials] == [
        True,
        False,
        False,
        True,
        True,
    ]
    assert judge.asked == 3


def test_a_judge_who_errs_gives_the_same_answer_again(
    make_search: Callable[..., Any], fenced: Callable[[float], str]
) -> None:
    search, _, _ = make_search([fenced(w / 100) for w in range(1, 21)], success)
    trials = search.train(search.ask(_prompt(), n=20, round=0), seeds=(0,))
    judge = HiddenFitness(error_rate=0.3, seed=3)
    pairs = [(a, b) for a in trials for b in trials if a is not b]
    answers = [judge.prefers_first(a, b) for a, b in pairs]
    assert answers == [judge.prefers_first(a, b) for a, b in pairs]
    wrong = sum(
        answer != (weight_of(a.candidate.source) > weight_of(b.candidate.source))
        for answer, (a, b) in zip(answers, pairs, strict=True)
    )
    assert 0.2 < wrong / len(pairs) < 0.4


def _prompt() -> Any:
    from operant.reward_design.llm.providers.protocol import Message
    from operant.reward_design.llm.search.parts import Prompt

    return Prompt(messages=(Message(role="user", content="write"),))


def test_mc_reward_asks_the_critic_and_then_tells_why_agents_failed(
    make_search: Callable[..., Any],
) -> None:
    signs = "```python\ndef signs(obs, action, next_obs, info):\n    return [0.0, {}]\n```"
    texts = [
        signs.format("1.0"),
        "ERROR: the sign is wrong; turn it round\nERROR: nothing pays for the key",
        signs.format("-1.0"),
        "ACCEPT",
        signs.format("-2.0"),
        "The program looks right to me.",  # no verdict, so no objection
    ]
    search, writer, oracle = make_search(texts, lambda source, seed: 0.5, form="signs")
    outcome = run_search(mc_reward, search, rounds=2)
    assert [request.purpose for request in writer.requests] == ["design", "criticise"] * 3
    assert "the sign is wrong; turn it round" in writer.requests[2].messages[-1].content
    told = writer.requests[4].messages[-1].content
    assert (
        "100% ended when lava_ahead was 1 (the cell in front is lava) and the action was forward"
        in told
    )
    assert [job.name for job in oracle.jobs] == ["r0s1", "r1s0"]
    assert outcome.chosen is not None


def test_mc_reward_ends_a_review_that_never_ends(make_search: Callable[..., Any]) -> None:
    signs = "```python\ndef signs(obs, action, next_obs, info):\n    return [0.0, {}]\n```"
    texts = [text for k in range(4) for text in (signs.format(f"{k}.0"), "ERROR: still wrong")]
    search, writer, oracle = make_search(texts, lambda source, seed: 0.5, form="signs")
    run_search(mc_reward, search, rounds=1, reviews=2)
    assert [request.purpose for request in writer.requests].count("criticise") == 2
    assert [job.name for job in oracle.jobs] == ["r0s2"]


class Said:
    name = "person"

    def __init__(self, comments: Sequence[str | None]) -> None:
        self._comments = list(comments)

    def comment(self, trial: Trial) -> str | None:
        return self._comments.pop(0)


def test_text2reward_keeps_all_that_was_said(
    make_search: Callable[..., Any], fenced: Callable[[float], str], written: Callable[[float], str]
) -> None:
    search, writer, _ = make_search([fenced(w) for w in (0.1, 0.2, 0.3)], success)
    person = Said(["It turns in circles.", "It waits at the door."])
    run_search(text2reward, search, rounds=3, commentator=person)
    told = writer.requests[-1].messages[-1].content
    for part in (written(0.1), written(0.2), "It turns in circles.", "It waits at the door."):
        assert part.strip() in told
    assert writer.requests[-1].brief.comment == "It waits at the door."
    assert [report.name for report in writer.requests[-1].brief.reports] == ["r1s0", "r0s0"]
    assert search.parts.budget.spent("human_queries") == 2


def test_text2reward_ends_when_the_person_is_content(
    make_search: Callable[..., Any], fenced: Callable[[float], str]
) -> None:
    search, writer, _ = make_search([fenced(w) for w in (0.1, 0.2, 0.3)], success)
    run_search(text2reward, search, rounds=3, commentator=Said([None]))
    assert len(writer.requests) == 1


def test_text2reward_repairs_a_program_a_bounded_number_of_times(
    make_search: Callable[..., Any], fenced: Callable[[float], str]
) -> None:
    """The released code asks for ever."""
    search, writer, oracle = make_search(["no code"] * 20, success)
    outcome = run_search(text2reward, search, rounds=2, repairs=3)
    assert len(writer.requests) == 8
    assert not oracle.jobs
    assert outcome.chosen is None
    assert "could not be used" in writer.requests[1].messages[-1].content


FACTORS = "```python\ndef factors(obs, action, next_obs, info):\n    return [{}]\n```"


def test_lare_merges_its_proposals_and_repairs_the_union(make_search: Callable[..., Any]) -> None:
    proposals = [FACTORS.format(f'info["distance"] * {k}.0') for k in range(1, 4)]
    texts = [*proposals, "", "sorry", FACTORS.format('info["distance"], info["has_key"]')]
    search, writer, oracle = make_search(texts, lambda source, seed: 0.5, form="factors")
    outcome = run_search(lare, search, samples=3, repairs=2)
    assert [request.purpose for request in writer.requests] == [
        "design",
        "merge",
        "design",
        "design",
    ]
    assert writer.requests[1].temperature == 0.3
    assert all(
        f'info["distance"] * {k}.0' in writer.requests[1].messages[-1].content for k in (1, 2, 3)
    )
    assert outcome.chosen is not None
    assert outcome.chosen.name == "r1s2"
    assert [(job.name, job.design) for job in oracle.jobs] == [("r1s2", "lare")]


@pytest.mark.parametrize("reply", ["", "[]", "{}", "```python\n```"])
def test_lare_with_empty_answers_finds_nothing(reply: str, make_search: Callable[..., Any]) -> None:
    """The released code takes an empty answer for a verified one, and keeps it."""
    search, _, oracle = make_search([reply] * 30, lambda source, seed: 0.5, form="factors")
    outcome = run_search(lare, search)
    assert outcome.chosen is None
    assert not oracle.jobs
    assert all(not trial.accepted for trial in outcome.trials)


def test_lare_falls_back_to_a_proposal(make_search: Callable[..., Any]) -> None:
    proposals = [FACTORS.format(f'info["distance"] * {k}.0') for k in range(1, 3)]
    search, _, _oracle = make_search(
        [*proposals, *[""] * 9], lambda source, seed: 0.5, form="factors"
    )
    outcome = run_search(lare, search, samples=2, repairs=1)
    assert outcome.chosen is not None
    assert outcome.chosen.name == "r0s0"


def test_potentials_are_searched_for_by_all_methods_that_write_rewards(
    make_search: Callable[..., Any],
) -> None:
    potential = '```python\ndef potential(obs, info):\n    return -info["distance"]\n```'
    for k, method in enumerate((icpl, text2reward)):
        search, _, oracle = make_search(
            [potential] * 20, lambda source, seed: 0.5, form="potential", folder=f"p{k}"
        )
        outcome = run_search(method, search, rounds=1)
        assert outcome.chosen is not None
        assert oracle.jobs[0].design == "potential"


def test_icpl_hides_the_true_reward_that_a_potential_is_added_to(
    make_search: Callable[..., Any],
) -> None:
    potential = '```python\ndef potential(obs, info):\n    return {} - info["distance"]\n```'
    texts = [potential.format(f"{k}.0") for k in range(4)]
    search, writer, oracle = make_search(texts, lambda source, seed: 0.5, form="potential")
    train = oracle.train
    oracle.train = lambda jobs: [
        dataclasses.replace(result, terms={"env": (0.123, 0.987), "shaping": (0.5, 0.25)})
        for result in train(jobs)
    ]
    run_search(icpl, search, rounds=2, samples=2)
    told = writer.requests[-1].messages[-1].content
    assert "term shaping" in told
    assert "0.987" not in told
    assert all("env" not in report.terms for report in writer.requests[-1].brief.reports)


def test_what_was_trained_is_not_lost_when_the_budget_ends_a_round(
    make_search: Callable[..., Any], fenced: Callable[[float], str]
) -> None:
    texts = [fenced(0.1), "nothing", fenced(0.3), fenced(0.2)]
    search, _, _ = make_search(texts, success, llm_calls=3)
    outcome = run_search(icpl, search, rounds=1, samples=3)
    assert outcome.chosen is not None
    assert outcome.chosen.name == "r0s2"
    factors = [FACTORS.format(f'info["distance"] * {k}.0') for k in range(1, 3)]
    search, _, _ = make_search(
        factors, lambda *_: 0.5, form="factors", llm_calls=2, folder="factors"
    )
    outcome = run_search(lare, search, samples=2)
    assert outcome.chosen is not None
    signs = "```python\ndef signs(obs, action, next_obs, info):\n    return [0.0, 1.0]\n```"
    search, _, _ = make_search([signs], lambda *_: 0.5, form="signs", llm_calls=1, folder="signs")
    outcome = run_search(mc_reward, search, rounds=1)
    assert outcome.chosen is not None


@pytest.mark.parametrize(
    "said", ["- ERROR: wrong sign", "**ERROR:** wrong sign", "1. ERROR: wrong sign"]
)
def test_a_critic_may_write_as_models_do(said: str, make_search: Callable[..., Any]) -> None:
    signs = "```python\ndef signs(obs, action, next_obs, info):\n    return [0.0, {}]\n```"
    texts = [signs.format("1.0"), said, signs.format("2.0"), "Fine, I think."]
    search, writer, _ = make_search(texts, lambda *_: 0.5, form="signs")
    outcome = run_search(mc_reward, search, rounds=1, reviews=2)
    assert "wrong sign" in writer.requests[2].messages[-1].content
    assert [f.code for f in outcome.trials[0].findings] == ["objection"]
    assert [f.code for f in outcome.trials[1].findings] == ["no verdict"]


def test_a_run_that_failed_is_told_and_not_commented_on(
    make_search: Callable[..., Any], fenced: Callable[[float], str]
) -> None:
    search, writer, _ = make_search([fenced(0.1), fenced(0.2)], lambda *_: "candidate_error")
    run_search(text2reward, search, rounds=2, commentator=Said([]))
    assert "it broke" in writer.requests[1].messages[-1].content
