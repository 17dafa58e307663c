"""What prompts say of a world and of the language."""

from __future__ import annotations

import ast

import gymnasium as gym
import pytest

from operant.reward_design.llm import compile_factors, compile_potential, compile_reward
from operant.reward_design.llm.language import errors, parsing
from operant.reward_design.llm.language.vocabulary import FUNCTIONS
from operant.reward_design.llm.search.candidate import Form
from operant.reward_design.llm.search.forms import FORMS
from operant.reward_design.llm.task import rendering
from operant.reward_design.llm.task.reading import task_of, view_of
from operant.reward_design.llm.task.rendering import (
    class_skeleton,
    index_list,
    language_rules,
    task_text,
    vocabulary,
)
from operant.reward_design.llm.task.spec import ObsView


@pytest.fixture(scope="module")
def key() -> ObsView:
    return view_of(gym.make("SparseKey-8x8-v0"))


@pytest.fixture(scope="module")
def swing() -> ObsView:
    return view_of(gym.make("Pendulum-v1"))


def test_the_task_in_words() -> None:
    text = task_text(task_of(gym.make("LavaGapS5-v0")))
    assert "the agent stands on the goal" in text
    assert "into lava" in text
    assert "100 steps" in text
    assert "reward" not in text


def test_a_class_skeleton_is_python(key: ObsView, swing: ObsView) -> None:
    for view in (key, swing):
        text = class_skeleton(view)
        (made,) = ast.parse(text).body
        assert isinstance(made, ast.ClassDef)
        fields = {n.target.id for n in made.body if isinstance(n, ast.AnnAssign)}  # type: ignore[union-attr]
        assert fields == {"action", *(f.name for f in view.features)} | (
            {"obs"} if view.obs_size else set()
        )
    assert "has_key: bool  # the agent carries the key, 0 to 1" in class_skeleton(key)
    assert "obs[2]: Angular Velocity, -8 to 8" in class_skeleton(swing)


def test_an_index_list_names_every_number(key: ObsView, swing: ObsView) -> None:
    text = index_list(swing)
    assert "has 3 numbers" in text
    assert [f"obs[{k}]" in text for k in range(4)] == [True, True, True, False]
    assert "action[0]: Torque, -2 to 2" in text
    text = index_list(key)
    assert 'info["steps_to_goal"]: ' in text
    assert "3 pickup" in text


def test_a_vocabulary_is_the_feature_table(key: ObsView, swing: ObsView) -> None:
    text = vocabulary(key)
    for feature in key.features:
        assert f"| {feature.name} | {feature.dtype} |" in text
        assert feature.description in text
    assert "| 0 to 24 | actions |" in text
    assert 'info["prev_has_key"]' in text
    state = vocabulary(key, "potential")
    assert "prev_" not in state
    assert "pickup" not in state
    assert "next_obs" in vocabulary(swing)
    assert "next_obs" not in vocabulary(swing, "potential")
    assert "features" not in vocabulary(swing).lower()


@pytest.mark.parametrize("form", list(FORMS))
def test_the_rules_say_all_that_the_check_allows(form: Form) -> None:
    text = language_rules(form)
    assert FORMS[form].signature in text
    for name in FUNCTIONS:
        assert name in text
    for number in (errors.MAX_CHARACTERS, parsing.MAX_NODES, parsing.MAX_DEPTH, "4096", "1e+12"):
        assert str(number) in text
    assert ("mem[0]" in text) == (form != "potential")
    assert ("prev_name" in text) == (form != "potential")
    assert text.isascii()


def test_every_statement_and_operator_of_the_language_has_a_word() -> None:
    said = {*rendering._STATEMENTS, *rendering._OPERATORS}
    words = (ast.stmt, ast.operator, ast.cmpop, ast.boolop)
    assert said - {ast.Not} == {node for node in parsing.ALLOWED if issubclass(node, words)}
    assert said <= set(parsing.ALLOWED)


def test_the_rules_are_true_of_the_language() -> None:
    given = {"obs_size": 2, "features": ["x"]}
    compile_reward(
        "def reward(obs, action, next_obs, info, mem):\n"
        '    """Allowed."""\n'
        "    mem[0] += 1\n"
        "    mem[15] = 0\n"
        "    near = 0.0\n"
        "    for i in range(0, 2):\n"
        "        near += next_obs[i] - obs[i]\n"
        '    bonus = 1.0 if info["x"] > 0 and not info["prev_x"] != 0 else 0.0\n'
        "    if near // 1 <= 2 or near % 1 >= 3:\n"
        "        bonus -= action ** 2 / 3 * 1\n"
        "    elif near < 1 or near == 2:\n"
        "        bonus = max(0, 1, 2, 3, 4, 5, 6, 7)\n"
        "    return near + bonus\n",
        **given,  # type: ignore[arg-type]
    )
    compile_potential('def potential(obs, info):\n    return obs[1] + info["x"]\n', **given)  # type: ignore[arg-type]
    compile_factors(
        f"def factors(obs, action, next_obs, info):\n    return [{', '.join(['action'] * 16)}]\n",
        **given,  # type: ignore[arg-type]
    )
