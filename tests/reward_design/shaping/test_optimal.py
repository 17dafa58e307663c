"""The potential ``optimal``: V* of deterministic worlds that pay 1 for success."""

from __future__ import annotations

import functools

import gymnasium as gym
import numpy as np
import pytest

import operant
from operant.errors import GammaMismatchError, OperantError
from operant.planning import steps_to_success, value_iteration
from operant.reward_design import make_design
from operant.reward_design.shaping.potentials import POTENTIALS
from operant.tabular import every_transition
from operant.testing import check_design
from operant.types import Feature

GAMMA = 0.97
TABLE = {"steps_to_success": Feature(name="steps_to_success", description="", low=0, high=99)}
OPTIMAL = functools.partial(make_design, "potential", potential="optimal")


@pytest.fixture
def solvable_id():
    """Register an env that publishes the feature, for as long as the test runs."""
    row = gym.spec("SparseKey-5x5-v0")
    env_id = "SolvedKey-5x5-v0"
    gym.register(env_id, row.entry_point, kwargs={**row.kwargs, "optimum": True})
    yield env_id
    del gym.registry[env_id]


def test_values_by_hand() -> None:
    steps = np.array([0, 1, 2, 5, 99])
    phi = POTENTIALS["optimal"](TABLE, 0.5)
    np.testing.assert_array_equal(phi({"steps_to_success": steps}), [0, 1, 0.5, 0.0625, 0])
    for gamma, expected in ((0.0, [0, 1, 0, 0, 0]), (1.0, [0, 1, 1, 1, 0])):
        found = POTENTIALS["optimal"](TABLE, gamma)({"steps_to_success": steps})
        assert found.tolist() == expected


@pytest.mark.parametrize(
    "env_id",
    [
        "SparseKey-6x6-v0",
        *(
            pytest.param(name, marks=pytest.mark.integration)  # each compiles kernels of its own
            for name in ("LavaGapS6-v0", "UnlockPickup-v0", "RedBlueDoors-6x6-v0")
        ),
    ],
)
def test_one_step_of_greed_is_optimal(env_id: str) -> None:
    """Optimal actions earn 0 and all others less; nothing is to be had where success is not."""
    env = gym.make(env_id, optimum=True)
    env.reset(seed=1)
    mdp = env.unwrapped.tabular_mdp()
    shaped = operant.shape(env, OPTIMAL(), gamma=GAMMA)
    every = every_transition(mdp)
    design = shaped.design
    designed = design.step(every).total.reshape(mdp.reward.shape)
    plan = value_iteration(mdp, gamma=GAMMA)
    np.testing.assert_allclose(
        design.phi(mdp.features), plan.values, atol=1e-12, err_msg="it is V*"
    )
    possible = steps_to_success(mdp) > 0
    best = plan.optimal_actions & possible[:, None]
    assert np.abs(designed[best]).max() < 1e-12
    assert designed[~plan.optimal_actions].max() < -1e-6
    assert not designed[~possible].any()
    again = value_iteration(mdp, gamma=GAMMA, reward=designed)
    np.testing.assert_array_equal(again.optimal_actions, plan.optimal_actions)
    assert np.abs(again.values).max() < 1e-9


def test_an_agent_that_looks_one_step_ahead_plays_the_shortest_solution() -> None:
    env = gym.make("SparseKey-6x6-v0", optimum=True)
    shaped = operant.shape(env, OPTIMAL(), gamma=GAMMA)
    for seed in range(5):
        shaped.reset(seed=seed)
        length, steps, done = env.unwrapped.oracle().solution_length, 0, False
        while not done:
            mdp = env.unwrapped.tabular_mdp()
            ahead = shaped.design.step(every_transition(mdp)).total[: mdp.num_actions]
            _, reward, done, _, info = shaped.step(int(ahead.argmax()))
            assert reward == pytest.approx(0.0, abs=1e-12)
            steps += 1
        assert info["success"]
        assert steps == length


@pytest.mark.integration
def test_it_is_a_sound_design(solvable_id: str) -> None:
    """Invariance included: exact planning finds the optimal actions of the true reward."""
    check_design(OPTIMAL, solvable_id, steps=250)
    check_design(functools.partial(OPTIMAL, scale=-2.0), solvable_id, steps=250)


def test_rows_of_a_vector_env_are_paid_like_scalar_envs() -> None:
    kwargs = {"optimum": True, "max_steps": 15}
    envs = gym.make_vec("SparseKey-5x5-v0", num_envs=3, autoreset_mode="SameStep", **kwargs)
    shaped = operant.shape(envs, OPTIMAL(), gamma=GAMMA)
    singles = [
        operant.shape(gym.make("SparseKey-5x5-v0", **kwargs), OPTIMAL(), gamma=GAMMA)
        for _ in range(3)
    ]
    shaped.reset(seed=0)
    for n, env in enumerate(singles):
        env.reset(seed=n)
    rng, total = np.random.default_rng(0), 0.0
    for _ in range(80):
        actions = rng.integers(0, 7, 3)
        rewards = shaped.step(actions)[1]
        for n, env in enumerate(singles):
            _, reward, terminated, truncated, _ = env.step(int(actions[n]))
            assert rewards[n] == pytest.approx(reward, abs=1e-12)
            total += abs(reward)
            if terminated or truncated:
                env.reset()
    assert total > 1


def test_it_needs_an_env_that_publishes_the_optimum() -> None:
    with pytest.raises(OperantError, match=r"reads features \['steps_to_success'\] which the env"):
        operant.shape(gym.make("SparseKey-5x5-v0"), OPTIMAL(), gamma=GAMMA)


def test_the_discount_is_the_agents() -> None:
    env = gym.make("SparseKey-5x5-v0", optimum=True)
    with pytest.raises(GammaMismatchError):
        operant.shape(env, OPTIMAL(gamma=0.9), gamma=GAMMA)
    shaped = operant.shape(env, OPTIMAL(gamma=0.9), gamma=0.9)
    _, info = shaped.reset(seed=0)
    steps = info["features"]["steps_to_success"]
    value = shaped.design.phi({"steps_to_success": np.array([steps])})
    assert value == pytest.approx([0.9 ** (steps - 1)])
