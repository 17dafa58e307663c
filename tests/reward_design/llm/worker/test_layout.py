from __future__ import annotations

import numpy as np
import pytest

from operant.reward_design.llm.worker import RowLayout, WorkerSettings
from operant.reward_design.llm.worker.settings import encoded


def test_a_row_is_observation_action_observation_features():
    layout = RowLayout(obs_size=2, action_size=3, features=("b", "a"))
    rows = layout.rows(
        [[1, 2], [3, 4]],
        [[5, 6, 7], [8, 9, 10]],
        [[11, 12], [13, 14]],
        {"a": np.array([True, False]), "b": [15, 16], "unused": None},
    )
    assert rows.tolist() == [
        [1, 2, 5, 6, 7, 11, 12, 15, 1],
        [3, 4, 8, 9, 10, 13, 14, 16, 0],
    ]
    assert rows.dtype == np.float64
    assert layout.width == 9


def test_without_observation_any_is_taken():
    rows = RowLayout().rows({"image": 0}, [7, 8, 9], None, {})
    assert rows.tolist() == [[7], [8], [9]]


def test_no_rows():
    assert RowLayout(obs_size=2).rows(np.empty((0, 2)), [], np.empty((0, 2)), {}).shape == (0, 5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"obs": np.zeros((2, 3))}, r"obs must have shape \(2, 2\), got \(2, 3\)"),
        ({"next_obs": np.zeros((1, 2))}, r"next_obs must have shape \(2, 2\), got \(1, 2\)"),
        ({"action": np.zeros((2, 1))}, r"action must have shape \(2,\), got \(2, 1\)"),
        ({"action": 1.0}, r"action must have shape"),
        ({"info": {}}, r"info lacks 'a'; the program is given \('a',\)"),
        ({"info": {"a": [1.0]}}, r"info\['a'\] must have shape \(2,\), got \(1,\)"),
    ],
)
def test_wrong_forms_are_named(change, message):
    given = {"obs": np.zeros((2, 2)), "action": [0, 1], "next_obs": np.zeros((2, 2))}
    with pytest.raises(ValueError, match=message):
        RowLayout(obs_size=2, features=("a",)).rows(**{**given, "info": {"a": [0, 1]}, **change})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"obs_size": -1}, "obs_size must lie in"),
        ({"action_size": 2**20}, "action_size must lie in"),
        ({"action_size": 2, "whole_actions": True}, "whole_actions needs action_size 0, got 2"),
        ({"features": ("a", "a")}, "distinct identifiers, got 'a'"),
        ({"features": ("a b",)}, "distinct identifiers, got 'a b'"),
    ],
)
def test_bad_layouts(arguments, message):
    with pytest.raises(ValueError, match=message):
        RowLayout(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"require": "none"}, r"require must be one of \('rlimits', .*, got 'none'"),
        ({"require": "exec"}, "got 'exec'"),
        ({"modules": ("torch",)}, "of the standard library, or 'numpy', got 'torch'"),
        ({"timeout_s": 0.0}, r"timeout_s must lie in \(0, 3600\], got 0.0"),
        ({"timeout_s": float("nan")}, "timeout_s must"),
        ({"memory_mib": 10}, r"memory_mib must lie in \[64, 65536\], got 10"),
        ({"cap": float("inf")}, "cap must be positive and finite, got inf"),
    ],
)
def test_bad_settings(arguments, message):
    with pytest.raises(ValueError, match=message):
        WorkerSettings(**arguments)


def test_sources_are_text_of_limited_length():
    assert encoded("# ä") == "# ä".encode()
    with pytest.raises(ValueError, match="at most 65536 bytes, got 65537"):
        encoded("x" * 65537)
    with pytest.raises(ValueError, match="text that UTF-8 can hold"):
        encoded("\ud800")
    with pytest.raises(TypeError, match="source must be text, got bytes"):
        encoded(b"x")
