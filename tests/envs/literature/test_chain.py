"""Chain against matrices written down by hand and a plain recursion over the steps left."""

from __future__ import annotations

import functools

import gymnasium as gym
import numpy as np
import pytest

import operant  # noqa: F401 (registers the ids)
from operant.agents.tabular.value_iteration import value_iteration

LEFT, RIGHT = range(2)


def best(length, position, left):
    """Return the best return by trying everything."""

    @functools.cache
    def value(at, left):
        if at in (0, length - 1):
            return 0.1 if at == 0 else 1.0
        return 0.0 if left == 0 else max(value(at - 1, left - 1), value(at + 1, left - 1))

    return value(position, left)


@pytest.mark.parametrize("length", [3, 4, 5, 8, 9])
def test_oracle_equals_exhaustive_search(length) -> None:
    for limit in range(1, length + 1):
        env = gym.make("Chain-n40-v0", length=length, max_steps=limit).unwrapped
        at, _ = env.reset()
        assert at == length // 2
        for action in [LEFT, RIGHT] * limit:
            oracle = env.oracle()
            assert oracle.kind == "exact"
            left = limit - int(env.simulator.world.agent[0, -1])
            assert oracle.optimal_return == best(length, int(at), left)
            at, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                break


@pytest.mark.parametrize(("steps_left", "earned"), [(30, 1.0), (37, 0.0), (24, 0.1)])
def test_oracle_is_kept_from_mid_episode(steps_left, earned) -> None:
    """From state 4, the goal is 35 moves away, the distractor 4; some steps are wasted first."""
    env = gym.make("Chain-n40-v0", max_steps={30: 51, 37: 18, 24: 20}[steps_left]).unwrapped
    env.reset()
    for _ in range(16):
        env.step(LEFT)
    oracle = env.oracle()
    assert oracle.optimal_return == earned
    rewards = [env.step(action)[1] for action in oracle.actions]
    assert sum(rewards) == earned
    assert (oracle.solution_length is None) == (earned < 1)


def test_both_ends_pay_and_end_the_episode() -> None:
    for action, moves, pay in ((RIGHT, 19, 1.0), (LEFT, 20, 0.1)):
        env = gym.make("Chain-n40-v0")
        env.reset()
        results = [env.step(action) for _ in range(moves)]
        assert [r[1] for r in results] == [0.0] * (moves - 1) + [pay]
        assert [r[2] for r in results] == [False] * (moves - 1) + [True]
        assert not any(r[3] for r in results)
        assert results[-1][4]["success"] == (action == RIGHT)
        features = results[-1][4]["features"]
        assert features["steps_to_goal" if action == RIGHT else "steps_to_distractor"] == 0


def test_horizon_is_the_length() -> None:
    env = gym.make("Chain-n40-v0")
    env.reset()
    cut = [env.step(action)[3] for action in [LEFT, RIGHT] * 20]
    assert cut == [False] * 39 + [True]


def test_explicit_mdp_equals_the_matrices() -> None:
    env = gym.make("Chain-n40-v0").unwrapped
    env.reset()
    mdp = env.tabular_mdp()
    states = mdp.features["position"]
    assert sorted(states) == list(range(1, 39))
    number = {int(at): i for i, at in enumerate(states)} | {0: -1, 39: -1}
    for i, at in enumerate(states):
        assert mdp.next_state[i].tolist() == [number[at - 1], number[at + 1]]
        assert mdp.reward[i].tolist() == [0.1 * (at == 1), float(at == 38)]


@pytest.mark.parametrize("gamma", [0.8, 0.99])
def test_discounted_values_are_those_of_the_nearer_or_the_better_end(gamma) -> None:
    env = gym.make("Chain-n40-v0").unwrapped
    env.reset()
    mdp = env.tabular_mdp()
    at = mdp.features["position"]
    expected = np.maximum(gamma ** (38.0 - at), 0.1 * gamma ** (at - 1.0))
    assert value_iteration(mdp, gamma=gamma).values == pytest.approx(expected, abs=1e-9)
    assert (0.1 * gamma ** (at - 1.0) == expected).any() == (gamma == 0.8)  # a trap if myopic


@pytest.mark.parametrize("length", [2, 1001])
def test_bad_lengths_are_refused(length) -> None:
    with pytest.raises(ValueError, match="length"):
        gym.make("Chain-n40-v0", length=length)
