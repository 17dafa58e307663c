from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest

from operant.errors import UnknownIdError
from operant.registry import Row
from operant.reward_design import list_designs, make_design, registry, shape
from operant.types import Feature


def test_the_designs_of_this_library():
    assert set(list_designs()) >= {"none", "potential", "count", "naive"}
    assert all(isinstance(row, Row) and row.summary for row in registry())


@pytest.mark.parametrize("name", ["none", "potential", "count", "naive"])
def test_a_design_knows_its_id(name):
    assert make_design(name).id == name


@pytest.mark.parametrize(
    ("name", "kwargs"),
    [
        ("none", {}),
        ("potential", {"scale": 2.0, "on_truncation": "terminal", "gamma": 0.5}),
        ("count", {"beta": 0.1, "key": ["position", "lit"]}),
        ("naive", {"bonuses": {"lit": 0.25}}),
    ],
)
def test_arguments_survive_json(corridor, name, kwargs):
    rewards = []
    for arguments in (kwargs, json.loads(json.dumps(kwargs))):
        env = shape(corridor(), make_design(name, **arguments), gamma=0.5)
        env.reset(seed=1)  # starts in the middle
        rewards.append([env.step(1)[1] for _ in range(2)])
    assert rewards[0] == rewards[1]


@pytest.mark.parametrize("name", ["none", "potential", "count", "naive"])
def test_transitions_are_only_read(attach, transition, name):
    names = ("has_key", "door_open")
    flags = tuple(Feature(name=n, description=n, low=0, high=1, dtype="bool") for n in names)
    words = ("subgoal", "steps_to_subgoal")
    counts = tuple(Feature(name=n, description=n, low=0, high=2, dtype="int") for n in words)
    values = {**dict.fromkeys(names, np.array([True])), **dict.fromkeys(words, np.array([1]))}
    t = transition(terminated=np.array([True]), features=values, prev_features=values)
    for field in dataclasses.fields(t):
        value = getattr(t, field.name)
        for array in value.values() if isinstance(value, dict) else [value]:
            array.flags.writeable = False
    design = attach(make_design(name), features=(*flags, *counts))
    assert design(t).total.shape == (1,)
    assert design(t).total.flags.writeable  # its own memory, not the input's


def test_an_unknown_id_suggests_near_names(corridor):
    with pytest.raises(UnknownIdError, match="unknown reward design 'potentail'; did you mean pot"):
        make_design("potentail")
    with pytest.raises(UnknownIdError, match="did you mean count"):
        shape(corridor(), "coutn", gamma=0.9)


@pytest.mark.parametrize("thing", [None, 3, dict])
def test_other_things_are_not_designs(corridor, thing):
    with pytest.raises(TypeError, match=f"got {type(thing).__name__}"):
        shape(corridor(), thing, gamma=0.9)


def test_other_things_are_not_envs():
    with pytest.raises(
        TypeError, match=r"got str; for a stable-baselines3 VecEnv .*DesignCallback"
    ):
        shape("SparseKey-v0", "none", gamma=0.9)


@pytest.mark.parametrize(
    ("name", "kwargs", "message"),
    [
        ("potential", {"scale": np.inf}, "scale must be finite, got inf"),
        ("potential", {"on_truncation": "keep"}, "must be 'bootstrap' or 'terminal', got 'keep'"),
        ("count", {"beta": -1.0}, r"beta must be finite and >= 0, got -1\.0"),
        ("count", {"key": "position"}, "key must be 'obs' or a non-empty list"),
        ("count", {"key": []}, "key must be 'obs' or a non-empty list"),
        ("naive", {"bonuses": {}}, "bonuses must name at least one feature"),
        ("naive", {"bonuses": {"env": 1.0}}, "must not name 'env'"),
        ("naive", {"bonuses": {"lit": np.nan}}, r"bonuses\['lit'\] must be finite, got nan"),
    ],
)
def test_bad_arguments_name_argument_and_value(name, kwargs, message):
    with pytest.raises(ValueError, match=message):
        make_design(name, **kwargs)


def test_an_unknown_potential_suggests_near_names():
    with pytest.raises(UnknownIdError, match="did you mean subgoal_distance"):
        make_design("potential", potential="subgoal_distanse")
    with pytest.raises(TypeError, match="a function of features, got 3"):
        make_design("potential", potential=3)


def test_listing_imports_nothing_heavy():
    code = (
        "import sys, operant.reward_design as rd; rd.list_designs();"
        "print([m for m in ('torch', 'numba', 'stable_baselines3') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_a_wrapped_env_can_be_made_again_from_its_spec():
    env = shape(gym.make("CartPole-v1"), "count", gamma=0.9, seed=4)
    spec = gym.envs.registration.EnvSpec.from_json(env.spec.to_json())
    again = gym.make(spec)
    assert (again.design.id, again.gamma) == ("count", 0.9)
    env.reset(seed=0)
    again.reset(seed=0)
    assert [env.step(1)[1] for _ in range(5)] == [again.step(1)[1] for _ in range(5)]
