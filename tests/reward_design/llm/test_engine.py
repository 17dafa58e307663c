"""Programs as potentials of designs, and in the compiled step of a gridworld."""

from __future__ import annotations

import copy

import gymnasium as gym
import numpy as np
import pytest

import operant
from operant.reward_design.llm import RewardProgramError, compile_potential, compile_reward
from operant.reward_design.shaping.potential import PotentialShaping
from operant.reward_design.shaping.program import potential_program

ENV, GAMMA = "SparseKey-5x5-v0", 0.97
TABLE = operant.card(ENV).features
REWARD = """
def reward(obs, action, next_obs, info):
    total = 0.0
    for i in range(3):
        total += min(info["subgoal"], i, 1.0) - int(info["prev_subgoal"] / 2)
    closer = info["prev_steps_to_subgoal"] - info["steps_to_subgoal"]
    turning = action < 2
    if closer > 0 and not turning:
        return total + math.tanh(closer) ** 2 / 3
    return total - 0.01 * turning + math.floor(closer / 2)
"""
POTENTIAL = """
def potential(obs, info):
    near = math.exp(-info["steps_to_subgoal"] / 4)
    state = 2 if info["subgoal"] >= 1 else 1  # names that the engine uses, too
    now = info["has_key"] and near > 0.5
    return state * near + now
"""


def columns(now, prev):
    return {**now, **{f"prev_{name}": values for name, values in prev.items()}}


def stepped(program, swappable):
    """Yield what a program pays, action by action, with all that it was paid for."""
    kwargs = {"num_envs": 16, "autoreset_mode": "SameStep", "max_steps": 40}
    env = gym.make_vec(ENV, program=program, swappable=swappable, **kwargs)
    prev = env.reset(seed=0)[1]["features"]
    rng = np.random.default_rng(0)
    for _ in range(400):
        actions = rng.choice([0, 1, 2, 2, 3, 5], 16)
        _, paid, terminated, truncated, infos = env.step(actions)
        now = {name: values.copy() for name, values in infos["features"].items()}
        if "final_info" in infos:
            for name, values in infos["final_info"]["features"].items():
                ended = terminated | truncated
                now[name][ended] = values[ended]
        yield actions, paid, terminated, infos["true_reward"], now, prev
        prev = infos["features"]


@pytest.mark.integration
@pytest.mark.parametrize("swappable", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_reward_in_the_engine(swappable):
    program = compile_reward(REWARD, obs_size=0, features=TABLE)
    seen = set()
    for actions, paid, _, _, now, prev in stepped(program.for_kernel(), swappable):
        expected = program.batch(None, actions, None, columns(now, prev))
        np.testing.assert_allclose(paid, expected, rtol=1e-12, atol=0)
        seen.update(expected)
    assert len(seen) > 4


@pytest.mark.integration
def test_a_potential_in_the_engine():
    program = compile_potential(POTENTIAL, obs_size=0, features=TABLE)
    native = potential_program(program.of_state(), gamma=GAMMA)
    ends = 0
    for _, paid, terminated, true, now, prev in stepped(native, True):
        after = np.where(terminated, 0.0, GAMMA * program.batch(None, now))
        expected = true + (after - program.batch(None, prev))
        np.testing.assert_allclose(paid, expected, rtol=1e-12, atol=1e-15)
        ends += terminated.sum()
    assert ends > 0


def test_in_python_they_read_attributes():
    state = type("State", (), {"steps_to_subgoal": 0.0, "subgoal": 1.0, "has_key": 0.0})
    potential = compile_potential(POTENTIAL, obs_size=0, features=TABLE)
    assert potential.of_state()(state) == 2.0
    reward = compile_reward(REWARD, obs_size=0, features=TABLE)
    assert reward.for_kernel()(state, state, 3, 0.0, False) == 2.0


def test_without_features_alone_there_is_no_place_in_the_engine():
    reward = "def reward(obs, action, next_obs, info):\n    return next_obs[0]"
    with pytest.raises(RewardProgramError, match="reads an observation"):
        compile_reward(reward, obs_size=1, features=()).for_kernel()
    potential = "def potential(obs, info):\n    return obs[0]"
    with pytest.raises(RewardProgramError, match="reads an observation"):
        compile_potential(potential, obs_size=1, features=()).of_state()
    with pytest.raises(RewardProgramError, match="reads an observation"):
        compile_potential(potential, obs_size=1, features=()).of_features({})


@pytest.mark.parametrize("backend", ["python", "numba"])
def test_as_the_potential_of_a_design(backend):
    program = compile_potential(POTENTIAL, obs_size=0, features=TABLE, backend=backend)
    design = PotentialShaping(potential=program.of_features, reads=program.reads, privileged=True)
    shaped = operant.shape(gym.make(ENV), copy.deepcopy(design), gamma=GAMMA)
    prev = shaped.reset(seed=0)[1]["features"]
    for action in (0, 1, 2, 2, 1):
        _, paid, *_, info = shaped.step(action)
        now = info["features"]
        expected = GAMMA * program(None, now) - program(None, prev)
        assert paid - info["true_reward"] == pytest.approx(expected, abs=1e-12)
        prev = now
    states = {name: np.array([0.0, 1.0, 2.0]) for name in program.reads}
    np.testing.assert_array_equal(program.of_features(states), program.batch(None, states))
