"""Each rule answers what was found, and leaves the rest alone."""

from __future__ import annotations

import numpy as np
import pytest

from operant.reward_design.llm.findings import Finding
from operant.reward_design.llm.providers.mutate.advice import RULES, heed
from operant.reward_design.llm.providers.mutate.grammar import Grammar
from operant.reward_design.llm.providers.mutate.reading import read_program
from operant.reward_design.llm.providers.mutate.reflection import has_failed, improve, prefer
from operant.reward_design.llm.search.brief import CandidateReport

SOURCE = """def reward(obs, action, next_obs, info):
    closer = 0.5 * (info["prev_steps_to_key"] - info["steps_to_key"])
    taken = 2.0 * (1.0 if info["has_key"] > info["prev_has_key"] else 0.0)
    goal = info["steps_to_goal"]
    cost = -0.25
    return closer + taken + goal + cost
"""
GOOD = (0.1, 0.2, 0.3)


def children(make_brief, terms, count=60, source=SOURCE, **fields):
    """Return the terms of many children by name, where only the named terms have curves."""
    brief = make_brief()
    grammar = Grammar(brief)
    program = read_program(source, "reward", grammar.features)
    report = CandidateReport(name="a", source=source, terms=terms, **fields)
    return [
        {t.name: t for t in improve(program, report, grammar, np.random.default_rng(k)).terms}
        for k in range(count)
    ]


def weights(found, name):
    return [terms[name].weight for terms in found if name in terms]


def test_a_term_that_never_paid_is_boosted_replaced_or_led_up_to(make_brief) -> None:
    found = children(
        make_brief, {"taken": (0.0, 0.0, 0.0), "closer": GOOD, "goal": (0.2, 0.3, 0.1)}
    )
    kept = weights(found, "taken")
    assert 20 < len(kept) < 58  # replaced now and then
    assert sum(weight > 3.0 for weight in kept) > 5
    assert sum(any("steps_to" in n for n in terms) and "taken" in terms for terms in found) > 10


def test_a_term_that_hides_the_others_is_scaled_down(make_brief) -> None:
    found = children(make_brief, {"goal": (90.0, 80.0, 70.0), "closer": GOOD, "taken": GOOD})
    assert np.median(weights(found, "goal")) < 0.6
    assert np.median(weights(found, "closer")) == 0.5


def test_a_term_that_only_punishes_changes_its_sign_but_a_cost_does_not(make_brief) -> None:
    bad = (-0.3, -0.1, -0.2)
    found = children(make_brief, {"closer": bad, "goal": GOOD, "taken": GOOD, "cost": bad})
    assert sum(weight < 0 for weight in weights(found, "closer")) > 15
    assert sum(weight > 0 for weight in weights(found, "cost")) < 10


def test_a_constant_term_goes_or_shrinks(make_brief) -> None:
    found = children(make_brief, {"goal": (0.2, 0.2, 0.2), "closer": GOOD, "taken": GOOD})
    assert len(weights(found, "goal")) < 45
    assert np.median(weights(found, "goal")) < 0.6


def test_a_program_that_works_in_part_is_mostly_extended(make_brief) -> None:
    """Even where its terms look odd: they got it there."""
    odd = {"closer": (-0.3, -0.2, -0.2), "goal": (90.0, 80.0, 70.0), "taken": GOOD, "cost": GOOD}
    found = children(make_brief, odd, success=(0.0, 0.4))
    whole = [{"closer", "goal", "taken", "cost"} < set(terms) for terms in found]
    assert sum(whole) > 36
    assert np.median(weights(found, "goal")) == 1.0


def test_what_never_paid_in_it_gets_a_way_to_it(make_brief) -> None:
    source = SOURCE.replace("steps_to_key", "speed")

    def ways(taken: tuple[float, ...]) -> int:
        curves = {"closer": GOOD, "goal": GOOD, "taken": taken}
        found = children(make_brief, curves, source=source, success=(0.0, 0.4))
        return sum("less_steps_to_key" in terms for terms in found)

    assert ways((0.0, 0.0)) > 2 * ways(GOOD)


def test_a_program_that_works_is_only_weighed_anew(make_brief) -> None:
    found = children(make_brief, {"goal": (90.0, 80.0, 70.0)}, success=(0.0, 1.0))
    assert all(set(terms) == {"closer", "taken", "goal", "cost"} for terms in found)
    assert len({*weights(found, "goal")}) > 5


def test_terms_that_do_well_stay_and_the_child_is_another_program(make_brief) -> None:
    found = children(make_brief, {"closer": GOOD, "taken": (0.1, 0.2, 0.2), "goal": GOOD})
    same = {"closer": 0.5, "taken": 2.0, "goal": 1.0, "cost": -0.25}
    kept = [sum(t in terms and terms[t].weight == same[t] for t in same) for terms in found]
    assert min(kept) >= 2
    assert np.mean([{n: t.weight for n, t in terms.items()} == same for terms in found]) < 0.15


def heeded(make_brief, code, severity="warning", source=SOURCE, **data):
    """Return the terms of a program after a finding, by name."""
    grammar = Grammar(make_brief())
    program = read_program(source, "reward", grammar.features)
    finding = Finding(stage="check", severity=severity, code=code, message="", data=data)
    found = heed(program, [finding], grammar, np.random.default_rng(0))
    return {term.name: term for term in found.terms}


@pytest.mark.parametrize("code", ["oscillating", "standing still", "acting at random"])
def test_what_can_be_farmed_becomes_a_difference(make_brief, code) -> None:
    assert {term.body for term in heeded(make_brief, code).values()} == {
        'info["has_key"] - info["prev_has_key"]',
        'info["steps_to_goal"] - info["prev_steps_to_goal"]',
        'info["prev_steps_to_key"] - info["steps_to_key"]',
        "1.0",
    }


def test_each_finding_is_answered(make_brief) -> None:
    whole = heeded(make_brief, "nothing known")
    assert list(whole) == ["closer", "taken", "goal", "cost"]
    assert list(heeded(make_brief, "dying early")) == ["closer", "taken", "goal"]
    assert len(heeded(make_brief, "constant", "error")) > 4
    assert "goal" not in heeded(make_brief, "constant term", term="goal")
    assert list(heeded(make_brief, "duplicate", terms=["goal", "taken"])) == [
        "closer",
        "goal",
        "cost",
    ]
    assert heeded(make_brief, "dominant", term="goal")["goal"].weight == 0.2
    wide = SOURCE.replace('info["steps_to_goal"]', 'math.tanh(info["steps_to_goal"] / 2.0)')
    saturated = heeded(make_brief, "saturated", source=wide, term="goal")
    assert saturated["goal"].body == 'math.tanh(info["steps_to_goal"] / 6.0)'
    turned = heeded(make_brief, "wrong direction")
    assert sum(turned[name].weight == -whole[name].weight for name in whole) == 1
    assert heeded(make_brief, "oscillating", "note") == whole


def test_rules_survive_findings_without_data(make_brief) -> None:
    """Also in a program without any term."""
    nothing = "def reward(obs, action, next_obs, info):\n    return 0.0\n"
    for code in RULES:
        for source in (SOURCE, nothing):
            heeded(make_brief, code, source=source)


def test_what_the_best_has_alone_weighs_more(make_brief) -> None:
    names = frozenset({"steps_to_key", "has_key", "steps_to_goal"})
    best = read_program(SOURCE, "reward", names)
    worst = read_program(SOURCE.replace("closer + taken", "closer"), "reward", names)
    worst = worst.with_terms(t for t in worst.terms if t.name != "taken")
    found = [
        {t.name: t for t in prefer(best, worst, np.random.default_rng(k)).terms} for k in range(50)
    ]
    assert all("taken" in terms and terms["taken"].weight >= 2.0 for terms in found)
    assert sum("closer" in terms for terms in found) < 45
    assert prefer(best, best, np.random.default_rng(0)) == best


def test_failure_is_no_success_at_any_time() -> None:
    assert has_failed(CandidateReport(name="a", source="", success=(0.0, 0.04, 0.0)))
    assert not has_failed(CandidateReport(name="a", source="", success=(0.0, 0.3, 0.0)))
    assert has_failed(CandidateReport(name="a", source="", fitness=0.0))
    assert not has_failed(CandidateReport(name="a", source=""))  # hidden
