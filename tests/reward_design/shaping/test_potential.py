from __future__ import annotations

import numpy as np
import pytest

from operant.reward_design import make_design
from operant.reward_design.shaping.potentials import POTENTIALS
from operant.types import Feature


@pytest.fixture
def table():
    return {
        "subgoal": Feature(name="subgoal", description="", low=0, high=2, dtype="int"),
        "steps_to_subgoal": Feature(name="steps_to_subgoal", description="", low=0, high=10),
    }


def test_subgoal_distance_by_hand(table):
    phi = POTENTIALS["subgoal_distance"](table, gamma=0.99)
    features = {
        "subgoal": np.array([0, 0, 1, 2, 2]),
        "steps_to_subgoal": np.array([10, 5, 10, 1, 0]),
    }
    np.testing.assert_allclose(phi(features), [0, 1 / 6, 1 / 3, 2.9 / 3, 1.0])


def test_a_later_subgoal_is_never_worth_less(table):
    phi = POTENTIALS["subgoal_distance"](table, gamma=0.99)
    far, near = np.array([10, 99]), np.array([0, -3])  # ranges of the table may be wrong
    for subgoal in (0, 1):
        before = phi({"subgoal": np.array([subgoal] * 2), "steps_to_subgoal": near})
        after = phi({"subgoal": np.array([subgoal + 1] * 2), "steps_to_subgoal": far})
        assert (after >= before).all()


def test_scale_multiplies_the_shaping_only(attach, transition):
    t = transition(
        reward=np.array([1.0]),
        prev_features={"subgoal": np.array([0]), "steps_to_subgoal": np.array([4])},
        features={"subgoal": np.array([1]), "steps_to_subgoal": np.array([2])},
    )
    one, three = (attach(make_design("potential", scale=scale))(t) for scale in (1.0, 3.0))
    assert one.terms["shaping"][0] == pytest.approx(0.9 * (2 - 0.5) / 2)
    assert three.terms["shaping"][0] == pytest.approx(3 * one.terms["shaping"][0])
    assert three.terms["env"][0] == one.terms["env"][0] == 1.0


def test_privilege_follows_the_features(attach):
    named = attach(make_design("potential"))  # its two features are public in the test table
    free = attach(make_design("potential", potential=lambda f: f["lit"]))  # may read any
    assert (named.spec.privileged, free.spec.privileged) == (False, True)


def test_phi_is_there_to_be_plotted(attach):
    design = attach(make_design("potential", scale=2.0))
    features = {"subgoal": np.array([1]), "steps_to_subgoal": np.array([0])}
    assert design.phi(features).tolist() == [2.0]
