from __future__ import annotations

import itertools
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operant.reward_design.formalisms.diagram import diagram
from operant.reward_design.formalisms.layout import layout
from operant.reward_design.formalisms.ltlf import compile_ltlf
from operant.reward_design.formalisms.machine import Edge, RewardMachine
from operant.reward_design.formalisms.reader import parse
from operant.reward_design.formalisms.reward_machine import KEY_DOOR_GOAL
from operant.reward_design.formalisms.text import parse_machine

COFFEE = """\
initial out
terminal over
out    -> out:    else / -0.01
out    -> coffee: machine & !broken
coffee -> out:    office & !broken / 1
out    -> over:   broken / -1
coffee -> over:   broken / -1
end coffee / -0.5
"""
MACHINES = {
    "key_door_goal": parse_machine(KEY_DOOR_GOAL),
    "coffee": parse_machine(COFFEE),
    "order": compile_ltlf("(!door_open U has_key) & F door_open"),
    "three": compile_ltlf("F a & F b & F c"),
    "response": compile_ltlf("G (a -> X b)"),
    "one": parse_machine("initial only\nonly -> only: lit / 1"),
}


@st.composite
def machines(draw):
    """Machines of up to 7 states in which every state can be reached."""
    size = draw(st.integers(1, 7))
    edges = []
    for i in range(1, size):
        source = draw(st.integers(0, i - 1))
        edges.append(Edge(source=f"s{source}", target=f"s{i}", guard=parse(f"x == {i}")))
    pairs = st.tuples(st.integers(0, size - 1), st.integers(0, size - 1))
    for number, (source, target) in enumerate(draw(st.lists(pairs, max_size=10))):
        guard = parse(f"x == {100 + number}")
        edges.append(Edge(source=f"s{source}", target=f"s{target}", guard=guard, reward=0.5))
    return RewardMachine(initial="s0", edges=tuple(edges))


def overlap(one, other):
    apart = one.right <= other.left or other.right <= one.left
    return not (apart or one.bottom <= other.top or other.bottom <= one.top)


def check(machine):
    drawing = layout(machine)
    assert drawing.states.keys() == set(machine.states)
    assert {(a.source, a.target) for a in drawing.arrows} == {
        (e.source, e.target) for e in machine.edges
    }
    boxes = [*drawing.states.values(), *(arrow.label for arrow in drawing.arrows)]
    for one, other in itertools.combinations(boxes, 2):
        assert not overlap(one, other), (one.lines, other.lines)
    for box in boxes:
        assert 0 < box.left < box.right < drawing.width
        assert 0 < box.top < box.bottom < drawing.height
    for arrow in drawing.arrows:
        if arrow.source != arrow.target:
            source, target = drawing.states[arrow.source], drawing.states[arrow.target]
            for box, (x, _) in ((source, arrow.points[0]), (target, arrow.points[-1])):
                assert min(abs(x - box.left), abs(x - box.right)) < 1e-6
            assert source.top < arrow.points[0][1] < source.bottom
            assert target.top < arrow.points[-1][1] < target.bottom


@pytest.mark.parametrize("name", MACHINES)
def test_nothing_covers_anything_else(name):
    check(MACHINES[name])


@settings(max_examples=60)
@given(machines())
def test_the_same_for_machines_of_all_kinds(machine):
    check(machine)


@pytest.mark.parametrize("name", MACHINES)
def test_a_drawing_is_xml_that_says_what_the_machine_says(name):
    machine = MACHINES[name]
    root = ElementTree.fromstring(diagram(machine, title="a < b"))
    assert root.findtext("{*}title") == "a < b"
    texts = [text.text.replace("\N{NO-BREAK SPACE}", " ") for text in root.iter() if is_text(text)]
    words = " ".join(texts)
    for edge in machine.edges:
        assert str(edge).partition(": ")[2] in words
    assert set(machine.states) <= set(texts)
    rings = [rect for rect in root.iter() if rect.get("class") == "ring"]
    assert len(rings) == len(machine.terminal)
    for state, reward in machine.final.items():
        assert f"end / {reward:g}" in texts, state


def is_text(element):
    return element.tag.endswith("}text")


def test_states_stand_in_the_order_of_the_task():
    drawing = layout(MACHINES["key_door_goal"])
    columns = [drawing.states[state].x for state in ("no_key", "key", "open", "done")]
    assert columns == sorted(columns)
    assert len(set(columns)) == 4


def test_a_way_back_is_drawn_with_its_tip_at_the_left():
    drawing = layout(MACHINES["coffee"])
    back = next(a for a in drawing.arrows if (a.source, a.target) == ("coffee", "out"))
    assert back.points[0][0] > back.points[-1][0]


def test_a_drawing_is_always_the_same_and_loads_nothing():
    text = diagram(MACHINES["three"])
    assert text == diagram(compile_ltlf("F a & F b & F c"))
    assert not re.search(r"href|<script|url\((?!#tip)|@import", text)
