from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operant.reward_design.formalisms.logic import FormulaError
from operant.reward_design.formalisms.ltlf import compile_ltlf
from operant.reward_design.formalisms.machine import Edge, RewardMachine
from operant.reward_design.formalisms.text import parse_machine
from operant.types import Feature

OFFICE = """\
# fetch coffee, again and again
initial out
terminal over
out    -> out:    else / -0.01
out    -> coffee: machine & !broken
coffee -> out:    office & cups >= 1 & !broken / 1   # paid on delivery
out    -> over:   broken / -1
coffee -> over:   broken / -1
end coffee / -0.5
"""


def by_hand(state, machine, broken, office, cups):
    """The office task in plain Python."""
    if state == "over":
        return state, 0.0
    if broken:
        return "over", -1.0
    if state == "out":
        return ("coffee", 0.0) if machine else ("out", -0.01)
    return ("out", 1.0) if office and cups >= 1 else ("coffee", 0.0)


def test_the_parts_of_a_text():
    machine = parse_machine(OFFICE)
    assert machine.states == ("out", "coffee", "over")
    assert machine.terminal == ("over",)
    assert machine.final == {"coffee": -0.5}
    assert machine.features == ("machine", "broken", "office", "cups")
    assert [(e.line, e.column) for e in machine.edges[:2]] == [(4, 19), (5, 19)]
    assert parse_machine(str(machine)) == machine


@given(st.lists(st.tuples(*[st.booleans()] * 3, st.integers(0, 2)), min_size=1, max_size=8))
def test_a_batch_steps_as_the_task_by_hand(rows):
    machine = parse_machine(OFFICE)
    columns = dict(zip(("machine", "broken", "office", "cups"), np.array(rows).T, strict=True))
    for state in machine.states:
        before = np.full(len(rows), machine.states.index(state))
        after, reward = machine.advance(before, columns)
        expected = [by_hand(state, *row) for row in rows]
        assert [machine.states[i] for i in after] == [name for name, _ in expected]
        assert reward.tolist() == [paid for _, paid in expected]


@pytest.mark.parametrize(
    ("text", "position", "reason"),
    [
        ("a -> b: x", (1, 1), "no line 'initial STATE'"),
        ("initial a\na -> b: x &", (2, 12), "expected a feature"),
        ("initial a\na -> b x", (2, 8), "expected ':'"),
        ("initial a\na b", (2, 3), "expected '->'"),
        ("initial a\n  -> b: x", (2, 3), "expected a state, 'initial', 'terminal' or 'end'"),
        ("initial a\na -> b: x / y", (2, 13), "expected a number, got 'y'"),
        ("initial a\na -> b: x / 1 2", (2, 15), "expected the end of the line"),
        ("initial a\na -> b: F x", (2, 9), "'F' is temporal"),
        ("initial a\ninitial b\na -> b: x", (2, 1), "a second initial state; the first is 'a'"),
        ("initial a\nterminal c\na -> b: x", (2, 10), "no edge leads from or to 'c'"),
        ("initial a\na -> b: x\nend b / 1\nend b / 2", (4, 5), "a second final reward of 'b'"),
        ("initial a\nterminal b\na -> b: x\nend b / 1", (2, 10), "terminal and pays nothing"),
        ("initial a\na -> b: x\n\na -> c: y & z", (4, 9), "two ways out of 'a'.*line 2 both hold"),
        ("initial a\na -> b: x >= 1\na -> c: x < 2", (3, 9), "two ways .* hold where x = 1"),
        ("initial a\na -> b: true\na -> c: x", (3, 9), "two ways out of 'a'"),
        ("initial a\na -> b: x\nc -> d: x", (3, 9), "state 'c' cannot be reached from 'a'"),
        ("initial a\na -> b: x & !x", (2, 9), "this guard never holds"),
        ("initial a\na -> b: x > 2 & x <= 1", (2, 9), "this guard never holds"),
        ("initial a\na -> b: x\na -> a: !x\na -> c: else", (4, 9), "'else' is never taken"),
        ("initial a\na -> b: else\na -> c: else", (3, 9), "a second 'else' out of 'a'"),
        ("initial a\nterminal b\na -> b: x\nb -> a: x", (4, 9), "'b' is terminal"),
        ("initial a\na -> else: x", (2, 6), "expected a state, got 'else'"),
    ],
)
def test_malformed_machines_are_refused_with_position_and_reason(text, position, reason):
    with pytest.raises(FormulaError, match=reason) as caught:
        parse_machine(text)
    assert (caught.value.line, caught.value.column) == position
    assert str(caught.value).startswith(f"line {position[0]}, column {position[1]}: ")


def test_two_guards_at_once_name_both_lines_and_a_valuation():
    with pytest.raises(FormulaError) as caught:
        parse_machine("initial a\na -> b: x & !y\na -> c: z >= 3 & !y")
    assert "line 3, column 9" in str(caught.value)
    assert "line 2 both hold where x = 1, y = 0, z = 3" in str(caught.value)


def test_machines_from_data_are_checked_too():
    with pytest.raises(
        FormulaError, match=r"must be finite, got nan \(edge 'a -> b: else / nan'\)"
    ):
        RewardMachine(initial="a", edges=(Edge(source="a", target="b", reward=np.nan),))
    with pytest.raises(FormulaError, match="must be an identifier, got 'a b'"):
        RewardMachine(initial="a b", edges=())
    with pytest.raises(FormulaError, match="state 'z' cannot be reached"):
        RewardMachine(initial="a", edges=(Edge(source="a", target="b"),), terminal=("z",))
    with pytest.raises(FormulaError, match=r"final reward .* got 1 in 'z'"):
        RewardMachine(initial="a", edges=(Edge(source="a", target="b"),), final={"z": 1})


@pytest.mark.parametrize(
    ("guard", "reason"),
    [
        ("has_kye", "unknown feature 'has_kye'; did you mean has_key"),
        ("subgoal", "'subgoal' is a number: compare it"),
        ("has_key >= 1", "'has_key' is a flag: write has_key or !has_key"),
        ("grid == 0", r"'grid' is no scalar; its shape is \(3,\)"),
    ],
)
def test_misused_features_are_found_with_their_position(guard, reason):
    table = [
        Feature(name="has_key", description="", low=0, high=1, dtype="bool"),
        Feature(name="subgoal", description="", low=0, high=2, dtype="int"),
        Feature(name="grid", description="", low=0, high=2, shape=(3,)),
    ]
    machine = parse_machine(f"initial a\na -> b: subgoal > 1 & {guard}")
    with pytest.raises(FormulaError, match=rf"line 2, column 23: .*{reason}"):
        machine.check_features(table)


def typed(dtype: str) -> list[Feature]:
    return [
        Feature(name="level", description="", low=0, high=5, dtype=dtype),
        Feature(name="lit", description="", low=0, high=1, dtype="bool"),
    ]


@pytest.mark.parametrize(
    ("one", "other", "example"),
    [
        ("level < 1", "level > 0", "level = 0.5"),
        ("level <= 1", "level > 1.5", None),
        ("level < 3 & lit", "level > 2", "level = 2.5, lit = 1"),
        ("level != 0 & level != 1", "level < 1 & level > 0", "level = 0.5"),
    ],
)
def test_whether_guards_overlap_depends_on_the_type_of_a_number(one, other, example):
    machine = parse_machine(f"initial a\na -> b: {one}\na -> c: {other}")
    machine.check_features(typed("int"))
    if example is None:
        machine.check_features(typed("float"))
    else:
        with pytest.raises(FormulaError, match=rf"two ways .* both hold where {example}") as caught:
            machine.check_features(typed("float"))
        assert (caught.value.line, caught.value.column) == (3, 9)


def test_guards_that_overlap_for_integers_are_refused_at_once():
    with pytest.raises(FormulaError, match="both hold where level = 1"):
        parse_machine("initial a\na -> b: level < 2\na -> c: level > 0")
    with pytest.raises(FormulaError, match=r"both hold where level = 1e\+17"):
        parse_machine("initial a\na -> b: level >= 1e17\na -> c: level <= 1e17")


@pytest.mark.parametrize("guard", ["level < 1e17", "level > 1e17", "level > -1e300", "level < 0"])
def test_large_numbers_have_neighbours(guard):
    parse_machine(f"initial a\na -> b: {guard}").check_features(typed("int"))


@pytest.mark.parametrize("gamma", [0.0, 0.9])
def test_values_count_the_reward_of_stopping_where_it_is_the_best(gamma):
    """Only the end pays, in b or c: at once, by staying, or on the way through a."""
    machine = parse_machine("initial a\na -> b: x\nb -> c: x / -1\nend b / 2\nend c / 10")
    # a: stop in b for 2, or go on to c; b: stay for 2, or pay 1 to stop in c; c: stay
    expected = [max(2.0, gamma * 9.0), 9.0, 10.0]
    assert machine.values(gamma) == pytest.approx(expected, abs=1e-9)


def test_values_of_a_chain_are_powers_of_the_discount():
    machine = parse_machine("initial a\nterminal d\na->b: x\nb->c: x\nc->d: x / 1")
    assert machine.values(0.9) == pytest.approx([0.81, 0.9, 1.0, 0.0], abs=1e-12)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 0.8])
def test_values_are_the_best_of_all_walks(gamma):
    """Against every walk of 40 free choices through the office machine, by dynamic programming."""
    machine = parse_machine(OFFICE)
    ways = {
        "out": [("out", -0.01), ("coffee", 0.0), ("over", -1.0)],
        "coffee": [("out", 1.0), ("over", -1.0), ("coffee", 0.0)],
        "over": [("over", 0.0)],
    }
    final = {"out": 0.0, "coffee": -0.5, "over": 0.0}
    worth = dict.fromkeys(ways, 0.0)
    for _ in range(200):
        worth = {
            state: max(
                paid + max(gamma * worth[after], final[after]) for after, paid in ways[state]
            )
            for state in ways
        }
    expected = [worth[state] for state in machine.states]
    assert machine.values(gamma) == pytest.approx(expected, abs=1e-9)


def test_a_state_that_must_be_left_at_once_is_not_worth_staying_in():
    machine = parse_machine(
        "initial a\nterminal c\na -> b: x / 1\na -> c: !x / -5\nb -> a: true / 2"
    )
    low = parse_machine("initial a\nterminal c\na -> c: true / -5")
    assert low.values(0.9).tolist() == [-5.0, 0.0]
    # for ever round: 1 + .9 (2 + .9 (1 + ...))
    assert machine.values(0.9)[0] == pytest.approx((1 + 0.9 * 2) / (1 - 0.81), abs=1e-9)


def test_a_waiting_machine_is_worth_its_loop():
    machine = parse_machine("initial a\na -> a: x / 1")
    assert machine.values(0.75) == pytest.approx([4.0], abs=1e-9)
    with pytest.raises(ValueError, match=r"gamma must lie in \[0, 1\), got 1"):
        machine.values(1.0)


def test_all_pairs_of_guards_of_a_state_are_compared():
    guards = ["x >= 2", "x == 1 & y", "x == 1 & !y", "x < 1"]
    for order in itertools.permutations(range(4)):
        lines = [f"a -> s{i}: {guards[i]}" for i in order]
        parse_machine("initial a\n" + "\n".join(lines))
        with pytest.raises(FormulaError, match="two ways"):
            parse_machine("initial a\n" + "\n".join([*lines, "a -> s4: x == 1"]))


@pytest.mark.parametrize("value", ["99", "0.5", "-1"])
def test_a_value_that_a_feature_never_has_is_refused(value: str) -> None:
    table = (Feature(name="subgoal", description="", low=0, high=2, dtype="int"),)
    machine = parse_machine(f"initial a\nterminal b\na -> b: subgoal == {value} / 1\n")
    with pytest.raises(FormulaError, match=rf"never {value}: its values are integers in \[0, 2\]"):
        machine.check_features(table)


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(TypeError, match="the machine must be text, got 5"):
        parse_machine(5)
    with pytest.raises(TypeError, match="the formula must be text, got 5"):
        compile_ltlf(5)
