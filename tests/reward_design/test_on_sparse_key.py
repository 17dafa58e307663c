"""The designs on the env they are demonstrated on."""

from __future__ import annotations

import copy

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from operant.reward_design import make_design, shape

ENV = "SparseKey-6x6-v0"
LEFT, FORWARD, PICKUP, DROP, TOGGLE = 0, 2, 3, 4, 5


def solve(env):
    """Play the optimal solution; return (info, reward) of each step."""
    steps = []
    for action in env.unwrapped.oracle().actions:
        _, reward, terminated, _, info = env.step(action)
        steps.append((info, reward))
    assert terminated
    return steps


def play_until(env, feature):
    """Follow the oracle until a feature is true."""
    for action in env.unwrapped.oracle().actions:
        info = env.step(action)[4]
        if info["features"][feature]:
            return
    raise AssertionError(f"{feature} was never true")


def test_dropping_and_taking_the_key_is_paid_each_time():
    env = shape(gym.make(ENV), "naive", gamma=0.99)
    env.reset(seed=0)
    play_until(env, "has_key")
    paid = true = 0.0
    for _ in range(10):
        for action in (DROP, PICKUP):
            _, reward, *_, info = env.step(action)
            paid, true = paid + reward, true + info["true_reward"]
    assert (paid, true) == (5.0, 0.0)  # ten times .5 for nothing: five times what the goal pays


def test_reopening_the_door_is_paid_each_time():
    env = shape(gym.make(ENV), "naive", gamma=0.99)
    env.reset(seed=0)
    play_until(env, "door_open")
    paid = sum(env.step(TOGGLE)[1] for _ in range(10))
    assert paid == 2.5


@pytest.mark.parametrize("gamma", [0.99, 1.0])
def test_the_same_loops_earn_nothing_from_a_potential(gamma):
    env = shape(gym.make(ENV), "potential", gamma=gamma)
    env.reset(seed=0)
    play_until(env, "has_key")
    phi = env.design.phi
    start = phi({k: np.array([v]) for k, v in env.step(LEFT)[4]["features"].items()})[0]
    env.step(1)  # turn right again: back where the loop begins
    shaping = []
    for _ in range(10):
        shaping += [env.step(action)[4]["reward_terms"]["shaping"] for action in (DROP, PICKUP)]
    assert sum(shaping) <= 1e-9
    assert start > 0


@pytest.mark.parametrize("seed", range(8))
def test_the_potential_rises_along_an_optimal_solution(seed):
    env = shape(gym.make(ENV), "potential", gamma=1.0)
    env.reset(seed=seed)
    shaping = [info["reward_terms"]["shaping"] for info, _ in solve(env)]
    # Each step is one action nearer, or reaches a subgoal; the last one gives the potential back.
    assert min(shaping[:-1]) >= 0.0
    assert sum(step > 0 for step in shaping[:-1]) >= len(shaping) - 3
    assert sum(shaping[:-1]) <= 1.0


@pytest.mark.parametrize("name", ["none", "potential", "count", "naive"])
def test_the_solution_has_the_same_true_return_under_every_design(name):
    env = shape(gym.make(ENV), name, gamma=0.99)
    env.reset(seed=3)
    steps = solve(env)
    info = steps[-1][0]
    assert info["episode_true_return"] == 1.0
    assert info["episode_designed_return"] == pytest.approx(sum(reward for _, reward in steps))
    assert info["episode_length"] == len(steps)
    expected = {"none": 1.0, "naive": 2.0}  # without detours: one key, one door
    if name in expected:
        assert info["episode_designed_return"] == expected[name]


@pytest.mark.integration
@pytest.mark.parametrize("mode", list(AutoresetMode))
@pytest.mark.parametrize("name", ["none", "potential", "count", "naive"])
def test_the_batched_env_is_paid_like_scalar_ones(name, mode):
    num, steps = 4, 500
    vector = gym.make_vec(ENV, num_envs=num, autoreset_mode=mode, max_steps=40)
    vector = shape(vector, name, gamma=0.99)
    scalars = [shape(gym.make(ENV, max_steps=40), name, gamma=0.99) for _ in range(num)]
    rng = np.random.default_rng(5)
    plan = rng.choice([0, 1, FORWARD, FORWARD, PICKUP, DROP, TOGGLE], size=(num, steps))
    vector.reset(seed=20)
    age = np.zeros(num, int)
    paid = [[] for _ in range(num)]
    for _ in range(steps):
        _, reward, terminated, truncated, infos = vector.step(plan[np.arange(num), age])
        for row in np.flatnonzero(infos["_reward_terms"]):
            paid[row].append(reward[row])
        age += infos["_reward_terms"]
        done = terminated | truncated
        if mode is AutoresetMode.DISABLED and done.any():
            vector.reset(options={"reset_mask": done})
    for row, env in enumerate(scalars):
        env.reset(seed=20 + row)
        expected = []
        for action in plan[row, : len(paid[row])]:
            _, reward, terminated, truncated, _ = env.step(action)
            expected.append(reward)
            if terminated or truncated:
                env.reset()
        assert paid[row] == expected


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP])
def test_a_saved_batched_env_goes_on_bit_for_bit(mode):
    def build():
        env = gym.make_vec(ENV, num_envs=5, autoreset_mode=mode, max_steps=30)
        return shape(env, make_design("count"), gamma=0.99)

    plan = np.random.default_rng(0).integers(0, 7, (140, 5))
    env, other = build(), build()
    env.reset(seed=0)
    for action in plan[:70]:
        env.step(action)
    state = copy.deepcopy(env.get_state())
    assert all(value.dtype != object for value in state.values())
    other.reset(seed=1)
    other.set_state(state)
    for action in plan[70:]:
        (obs, reward, *_, infos), (obs2, reward2, *_, infos2) = (
            e.step(action) for e in (env, other)
        )
        np.testing.assert_array_equal(obs["image"], obs2["image"])
        assert reward.tolist() == reward2.tolist()
        np.testing.assert_equal(
            {k: v for k, v in infos.items() if k.startswith("episode_")},
            {k: v for k, v in infos2.items() if k.startswith("episode_")},
        )
