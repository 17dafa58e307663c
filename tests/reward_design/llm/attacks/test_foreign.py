"""Text from strangers meets the parser in another process first."""

from __future__ import annotations

import pytest

from operant.benchmarks.perf.attacks.corpus import CORPUS
from operant.reward_design.llm import UnsafeRewardCodeError
from operant.reward_design.llm.language import foreign

HEAD = "def reward(obs, action, next_obs, info):\n"
SURVIVE = {
    "a program": HEAD + "    return 1\n",
    "no Python": HEAD + "    return return\n",
    "nothing": "",
    "not ASCII": "\u0430" * 8192,  # refused by its characters, before it is parsed
    "too long": "-" * 8193,  # and this by its length
    "39 brackets": HEAD + f"    return {'(' * 39}1{')' * 39}",
    "36 branches": HEAD
    + "".join(" " * k + "if action:\n" for k in range(1, 37))
    + f"{' ' * 37}return {'(' * 39}1{')' * 39}",
    "a text with an unknown escape": HEAD + r'    return info["\q"]',
    "an encoding that is not meant": "# -*- coding: utf-7 -*-\nx = 1",
}
DIE = {
    "signs": HEAD + "    return " + "-" * 8000 + "1",
    "signs of all kinds": HEAD + "    return " + "~-+" * 2600 + "1",
    "an annotation": "a:" + "-" * 8000 + "1",
    "an f-string": "f'{" + "-" * 8000 + "1}'",
    "a sum": HEAD + "    return " + "1+" * 4000 + "1",
    "calls of calls": HEAD + "    return a" + "()" * 4000,
}


@pytest.mark.integration
@pytest.mark.parametrize("text", SURVIVE.values(), ids=SURVIVE)
def test_a_harmless_text_passes(text):
    foreign.require_parsable(text)


@pytest.mark.integration
def test_programs_of_the_corpus_pass():
    for item in CORPUS[::-8]:
        if item.handling != "refused":
            foreign.require_parsable(item.source)


@pytest.mark.integration
@pytest.mark.parametrize("text", DIE.values(), ids=DIE)
def test_what_kills_the_parser_kills_a_child_only(text):
    with pytest.raises(UnsafeRewardCodeError, match="too deep") as caught:
        foreign.require_parsable(text)
    assert (caught.value.code, caught.value.line, caught.value.column) == ("depth", 1, 1)


@pytest.mark.integration
def test_a_parser_that_stalls_is_stopped(monkeypatch):
    monkeypatch.setattr(foreign, "_CHILD", "while True: pass")
    with pytest.raises(UnsafeRewardCodeError, match=r"longer than 0\.2 s"):
        foreign.require_parsable("x = 1", seconds=0.2)


@pytest.mark.integration
def test_the_child_has_limits_and_no_environment(monkeypatch):
    limits = foreign._CHILD.partition("text =")[0]
    check = (
        "import os\n"
        "kinds = (resource.RLIMIT_STACK, resource.RLIMIT_AS, resource.RLIMIT_FSIZE)\n"
        "found = [resource.getrlimit(kind)[0] for kind in kinds]\n"
        f"assert found == [{foreign._STACK}, {foreign._MEMORY}, 0]\n"
        "assert not {*os.environ} - {'LC_CTYPE'}\n"
        "assert sys.flags.isolated and sys.flags.no_site\n"
    )
    monkeypatch.setattr(foreign, "_CHILD", limits + check)
    foreign.require_parsable("x = 1")


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan")])
def test_the_time_must_be_positive(seconds):
    with pytest.raises(ValueError, match="seconds must be > 0, got"):
        foreign.require_parsable("x = 1", seconds=seconds)
