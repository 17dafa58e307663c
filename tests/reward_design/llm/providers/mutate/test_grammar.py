"""What is written is always a program, and is read back as what it was."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operant.reward_design.llm.language.program import compile_reward
from operant.reward_design.llm.providers.mutate.compiles import compiles
from operant.reward_design.llm.providers.mutate.crossover import cross, union
from operant.reward_design.llm.providers.mutate.features import words_of
from operant.reward_design.llm.providers.mutate.grammar import Grammar
from operant.reward_design.llm.providers.mutate.mutation import mutate
from operant.reward_design.llm.providers.mutate.reading import read_program
from operant.types import Feature

FORMS = ("reward", "potential", "signs", "factors")
bounds = st.sampled_from([-math.inf, -1e6, -3.5, 0.0, 1.0, 2.0, 24.0, 1e9, math.inf])
features = st.builds(
    Feature,
    name=st.from_regex(r"[a-z_][a-z0-9_]{0,30}", fullmatch=True).filter(
        lambda name: not name.startswith("prev_")
    ),
    description=st.text(max_size=40),
    low=bounds,
    high=bounds,
    dtype=st.sampled_from(["bool", "int", "float"]),
)
tables = st.lists(features, max_size=12, unique_by=lambda feature: feature.name).map(tuple)
few = settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.integration
@few
@given(
    table=tables,
    form=st.sampled_from(FORMS),
    obs_size=st.sampled_from([0, 1, 7]),
    action_size=st.sampled_from([0, 3, 30]),
    seed=st.integers(0, 2**32),
)
def test_all_that_is_written_compiles_and_is_read_back(
    make_brief, table, form, obs_size, action_size, seed
) -> None:
    """Whatever the table holds, and after any edits."""
    brief = make_brief(form, table, obs_size, action_size)
    grammar, rng = Grammar(brief), np.random.default_rng(seed)
    program, other = grammar.program(rng), grammar.program(rng)
    for child in (program, cross(program, other, rng), union([program, other])):
        for _ in range(3):
            source = child.source()
            assert compiles(source, brief), source
            assert read_program(source, form, grammar.features) == child
            child = mutate(child, grammar, rng)


def test_equal_seeds_write_equal_programs_and_others_do_not(make_brief) -> None:
    grammar = Grammar(make_brief())
    sources = [grammar.program(np.random.default_rng(seed)).source() for seed in (0, 0, *range(40))]
    assert sources[0] == sources[1]
    assert len(set(sources)) == 40


FOREIGN = """
def reward(obs, action, next_obs, info):
    '''Written by somebody else.'''
    closer = info["prev_steps_to_key"] - info["steps_to_key"]
    bonus = 0.0
    if info["has_key"] and not info["prev_has_key"]:
        bonus += 0.5
    effort = 0.25 * (action + 1) * 2
    twice = 3.0 * info["speed"]
    return -(bonus - 0.1 * math.tanh(closer)) - effort + 2 * twice + 1.5 + closer - closer
"""


def test_a_foreign_program_is_taken_apart_without_a_change_of_meaning() -> None:
    """The judge is the language: the same numbers on random steps."""
    names = ("steps_to_key", "has_key", "speed")
    program = read_program(FOREIGN, "reward", frozenset(names))
    assert program is not None
    weights = {term.name: term.weight for term in program.terms}
    assert weights["effort"] == -0.5
    assert weights["twice"] == 6.0
    rng = np.random.default_rng(0)
    step = {
        f"{p}{name}": rng.integers(0, 3, 50).astype(float) for name in names for p in ("", "prev_")
    }
    paid = [
        compile_reward(source, obs_size=0, features=names).batch(None, np.arange(50.0), None, step)
        for source in (FOREIGN, program.source())
    ]
    assert np.ptp(paid[0]) > 1
    np.testing.assert_allclose(paid[1], paid[0], rtol=1e-12, atol=1e-12)


def test_terms_that_read_unknown_features_are_left_out() -> None:
    source = (
        "def reward(obs, action, next_obs, info):\n"
        '    a = info["x"]\n    b = 2.0 * info["nonsense"]\n    return a + b\n'
    )
    program = read_program(source, "reward", frozenset({"x"}))
    assert [term.name for term in program.terms] == ["a"]


@pytest.mark.parametrize(
    "source",
    [
        "",
        "not a program (",
        "import os",
        "x" * 10_000,
        "(" * 3000,
        "def reward(obs, info):\n    return 1.0",
        "def reward(obs, action, next_obs, info, mem):\n    mem[0] = 1.0\n    return mem[0]",
        "def reward(obs, action, next_obs, info):\n    if action:\n        return 1\n    return 2",
        "def reward(obs, action, next_obs, info):\n    return " + "-" * 2000 + "1.0",
        "def reward(obs, action, next_obs, info):\n    return [1.0]\n\n\nx = 1",
    ],
)
def test_what_cannot_be_taken_apart_is_said_so(source: str) -> None:
    assert read_program(source, "reward", frozenset()) is None


def test_what_a_comment_speaks_of_is_likelier_and_what_it_blames_is_bad(make_brief) -> None:
    def count(comment: str) -> dict[str, float]:
        grammar, rng = Grammar(make_brief(comment=comment)), np.random.default_rng(0)
        terms = [term for _ in range(300) for term in grammar.program(rng).terms]
        lava = [np.sign(t.weight) for t in terms if t.name in ("more_on_lava", "event_on_lava")]
        return {"sign": float(np.mean(lava)), "share": len(lava) / len(terms)}

    silent = count("")
    blamed = count("Lava was the top cause of failure.")
    wanted = count("No failed episode ever had on_lava = 1 (the agent stands on lava).")
    assert blamed["share"] > 1.5 * silent["share"]
    assert blamed["sign"] < -0.3 < 0.3 < wanted["sign"]


def test_guesses_from_the_table(make_brief) -> None:
    words = {word.name: word for word in words_of(make_brief())}
    assert [words[name].kind for name in ("has_key", "subgoal", "steps_to_key")] == [
        "flag",
        "stage",
        "number",
    ]
    assert words["steps_to_key"].rising < 0.5 < words["has_key"].rising
    assert words["steps_to_goal"].appeal > words["steps_to_key"].appeal  # the task names the goal
