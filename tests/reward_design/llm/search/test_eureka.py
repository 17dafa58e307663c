from __future__ import annotations

import dataclasses
import random
import re
from collections.abc import Callable
from typing import Any

import pytest

from operant.errors import OperantError
from operant.reward_design.llm.budget import Prices
from operant.reward_design.llm.search.eureka import eureka
from operant.reward_design.llm.search.search import run_search

HEAD = "```python\ndef reward(obs, action, next_obs, info):\n"
BROKEN = {
    "": "reply",
    "I cannot help with that.": "reply",
    f"{HEAD}    return 1.0 +\n```": "language",
    f'{HEAD}    return info["distnce"]\n```': "language",
    "```python\ndef reward(obs, info):\n    return 1.0\n```": "reply",
    f"{HEAD}    while True:\n        x = 1\n```": "language",
    f"{HEAD}    import os\n    return 1.0\n```": "language",
    f"{HEAD}    return (1.0": "reply",
    f"{HEAD}    return open('x')\n```": "language",
    "```python\ndef step(self):\n    return 1.0\n```": "reply",
}
"""Replies that hold no program -> the stage that finds it out."""


def weight_of(source: str) -> float:
    found = re.search(r"closer = ([\d.]+)", source)
    assert found is not None
    return float(found[1])


def success(source: str, seed: int) -> float:
    return weight_of(source)


@pytest.mark.parametrize("shuffle", range(5))
def test_the_best_of_a_pool_is_found_whatever_the_order_and_the_broken_ones(
    shuffle: int, make_search: Callable[..., Any], fenced: Callable[[float], str]
) -> None:
    """The script of the paper mixes up samples once one of them cannot be read."""
    good = [fenced(round(0.01 + 0.02 * k, 2)) for k in range(30)]
    pool = good + list(BROKEN)
    random.Random(shuffle).shuffle(pool)
    search, _, _ = make_search(pool, success)
    outcome = run_search(eureka, search, rounds=2, samples=20)
    assert len(outcome.trials) == 40
    assert outcome.chosen is not None
    assert weight_of(outcome.chosen.candidate.source) == 0.59
    assert [trial.candidate.reply for trial in outcome.trials] == pool
    for trial in outcome.trials:
        stages = [finding.stage for finding in trial.findings if finding.severity == "error"]
        expected = BROKEN.get(trial.candidate.reply)
        assert stages == ([expected] if expected else [])


@pytest.mark.parametrize("status", ["trainer_error", "timeout", "candidate_error"])
def test_a_dead_run_is_a_status_of_its_candidate(
    status: str, make_search: Callable[..., Any], fenced: Callable[[float], str]
) -> None:
    search, _writer, _ = make_search(
        [fenced(0.9), fenced(0.2), fenced(0.3), fenced(0.4)],
        lambda source, seed: status if weight_of(source) == 0.9 else weight_of(source),
    )
    outcome = run_search(eureka, search, rounds=2, samples=2)
    assert outcome.reason == "finished"
    assert outcome.chosen is not None
    assert outcome.chosen.fitness == 0.4
    assert outcome.trials[0].fitness is None
    assert outcome.trials[0].results[0].status == status


def test_a_trainer_that_never_works_ends_the_search(
    make_search: Callable[..., Any], fenced: Callable[[float], str]
) -> None:
    search, writer, _ = make_search([fenced(w) for w in (0.1, 0.2)], lambda *_: "trainer_error")
    outcome = run_search(eureka, search, rounds=5, samples=2)
    assert "all 2 runs broke in the training, not in the programs" in outcome.reason
    assert len(writer.requests) == 1


def test_the_next_question_shows_the_best_program_and_how_its_training_went(
    make_search: Callable[..., Any], fenced: Callable[[float], str], written: Callable[[float], str]
) -> None:
    search, writer, _ = make_search([fenced(w) for w in (0.1, 0.5, 0.2, 0.3)], success)
    run_search(eureka, search, rounds=2, samples=2)
    first, second = writer.requests
    assert [m.role for m in second.messages] == ["system", "user", "assistant", "user"]
    assert second.messages[:2] == first.messages
    assert written(0.5).strip() in second.messages[2].content
    assert "closer, mean per step: [0.000, 0.250, 0.500]" in second.messages[3].content
    assert second.brief is not None
    assert second.brief.reports[0].fitness == 0.5
    assert search.trials["r1s0"].candidate.parents == ("r0s1",)


def test_the_parent_is_the_best_so_far_and_was_trained_twice(
    make_search: Callable[..., Any], fenced: Callable[[float], str]
) -> None:
    """0.9 is luck of seed 0; a later round without anything better changes nothing."""
    search, _writer, oracle = make_search(
        [fenced(w) for w in (0.9, 0.6, 0.1, 0.2, 0.3, 0.4)],
        lambda source, seed: 0.0 if weight_of(source) == 0.9 and seed else weight_of(source),
    )
    outcome = run_search(eureka, search, rounds=3, samples=2)
    assert outcome.chosen is not None
    assert outcome.chosen.fitness == 0.6
    assert [search.trials[f"r{k}s0"].candidate.parents for k in range(3)] == [
        (),
        ("r0s1",),
        ("r0s1",),
    ]
    jobs = [(job.name, job.seed) for job in oracle.jobs]
    # The two best once more, and in the end twice more.
    assert [job for job in jobs if job[1] == 1] == [("r0s0", 1), ("r0s1", 1)]
    assert len(jobs) == 12


def test_independent_samples_are_asked_the_same_question_every_time(
    make_search: Callable[..., Any], fenced: Callable[[float], str]
) -> None:
    search, writer, _ = make_search([fenced(w) for w in (0.1, 0.2, 0.3, 0.4)], success)
    run_search(eureka, search, rounds=2, samples=2, feedback="none")
    assert writer.requests[0].messages == writer.requests[1].messages
    assert [request.first_sample for request in writer.requests] == [0, 2]


def test_a_provider_that_learns_is_told_of_all_candidates_also_when_continued(
    make_search: Callable[..., Any], fenced: Callable[[float], str]
) -> None:
    texts = [fenced(w) for w in (0.1, 0.2, 0.3)]
    for left in (texts, []):  # the second time, everything comes from the lineage
        search, writer, _ = make_search(left, success, folder="told")
        told: list[list[float]] = []
        writer.learn = lambda reports, told=told: told.append([r.fitness for r in reports])
        run_search(eureka, search, rounds=3, samples=1)
        assert told == [[0.1], [0.2], [0.3]]
    search, writer, _ = make_search(texts, success, folder="secret")
    writer.learn = lambda reports: pytest.fail("independent samples are told nothing")
    run_search(eureka, search, rounds=3, samples=1, feedback="none")


def test_equal_programs_are_trained_once(
    make_search: Callable[..., Any], fenced: Callable[[float], str]
) -> None:
    search, _, oracle = make_search([fenced(0.5), "\n" + fenced(0.5)], success)
    run_search(eureka, search, rounds=1, samples=2, parent_seeds=(0,), final_seeds=(0,))
    assert len(oracle.jobs) == 1
    assert [trial.fitness for trial in search.trials.values()] == [0.5, 0.5]


def test_a_search_in_which_all_fail_says_why_and_asks_with_the_reasons(
    make_search: Callable[..., Any],
) -> None:
    search, writer, oracle = make_search([*BROKEN][:4], success)
    outcome = run_search(eureka, search, rounds=2, samples=2)
    assert outcome.chosen is None
    assert outcome.reason == "finished"
    assert not oracle.jobs
    assert "could not be used" in writer.requests[1].messages[-1].content


def test_the_budget_is_kept_to_the_call(
    make_search: Callable[..., Any], fenced: Callable[[float], str]
) -> None:
    search, writer, _ = make_search([fenced(0.1)] * 9, success, llm_calls=5)
    outcome = run_search(eureka, search, rounds=3, samples=3)
    assert sum(request.n for request in writer.requests) == 5
    assert outcome.chosen is not None
    assert "llm_calls" in outcome.reason


def test_the_budget_of_env_steps_is_kept(
    make_search: Callable[..., Any], fenced: Callable[[float], str]
) -> None:
    search, _, oracle = make_search(
        [fenced(0.1 * k) for k in range(1, 10)], success, env_steps=4500
    )
    outcome = run_search(eureka, search, rounds=3, samples=3)
    assert len(oracle.jobs) == 4
    assert outcome.chosen is not None
    assert "env_steps" in outcome.reason


def test_a_provider_that_ends_leaves_what_was_found(
    make_search: Callable[..., Any], fenced: Callable[[float], str]
) -> None:
    search, _, _ = make_search([fenced(0.3), fenced(0.4)], success)
    outcome = run_search(eureka, search, rounds=5, samples=2)
    assert outcome.chosen is not None
    assert outcome.chosen.fitness == 0.4
    assert "no more texts" in outcome.reason


def test_a_search_goes_on_from_its_lineage(
    make_search: Callable[..., Any], fenced: Callable[[float], str]
) -> None:
    texts = [fenced(w) for w in (0.1, 0.2, 0.3, 0.4)]
    search, _, _ = make_search(texts[:2], success, folder="again")
    assert "no more texts" in run_search(eureka, search, rounds=2, samples=2).reason
    search, writer, _ = make_search(texts[2:], success, folder="again")
    outcome = run_search(eureka, search, rounds=2, samples=2)
    assert outcome.reason == "finished"
    assert outcome.chosen is not None
    assert outcome.chosen.fitness == 0.4
    assert [request.brief.round for request in writer.requests] == [1]
    whole, _, _ = make_search(texts, success, folder="whole")
    assert run_search(eureka, whole, rounds=2, samples=2) == outcome


@pytest.mark.parametrize("wrong", [{"rounds": 0}, {"samples": 0}, {"seeds": ()}])
def test_counts_are_checked(wrong: dict[str, Any], make_search: Callable[..., Any]) -> None:
    search, _, _ = make_search([], success)
    with pytest.raises(OperantError, match="must be >= 1, got 0"):
        run_search(eureka, search, **wrong)


def test_a_continued_search_keeps_the_budget_to_the_call(
    make_search: Callable[..., Any], fenced: Callable[[float], str]
) -> None:
    texts = [fenced(w / 10) for w in range(1, 7)]
    search, _, _ = make_search(texts, success, llm_calls=2, folder="again")
    outcome = run_search(eureka, search, rounds=1, samples=6)
    assert outcome.reason == "finished with fewer than wanted: the budget of llm_calls"
    search, writer, _ = make_search(texts[2:], success, llm_calls=3, folder="again")
    outcome = run_search(eureka, search, rounds=1, samples=6)
    assert sum(request.n for request in writer.requests) == 1
    assert writer.requests[0].first_sample == 2
    assert len(outcome.trials) == 3
    assert search.parts.budget.spent("llm_calls") == 3


def test_money_is_counted_and_ends_a_search(
    make_search: Callable[..., Any], fenced: Callable[[float], str]
) -> None:
    search, writer, _ = make_search([fenced(0.1)] * 9, success, money=1.0)
    search.parts = dataclasses.replace(search.parts, prices=Prices(completion=1e5))
    outcome = run_search(eureka, search, rounds=9, samples=1)  # 7 tokens each: 0.7
    assert len(writer.requests) == 2
    assert "money" in outcome.reason
    assert search.parts.budget.spent("money") == pytest.approx(1.4)


def test_dead_runs_are_written_before_the_search_ends(
    make_search: Callable[..., Any], fenced: Callable[[float], str]
) -> None:
    search, _, _ = make_search([fenced(w) for w in (0.1, 0.2)], lambda *_: "trainer_error")
    run_search(eureka, search, rounds=1, samples=2)
    statuses = [record["result"]["status"] for record in search.parts.lineage.all("run")]
    assert statuses == ["trainer_error", "trainer_error"]
