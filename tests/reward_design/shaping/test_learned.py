from __future__ import annotations

import functools
import json

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import operant
from operant.errors import OperantError
from operant.planning import policy_evaluation, value_iteration
from operant.reward_design import shape
from operant.reward_design.shaping.abstraction import Cells, values_of
from operant.reward_design.shaping.learned import LearnedPotential, ValuePotential
from operant.tabular import every_transition
from operant.testing import check_design
from operant.types import Feature

GAMMA = 0.9
ROOM = (
    Feature(name="cell", description="where", low=-2, high=4, dtype="int"),
    Feature(name="open", description="door", low=0, high=1, dtype="bool"),
    Feature(name="way", description="metres", low=0.0, high=2.0),
    Feature(name="secret", description="code", low=0, high=9, dtype="int", privileged=True),
)
TABLE = {feature.name: feature for feature in ROOM}


def test_cells_by_hand():
    cells = Cells(["cell", "open", "way"], TABLE, bins=4)
    assert cells.size == 7 * 2 * 4
    features = {
        "cell": np.array([-2, -2, 4, 4, 99]),
        "open": np.array([False, True, True, True, True]),
        "way": np.array([0.0, 0.49, 1.99, 2.0, -7.0]),
    }
    # 8 cells per value of "cell", 4 per value of "open"; outside of the range counts as its edge.
    assert cells(features).tolist() == [0, 4, 6 * 8 + 7, 6 * 8 + 7, 6 * 8 + 4]


@given(cell=st.integers(-2, 4), opened=st.booleans(), other=st.integers(-2, 4))
def test_states_share_a_cell_if_they_agree(cell, opened, other):
    cells = Cells(["open", "cell"], TABLE)
    a, b = cells({"cell": np.array([cell, other]), "open": np.array([opened, opened])})
    assert (a == b) == (cell == other)


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        (Feature(name="x", description="", low=-np.inf, high=1.0, dtype="int"), "needs a finite"),
        (Feature(name="x", description="", low=0, high=1), "'x' is a float; only flags and int"),
        (Feature(name="x", description="", low=0, high=1e8, dtype="int"), "have 100,000,001 comb"),
        (Feature(name="x", description="", low=0, high=1, shape=(2,)), "'x' must be a number"),
    ],
)
def test_what_has_no_table_is_refused(feature, message):
    with pytest.raises(ValueError, match=message):
        Cells(["x"], {"x": feature})


def learner(attach, **kwargs):
    design = LearnedPotential(features=["cell"], **kwargs)
    return attach(design, features=ROOM, gamma=GAMMA)


def moved(transition, before, after, reward, *, ends="", k=0, slots=None):
    size = len(before)
    return transition(
        size,
        prev_features={"cell": np.array(before)},
        features={"cell": np.array(after)},
        reward=np.array(reward, np.float64),
        terminated=np.full(size, ends == "term"),
        truncated=np.full(size, ends == "trunc"),
        episode_step=np.full(size, k),
        env_ids=np.arange(size) if slots is None else np.array(slots),
    )


def value(design, cell):
    return design.phi({"cell": np.array([cell])})[0]


def test_one_update_is_temporal_difference_learning(attach, transition):
    design = learner(attach, learning_rate=0.25)
    design(moved(transition, [1], [2], [4.0]))
    assert value(design, 1) == 1.0
    design(moved(transition, [0], [1], [2.0], k=1))
    assert value(design, 0) == pytest.approx(0.25 * (2.0 + GAMMA * 1.0))
    design(moved(transition, [3], [1], [0.0], ends="term", slots=[1]))
    assert value(design, 3) == 0.0  # nothing follows the end of the MDP
    design(moved(transition, [4], [1], [0.0], ends="trunc", slots=[2]))
    assert value(design, 4) == pytest.approx(0.25 * GAMMA * 1.0)  # something follows a time limit


def test_rows_that_share_a_cell_move_it_as_single_updates_would(attach, transition):
    together, alone = (learner(attach, learning_rate=0.1) for _ in range(2))
    together(moved(transition, [1, 1, 1, 0], [2, 2, 2, 2], [3.0, 3.0, 3.0, -1.0]))
    for _ in range(3):
        alone(moved(transition, [1], [2], [3.0]))
    assert value(together, 1) == pytest.approx(value(alone, 1), abs=1e-12)
    assert value(together, 0) == pytest.approx(-0.1)
    many = attach(LearnedPotential(features=["cell"]), features=ROOM, num_envs=500, gamma=GAMMA)
    many(moved(transition, [1] * 500, [2] * 500, [3.0] * 500))
    assert value(many, 1) == pytest.approx(3.0)  # 500 steps of 0.1 would overshoot 17-fold


def test_it_learns_the_values_of_a_corridor(attach, transition):
    design = learner(attach, learning_rate=0.5)
    for _ in range(60):
        for cell in range(-2, 4):
            last = cell == 3
            reward, ends = float(last), "term" if last else ""
            design(moved(transition, [cell], [cell + 1], [reward], ends=ends, k=cell + 2))
    values = [value(design, cell) for cell in range(-2, 4)]
    np.testing.assert_allclose(values, GAMMA ** np.arange(5, -1, -1), atol=1e-6)
    shaping = [
        design(moved(transition, [c], [c + 1], [0.0], k=c + 2)).terms["shaping"][0]
        for c in range(-2, 2)
    ]
    np.testing.assert_allclose(shaping, 0.0, atol=1e-5)  # the only way is the best way


@pytest.mark.parametrize("learning_rate", [0.1, 1.0])
def test_it_telescopes_while_it_learns(corridor, learning_rate):
    design = LearnedPotential(
        features=["position"], learning_rate=learning_rate, privileged=True, scale=3.0
    )
    env = shape(corridor(limit=1000), design, gamma=GAMMA)
    rng, first_values = np.random.default_rng(0), []
    for episode in range(40):
        _, info = env.reset(seed=episode)
        start = {"position": np.array([info["features"]["position"]])}
        first = design.phi(start)[0]
        added, done = [], False
        while not done:
            _, reward, done, _, info = env.step(int(rng.integers(2)))
            added.append(reward - info["true_reward"])
        discounted = np.array(added) @ GAMMA ** np.arange(len(added))
        assert discounted == pytest.approx(-first, abs=1e-11)
        first_values.append(first)
    assert np.ptp(first_values) > 0.5  # it did learn


def test_a_saved_learner_goes_on_the_same(attach, transition):
    one, other = (learner(attach) for _ in range(2))
    first = moved(transition, [1, 0], [2, 1], [1.0, 2.0])
    second = moved(transition, [2, 1], [3, 2], [0.5, 0.0], k=1)
    one(first)
    saved = one.state_dict()
    expected = one(second).total
    other.load_state_dict(saved)
    np.testing.assert_array_equal(other(second).total, expected)
    one.setup(one.context)
    assert value(one, 1) == 0.0


@pytest.mark.parametrize(
    "env_id", ["SparseKey-5x5-v0", pytest.param("LineKey-v0", marks=pytest.mark.slow)]
)
def test_learning_is_sound(env_id):
    features = ["subgoal"] + (["distance_to_subgoal"] if env_id == "LineKey-v0" else [])
    make = functools.partial(LearnedPotential, features=features, privileged=True)
    skip = {"shaping_telescopes": "the first state's potential is learned from episode to episode"}
    check_design(make, env_id, steps=200, num_envs=3, skip=skip)


def grid():
    env = gym.make("SparseKey-5x5-v0")
    env.reset(seed=0)
    return env.unwrapped.tabular_mdp()


WHOLE_STATE = ("has_key", "door_open", "subgoal", "agent_x", "agent_y", "agent_direction")


def test_the_value_of_an_earlier_policy_is_what_planning_says():
    mdp, gamma = grid(), 0.99
    still = np.zeros(mdp.num_states, np.int64)  # turns on the spot
    assert set(values_of(mdp, WHOLE_STATE, gamma=gamma, policy=still).values()) == {0.0}
    best = value_iteration(mdp, gamma=gamma)
    for policy in (None, best.policy):
        found = values_of(mdp, WHOLE_STATE, gamma=gamma, policy=policy)
        rows = np.stack([mdp.features[name] for name in WHOLE_STATE], axis=1).astype(float)
        keys = [tuple(row) for row in rows.tolist()]
        expected = {
            key: np.mean([v for k, v in zip(keys, best.values, strict=True) if k == key])
            for key in set(keys)
        }
        assert found == pytest.approx(expected)
    assert policy_evaluation(mdp, best.policy, gamma=gamma)[0] == pytest.approx(
        max_start(found, mdp)
    )


def max_start(found, mdp):
    return found[tuple(float(mdp.features[name][0]) for name in WHOLE_STATE)]


def test_the_value_of_an_abstraction_keeps_the_optimal_actions(attach):
    mdp, gamma = grid(), 0.99
    values = values_of(mdp, ["subgoal", "agent_x"], gamma=gamma)
    assert 3 <= len(values) < mdp.num_states / 10
    pairs = json.loads(json.dumps([[list(key), value] for key, value in values.items()]))
    design = ValuePotential(features=["subgoal", "agent_x"], values=pairs, privileged=True)
    every = every_transition(mdp)
    table = operant.card("SparseKey-5x5-v0").features
    attach(design, features=table, num_envs=len(every), gamma=gamma)
    shaped = design(every).total.reshape(mdp.reward.shape)
    plain = value_iteration(mdp, gamma=gamma)
    other = value_iteration(mdp, gamma=gamma, reward=shaped)
    np.testing.assert_array_equal(other.optimal_actions, plain.optimal_actions)
    start = design.phi({name: np.array([mdp.features[name][0]]) for name in ("subgoal", "agent_x")})
    assert other.start_value == pytest.approx(plain.start_value - start[0], abs=1e-9)


def test_a_table_of_values_by_hand(attach, transition):
    values = {(0, True): 1.0, (4, False): -2.0}
    design = ValuePotential(features=["cell", "open"], values=values, default=0.5, scale=2.0)
    attach(design, features=ROOM)
    features = {"cell": np.array([0, 4, 4]), "open": np.array([1.0, 0.0, 1.0])}
    assert design.phi(features).tolist() == [2.0, -4.0, 1.0]
    assert design.value({"cell": 4.0, "open": 0.0}) == -4.0
    t = transition(3, prev_features=features, features=features)
    np.testing.assert_allclose(design(t).total, [-0.2, 0.4, -0.1])


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"features": [], "values": {}}, "features must be a non-empty list of names"),
        ({"features": "cell", "values": {}}, "features must be .* got 'cell'"),
        ({"features": ["cell"], "values": {(1, 2): 0.0}}, "must map 1 numbers each"),
        ({"features": ["cell"], "values": [[[1], np.nan]]}, "must map 1 numbers each"),
        ({"features": ["cell"], "values": {}, "default": np.inf}, "default must be finite"),
    ],
)
def test_malformed_tables_are_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        ValuePotential(**kwargs)


@pytest.mark.parametrize("key", [5, -3, 0.5])
def test_keys_must_lie_in_the_features_ranges(attach, key):
    design = ValuePotential(features=["cell"], values={(key,): 1.0})
    with pytest.raises(ValueError, match=rf"has cell={key:g}, which must be an integer in \[-2, 4"):
        attach(design, features=ROOM)


@pytest.mark.parametrize(
    "design",
    [
        ValuePotential(features=["secret"], values={(1,): 1.0}),
        LearnedPotential(features=["secret"]),
    ],
)
def test_hidden_features_must_be_acknowledged(attach, design):
    with pytest.raises(OperantError, match="reads secret, which the agent cannot observe"):
        attach(design, features=ROOM)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"learning_rate": 0.0}, r"learning_rate must lie in \(0, 1\], got 0\.0"),
        ({"bins": 0}, "bins must be >= 1, got 0"),
        ({"features": []}, "features must be a non-empty list"),
    ],
)
def test_learners_check_their_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        LearnedPotential(**{"features": ["cell"], **kwargs})
