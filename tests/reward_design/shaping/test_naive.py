from __future__ import annotations

import itertools

import numpy as np
import pytest

from operant.reward_design import make_design


def flags(**values):
    return {name: np.array([value]) for name, value in values.items()}


def test_a_rising_flag_is_paid_and_a_falling_one_costs_nothing(attach, transition):
    design = attach(make_design("naive", bonuses={"lit": 0.5}))
    seen = [0.0, 1.0, 1.0, 0.0, 1.0]  # floats, as scalar envs publish flags
    paid = [
        design(transition(prev_features=flags(lit=a), features=flags(lit=b))).total[0]
        for a, b in itertools.pairwise(seen)
    ]
    assert paid == [0.5, 0.0, 0.0, 0.5]


def test_terms_are_separate_and_add_up(attach, transition):
    table = make_table("has_key", "door_open")
    design = attach(make_design("naive"), features=table)
    t = transition(
        reward=np.array([1.0]),
        prev_features=flags(has_key=False, door_open=False),
        features=flags(has_key=False, door_open=True),
    )
    terms = design(t)
    assert {name: value[0] for name, value in terms.terms.items()} == {
        "env": 1.0,
        "has_key": 0.0,
        "door_open": 0.5,
    }
    assert terms.total[0] == 1.5


def make_table(*names):
    from operant.types import Feature

    return tuple(Feature(name=n, description=n, low=0, high=1, dtype="bool") for n in names)


def test_only_flags_can_rise(attach):
    with pytest.raises(ValueError, match=r"bonuses\['position'\]: .* dtype bool, got int"):
        attach(make_design("naive", bonuses={"position": 1.0}))
