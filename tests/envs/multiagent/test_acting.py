from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from operant.envs.multiagent.acting import check_actions

SPACES = {"chooser_0": gym.spaces.Discrete(3), "setter_0": gym.spaces.Box(0, 1, (2,), np.float32)}


def check(**actions: object) -> None:
    check_actions(list(SPACES), SPACES.__getitem__, actions)


def test_what_can_be_done_passes() -> None:
    check(chooser_0=2, setter_0=[0.5, 1])
    check(chooser_0=np.int64(0), setter_0=np.array([-3.0, 7.0]))  # outside, but numbers


@pytest.mark.parametrize("action", [3, -1, 1.0, None, "0", [1]])
def test_choices_that_are_none_are_refused(action: object) -> None:
    with pytest.raises(ValueError, match=r"of 'chooser_0'; actions are integers in \[0, 2\]"):
        check(chooser_0=action, setter_0=[0, 0])


@pytest.mark.parametrize("action", [0.5, [0.5], [0.5, np.nan], [np.inf, 0], ["a", "b"], None])
def test_settings_that_are_none_are_refused(action: object) -> None:
    with pytest.raises(ValueError, match=r"of 'setter_0'; actions are \(2,\) finite numbers"):
        check(chooser_0=0, setter_0=action)


def test_who_acts_is_looked_at() -> None:
    with pytest.raises(ValueError, match="that of 'setter_0' is missing"):
        check(chooser_0=0)
    with pytest.raises(ValueError, match=r"unknown agents \['other_0'\]; there are \['chooser_0'"):
        check(chooser_0=0, setter_0=[0, 0], other_0=1)
    with pytest.raises(gym.error.ResetNeeded, match="no episode is running"):
        check_actions([], SPACES.__getitem__, {})
