"""The light wrapper, judged by the one for every design."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import operant
from operant.errors import GammaMismatchError, NonFiniteRewardError, OperantError
from operant.reward_design.adapters.potential_wrapper import PotentialWrapper
from operant.reward_design.shaping.dynamic import DynamicPotentialShaping
from operant.reward_design.shaping.learned import ValuePotential
from operant.reward_design.shaping.potential import PotentialShaping

GAMMA = 0.9
DESIGNS = {
    "named": {},
    "weights": {"potential": {"lit": 0.5, "steps_to_subgoal": -0.1}, "scale": 2.0},
    "function": {
        "potential": lambda f: f["position"] ** 2 / (1.0 + f["lit"]),
        "reads": ["position", "lit"],
        "privileged": True,
    },
    "terminal": {"potential": {"subgoal": 3.0}, "on_truncation": "terminal"},
}


@pytest.mark.parametrize("name", DESIGNS)
def test_it_pays_what_the_general_wrapper_pays(corridor, name):
    slow = operant.shape(corridor(), PotentialShaping(**DESIGNS[name]), gamma=GAMMA)
    fast = PotentialWrapper(corridor(), PotentialShaping(**DESIGNS[name]), gamma=GAMMA)
    compare(slow, fast)


def test_tables_of_values_too(corridor):
    def design():
        return ValuePotential(features=["subgoal", "lit"], values={(1, True): 2.0}, default=-1.0)

    compare(
        operant.shape(corridor(), design(), gamma=GAMMA),
        PotentialWrapper(corridor(), design(), gamma=GAMMA),
    )


def compare(slow, fast):
    rng, ends = np.random.default_rng(0), set()
    for seed in range(30):
        slow.reset(seed=seed)
        fast.reset(seed=seed)
        done = False
        while not done:
            action = int(rng.random() < 0.8)
            _, expected, *_, wanted = slow.step(action)
            _, paid, terminated, truncated, info = fast.step(action)
            assert paid == pytest.approx(expected, abs=1e-12)
            assert info["features"] == wanted["features"]
            assert info.keys() == wanted.keys()
            for key in info.keys() - {"features", "reward_terms"}:
                assert info[key] == pytest.approx(wanted[key], abs=1e-12)
            assert info["reward_terms"] == pytest.approx(wanted["reward_terms"], abs=1e-12)
            done = terminated or truncated
        ends.add((terminated, truncated))
    assert {(True, False), (False, True)} <= ends


def test_a_gridworld_with_its_default_potential():
    slow, fast = (
        wrap(gym.make("SparseKey-5x5-v0", max_steps=15), PotentialShaping(), gamma=GAMMA)
        for wrap in (operant.shape, PotentialWrapper)
    )
    rng = np.random.default_rng(0)
    for episode in range(4):
        slow.reset(seed=episode)
        fast.reset(seed=episode)
        done = False
        while not done:
            action = int(rng.integers(0, 7))
            _, expected, terminated, truncated, _ = slow.step(action)
            assert fast.step(action)[1] == pytest.approx(expected, abs=1e-12)
            done = terminated or truncated


def test_the_infos_of_the_env_are_left_alone(corridor):
    class Shared(corridor):
        def step(self, action):
            *rest, info = super().step(action)
            self.info = info
            return *rest, info

    env = PotentialWrapper(Shared(), PotentialShaping(), gamma=GAMMA)
    env.reset(seed=0)
    assert "reward_terms" in env.step(1)[4]
    assert env.unwrapped.info.keys() == {"features"}


def test_episodes_must_be_started(corridor):
    env = PotentialWrapper(corridor(), PotentialShaping(), gamma=GAMMA)
    with pytest.raises(gym.error.ResetNeeded):
        env.step(0)
    env.reset(seed=0)
    while True:
        _, _, terminated, truncated, _ = env.step(1)
        if terminated or truncated:
            break
    with pytest.raises(gym.error.ResetNeeded):
        env.step(0)


def test_what_the_general_wrapper_refuses_is_refused(corridor):
    with pytest.raises(GammaMismatchError):
        PotentialWrapper(corridor(), PotentialShaping(gamma=0.5), gamma=GAMMA)
    with pytest.raises(OperantError, match="reads position, which the agent cannot observe"):
        PotentialWrapper(corridor(), PotentialShaping(potential={"position": 1.0}), gamma=GAMMA)
    shaped = PotentialWrapper(corridor(), PotentialShaping(), gamma=GAMMA)
    with pytest.raises(OperantError, match="already carries reward design 'PotentialShaping'"):
        PotentialWrapper(shaped, PotentialShaping(), gamma=GAMMA)
    with pytest.raises(OperantError, match="already carries reward design 'PotentialShaping'"):
        operant.shape(shaped, "potential", gamma=GAMMA)
    with pytest.raises(OperantError, match="is attached to an env already"):
        PotentialWrapper(corridor(), shaped.design, gamma=GAMMA)
    with pytest.raises(TypeError, match="must be a fixed potential, got DynamicPotentialShaping"):
        PotentialWrapper(corridor(), DynamicPotentialShaping(), gamma=GAMMA)


def test_a_potential_that_is_no_number_stops_the_episode(corridor):
    nan = PotentialShaping(potential=lambda f: f["lit"] * float("nan"), reads=["lit"])
    env = PotentialWrapper(corridor(), nan, gamma=GAMMA)
    env.reset(seed=0)
    with pytest.raises(NonFiniteRewardError, match="'shaping' for env row 0 at episode step 0"):
        env.step(0)
