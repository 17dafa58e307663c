from __future__ import annotations

import re

import numpy as np
import pytest

from operant.errors import NonFiniteRewardError, OperantError
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
    public = attach(make_design("potential", potential=lambda f: f["lit"], reads=["lit"]))
    hidden = attach(make_design("potential", potential={"position": 1.0}, privileged=True))
    assert [d.spec.privileged for d in (named, public, hidden)] == [False, False, True]


@pytest.mark.parametrize(
    "own", [{"potential": {"position": 1.0}}, {"potential": lambda f: 0, "reads": ["position"]}]
)
def test_a_potential_of_ones_own_must_own_up_to_privileged_features(attach, own):
    with pytest.raises(OperantError, match=r"'potential' reads position, .* privileged=True"):
        attach(make_design("potential", **own))


def test_weights_of_features(attach, transition):
    design = attach(make_design("potential", potential={"lit": 2.0, "subgoal": -0.5}, scale=2.0))
    before = {"lit": np.array([False, True]), "subgoal": np.array([1, 3], np.int64)}
    assert design.phi(before).tolist() == [-1.0, 1.0]
    assert design.phi(before).dtype == np.float64
    assert design.value({"lit": 1.0, "subgoal": 3.0}) == 1.0
    t = transition(2, prev_features=before, features={"lit": np.zeros(2), "subgoal": np.ones(2)})
    np.testing.assert_allclose(design(t).terms["shaping"], [0.9 * -1 + 1, 0.9 * -1 - 1])


def test_a_function_gets_what_it_declares_and_nothing_else(attach):
    def greedy(features):
        return features["subgoal"] + features["lit"]

    honest = attach(make_design("potential", potential=greedy, reads=("subgoal", "lit")))
    features = {"subgoal": np.array([1]), "lit": np.array([True]), "steps_to_subgoal": np.ones(1)}
    assert honest.phi(features).tolist() == [2.0]
    liar = attach(make_design("potential", potential=greedy, reads=("subgoal",)))
    message = r"reads feature 'lit', which it does not declare; .* reads=\('subgoal', 'lit'\)"
    with pytest.raises(OperantError, match=message):
        liar.phi(features)
    with pytest.raises(OperantError, match=message):
        liar.value({"subgoal": 1.0, "lit": 1.0})


def test_a_function_that_reads_what_the_env_lacks_is_refused_at_once(attach):
    with pytest.raises(OperantError, match=r"reads features \['crown'\] which the env does not"):
        attach(make_design("potential", potential=lambda f: f["crown"], reads=["crown"]))


@pytest.mark.parametrize(
    "function", [lambda f, action: 0.0, lambda f, next_f: 0.0, lambda: 0.0, lambda *, f: 0.0]
)
def test_a_potential_of_more_than_the_state_is_refused(function):
    with pytest.raises(TypeError, match="must not depend on the action or on the future"):
        make_design("potential", potential=function, reads=["lit"])


def test_further_arguments_with_defaults_are_the_functions_own_business(attach):
    design = make_design(
        "potential", potential=lambda f, weight=3.0: weight * f["lit"], reads=["lit"]
    )
    assert attach(design).phi({"lit": np.array([1.0])}).tolist() == [3.0]


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"potential": lambda f: f}, "reads must list the features .* got \\(\\)"),
        ({"potential": lambda f: f, "reads": "lit"}, "reads must list the features .* got 'lit'"),
        ({"potential": "subgoal_distance", "reads": ["lit"]}, "reads is for functions"),
        ({"potential": {}}, "must weigh at least one feature"),
        ({"potential": {"lit": np.nan}}, r"potential\['lit'\] must be finite, got nan"),
    ],
)
def test_malformed_potentials_are_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        make_design("potential", **kwargs)


@pytest.mark.parametrize("result", [0.0, [0.0, 0.0], [[0.0], [0.0], [0.0]], None])
def test_a_potential_of_the_wrong_shape_is_refused_with_both_shapes(attach, result):
    design = attach(make_design("potential", potential=lambda f: result, reads=["lit"]))
    shape = np.shape(np.asarray(result, np.float64))
    message = re.escape(f"of 3 states must have shape (3,), got {shape}")
    with pytest.raises(ValueError, match=message):
        design.phi({"lit": np.zeros(3)})


def test_arrays_cannot_be_weighed(attach):
    table = (Feature(name="map", description="cells", low=0, high=1, shape=(4,)),)
    with pytest.raises(ValueError, match=r"feature 'map' must be a number, has shape \(4,\)"):
        attach(make_design("potential", potential={"map": 1.0}), features=table)


@pytest.mark.parametrize(
    ("where", "term"), [("prev_features", r"Phi\(s\)"), ("features", r"Phi\(s'\)")]
)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_potential_that_is_no_number_is_refused_with_row_and_step(
    attach, transition, where, term, value
):
    design = attach(make_design("potential", potential={"lit": 1.0}))
    features = {name: {"lit": np.zeros(2)} for name in ("prev_features", "features")}
    features[where] = {"lit": np.array([0.0, value])}
    t = transition(2, env_ids=np.array([0, 3]), episode_step=np.array([4, 8]), **features)
    with pytest.raises(NonFiniteRewardError, match=rf"term .{term}. for env row 3 at .* step 8"):
        design(t)


def test_the_row_to_blame_is_one_where_the_potential_matters(attach, transition):
    design = attach(make_design("potential", potential={"lit": 1.0}))
    t = transition(
        2,
        prev_features={"lit": np.zeros(2)},
        features={"lit": np.full(2, np.nan)},
        terminated=np.array([True, False]),
    )
    with pytest.raises(NonFiniteRewardError, match="for env row 1 at"):
        design(t)


def test_what_the_potential_says_of_terminal_states_does_not_matter(attach, transition):
    design = attach(make_design("potential", potential={"lit": 1.0}))
    paid = [
        design(
            transition(
                prev_features={"lit": np.array([2.0])},
                features={"lit": np.array([last])},
                terminated=np.array([True]),
            )
        ).total.tolist()
        for last in (0.0, 100.0, np.nan, -np.inf)
    ]
    assert paid == [[-2.0]] * 4


def test_phi_is_there_to_be_plotted(attach):
    design = attach(make_design("potential", scale=2.0))
    features = {"subgoal": np.array([1]), "steps_to_subgoal": np.array([0])}
    assert design.phi(features).tolist() == [2.0]
