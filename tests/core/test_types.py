from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from operant.types import Feature, RewardTerms, Rollout, Transition, take_rows


def _transition(**changes) -> Transition:
    values = {
        "obs": np.zeros((3, 2)),
        "action": np.array([0, 1, 2]),
        "next_obs": np.ones((3, 2)),
        "reward": np.array([0.0, 1.0, 2.0]),
        "terminated": np.array([True, False, False]),
        "truncated": np.array([True, True, False]),
        "features": {},
        "prev_features": {},
        "env_ids": np.arange(3),
        "episode_step": np.zeros(3, np.int64),
    }
    return Transition(**{**values, **changes})


def test_done_is_either_end_and_flags_stay_apart() -> None:
    t = _transition()
    assert t.done.tolist() == [True, True, False]
    assert t.terminated.tolist() == [True, False, False]
    assert len(t) == 3
    assert len(_transition(reward=np.zeros(0))) == 0


def test_data_is_frozen_and_keyword_only() -> None:
    t = _transition()
    with pytest.raises(dataclasses.FrozenInstanceError):
        t.reward = np.zeros(3)
    with pytest.raises(TypeError):
        Feature("x", "a word", 0, 1)


def test_rollout_has_the_fields_of_a_transition_plus_validity() -> None:
    names = {field.name for field in dataclasses.fields(Transition)}
    rollout = {field.name for field in dataclasses.fields(Rollout)}
    assert rollout == (names - {"env_ids"}) | {"valid"}


def test_terms_add_up_in_float64_without_touching_the_inputs() -> None:
    env, bonus = np.array([1.0, 2.0], np.float32), np.array([0.5, -2.0])
    terms = RewardTerms.sum_of(env=env, bonus=bonus)
    assert terms.total.tolist() == [1.5, 0.0]
    assert terms.total.dtype == np.float64
    assert terms.terms["env"] is env
    assert env.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("rows", [np.array([2, 0]), np.array([True, False, True])])
def test_take_rows_copies_from_arrays_and_dicts(rows) -> None:
    array = np.arange(6).reshape(3, 2)
    taken = take_rows({"a": array, "b": array[:, 0]}, rows)
    assert np.array_equal(taken["a"], array[rows])
    assert np.array_equal(taken["b"], array[rows, 0])
    part = take_rows(array, rows)
    part[...] = -1
    assert array.min() == 0
