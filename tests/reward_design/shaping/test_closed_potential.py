"""Potentials as text: the same as the function they spell, on every road, and refused in words."""

from __future__ import annotations

import json

import gymnasium as gym
import numpy as np
import pytest

import operant
from operant.benchmarks.audit import audit_levels
from operant.errors import OperantError
from operant.reward_design.adapters.potential_wrapper import PotentialWrapper
from operant.reward_design.llm import RewardProgramError, UnsafeRewardCodeError, compile_potential
from operant.reward_design.shaping.potential import PotentialShaping
from operant.reward_design.shaping.program import potential_program
from operant.testing import check_design

ENV, GAMMA = "SparseKey-5x5-v0", 0.99
TEXT = """
def potential(obs, info):
    near = math.exp(-info["steps_to_subgoal"] / 8)
    if info["door_open"]:
        near += 0.25
    return 0.5 * info["subgoal"] + near
"""


def spelled(features) -> np.ndarray:
    near = np.exp(-features["steps_to_subgoal"] / 8) + 0.25 * (features["door_open"] > 0)
    return 0.5 * features["subgoal"] + near


@pytest.mark.parametrize("num_envs", [3, 100])
def test_a_program_pays_what_its_function_pays(num_envs: int) -> None:
    """Few rows are evaluated in Python, many by compiled code; and from JSON as well."""
    read = ("steps_to_subgoal", "door_open", "subgoal")
    arguments = json.loads(json.dumps({"potential": TEXT, "privileged": True}))
    designs = [
        operant.make_design("potential", **arguments),
        PotentialShaping(potential=spelled, reads=read, privileged=True),
    ]
    paid = []
    for design in designs:
        envs = operant.shape(gym.make_vec(ENV, num_envs=num_envs), design, gamma=GAMMA)
        envs.action_space.seed(0)
        envs.reset(seed=0)
        paid.append([envs.step(envs.action_space.sample())[1] for _ in range(60)])
    assert np.ptp(paid[0]) > 0.1
    assert np.array(paid[0]) == pytest.approx(np.array(paid[1]), abs=1e-12)


def test_the_wrapper_and_the_kernel_pay_it_too() -> None:
    design = operant.make_design("potential", potential=TEXT, privileged=True)
    light = PotentialWrapper(gym.make(ENV), design, gamma=GAMMA)
    shaped = operant.shape(
        gym.make(ENV),
        operant.make_design("potential", potential=TEXT, privileged=True),
        gamma=GAMMA,
    )
    program = compile_potential(TEXT, obs_size=0, features=operant.card(ENV).features)
    compiled = gym.make_vec(
        ENV, num_envs=1, program=potential_program(program.of_state(), gamma=GAMMA), swappable=True
    )
    for env in (light, shaped, compiled):
        env.reset(seed=0)
    rng, paid = np.random.default_rng(0), []
    for _ in range(80):
        action = int(rng.integers(7))
        rewards = [light.step(action)[1], shaped.step(action)[1]]
        rewards.append(float(compiled.step(np.array([action]))[1][0]))
        assert rewards == pytest.approx([rewards[0]] * 3, abs=1e-6)  # the kernel's are float32
        paid.append(rewards[0])
    assert np.ptp(paid) > 0.1


@pytest.mark.integration
def test_it_keeps_the_contract_and_the_optimum() -> None:
    def make() -> PotentialShaping:
        return PotentialShaping(potential=TEXT, privileged=True)

    check_design(make, ENV, num_envs=3, steps=200)
    (level,) = audit_levels(ENV, make(), gamma=GAMMA)
    assert level.found.preserves_optimal_policy


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ('return info["has_kye"]', r"line 2, column 17: unknown feature 'has_kye'.*has_key"),
        ('return info["subgoal"] + obs[0]', r"line 2, column \d+: .*observation of 0 numbers"),
        ('import os\n    return info["subgoal"]', r"line 2, .*import"),
        ('while True:\n        return info["subgoal"]', r"line 2, .*while"),
    ],
)
def test_what_is_no_program_is_refused_with_its_place(body: str, complaint: str) -> None:
    with pytest.raises(UnsafeRewardCodeError, match=complaint):
        operant.shape(
            gym.make(ENV),
            operant.make_design(
                "potential", potential=f"def potential(obs, info):\n    {body}\n", privileged=True
            ),
            gamma=GAMMA,
        )


def test_a_program_must_read_something_and_say_if_it_is_hidden() -> None:
    with pytest.raises(ValueError, match="reads no feature"):
        PotentialShaping(potential="def potential(obs, info):\n    return 1.0\n")
    with pytest.raises(OperantError, match=r"reads .*subgoal.* cannot observe.*privileged=True"):
        operant.shape(gym.make(ENV), PotentialShaping(potential=TEXT), gamma=GAMMA)
    with pytest.raises(ValueError, match="reads is for functions"):
        PotentialShaping(potential=TEXT, reads=("subgoal",))


def test_a_state_in_which_it_fails_is_named() -> None:
    text = 'def potential(obs, info):\n    return 1 / info["subgoal"]\n'
    env = operant.shape(
        gym.make(ENV), PotentialShaping(potential=text, privileged=True), gamma=GAMMA
    )
    env.reset(seed=0)
    with pytest.raises(RewardProgramError, match="line 2, column 12: division by zero"):
        env.step(0)
