"""Random texts are refused or are programs, by an independent judge who is tried here as well."""

from __future__ import annotations

from random import Random

import pytest

from operant.benchmarks.perf import reward_fuzz
from operant.benchmarks.perf.attacks import items
from operant.benchmarks.perf.attacks.corpus import CORPUS
from operant.benchmarks.perf.attacks.evaluator import Evaluator, Given, TooLong
from operant.benchmarks.perf.attacks.scope import Scope, code_faults
from operant.reward_design.llm import compile_reward

KEYS = tuple(items.INFO)


def test_random_texts_break_no_rule():
    tally = reward_fuzz.fuzz(Random(0), texts=70)
    assert tally.faults == []
    assert tally.refused.total() + tally.accepted.total() == 70
    assert tally.accepted["program"] >= 10
    assert tally.refused["mutant"] >= 15
    assert tally.outcomes["value"] >= 100


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 4))
def test_many_random_texts_break_no_rule(seed):
    assert reward_fuzz.fuzz(Random(seed), texts=2000).faults == []


def given():
    return Given(
        obs=items.OBS, action=items.ACTION, next_obs=items.NEXT_OBS, info=items.INFO, mem=[]
    )


def scope():
    return Scope("reward", keys=KEYS, vector_action=False)


def test_the_judge_knows_what_programs_give():
    for item in CORPUS:
        if item.handling == "refused":
            continue
        outcome = Evaluator(item.source).outcome(given())
        assert scope().faults(item.source) == [], item.name
        if item.handling == "fails":
            assert outcome in item.expected.split("|"), item.name
        else:
            assert outcome == pytest.approx((item.expected,), rel=1e-12, abs=1e-12), item.name


# What only shows when the program is run, or is a matter of kinds, which the judge does not know.
BLIND = {"name", "type", "unassigned", "index"}


def objects(item):
    """Return whether the judge would fault a compiler that accepts this."""
    try:
        return bool(scope().faults(item.source))
    except (SyntaxError, RecursionError, MemoryError, ValueError):
        return True  # the text is no Python at all


def test_the_judge_objects_to_what_is_refused():
    refused = [item for item in CORPUS if item.handling == "refused"]
    seen = [item for item in refused if not BLIND & {*str(item.expected).split("|")}]
    assert [item.name for item in seen if not objects(item)] == []
    assert len(seen) > 280


def test_a_wrong_value_is_a_fault(monkeypatch):
    class Wrong(Evaluator):
        def outcome(self, given):
            found = super().outcome(given)
            return found if isinstance(found, str) else tuple(value + 1e-6 for value in found)

    monkeypatch.setattr(reward_fuzz, "Evaluator", Wrong)
    tally = reward_fuzz.fuzz(Random(0), texts=40)
    assert tally.faults
    assert all("where the judge has" in faults[0] for _, faults in tally.faults)


def test_an_error_of_another_kind_is_a_fault(monkeypatch):
    def broken(text):
        raise OverflowError("int too large")

    monkeypatch.setattr(reward_fuzz, "_compiled", broken)
    tally = reward_fuzz.fuzz(Random(0), texts=3)
    assert [faults for _, faults in tally.faults] == [
        ["compiling ended in OverflowError: int too large"]
    ] * 3


def plain(obs):
    return obs[0] + 1.0


def reaching(obs):
    import os

    return len(os.environ)


def test_code_that_reaches_out_is_seen():
    program = compile_reward(items.HEAD + "    return math.exp(obs[0])", obs_size=3, features=())
    assert code_faults(program._execution.function) == []
    assert code_faults(plain) != []  # it has builtins
    faults = " ".join(code_faults(reaching))
    assert "IMPORT_NAME" in faults
    assert "LOAD_ATTR" in faults


def test_the_judge_has_limited_patience():
    body = "x = 0\nfor i in range(4096):\n" + "    x = x + i * i - i\n" * 30 + "return x"
    with pytest.raises(TooLong):
        Evaluator(items.source_of(body)).outcome(given())


def test_the_evaluator_keeps_the_memory():
    text = "def reward(obs, action, next_obs, info, mem):\n    mem[1] += 2\n    return mem[1] * 3\n"
    transition = Given(obs=(), action=0.0, next_obs=(), info={}, mem=[0.0, 1.0])
    assert Evaluator(text).outcome(transition) == (9.0,)
    assert transition.mem == [0.0, 3.0]
