"""Every reward design keeps the contract; a new row is tested without an edit here."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

import operant
from operant.reward_design.llm.worker import WorkerUnavailableError
from operant.testing import check_design

GAMMA = 0.99
DESIGNS = operant.list_designs()
SPECS = {name: operant.make_design(name).spec for name in DESIGNS}
PER_STEP = [name for name, spec in SPECS.items() if spec.timing == "step"]
FIXED = [name for name in PER_STEP if SPECS[name].stationary]
"""Others pay a batch by what all its rows have taught them."""


@pytest.fixture(autouse=True)
def _lock(request: pytest.FixtureRequest) -> None:
    """A design that needs a lock is skipped where the host has none."""
    if request.node.callspec.params.get("design") != "python":
        return
    try:
        operant.shape(gym.make("SparseKey-5x5-v0"), "python", gamma=GAMMA)
    except WorkerUnavailableError as error:
        pytest.skip(error.missing)


def env_for(design: str) -> str:
    """Return a world; who needs its model gets one whose levels are all alike."""
    if "expert" in SPECS[design].needs:
        return "ExpertKey-v0"  # of tests/conftest.py
    return "Chain-n40-v0" if "model" in SPECS[design].needs else "SparseKey-5x5-v0"


def _by_family() -> list[object]:
    """Return the designs, of which all but the first of each family are for integration."""
    firsts = {_family(name): name for name in reversed(DESIGNS)}
    return [
        pytest.param(name, marks=[] if firsts[_family(name)] == name else pytest.mark.integration)
        for name in DESIGNS
    ]


def _family(design: str) -> str:
    """Return the package of a design: ``operant.reward_design.shaping``, ..."""
    return type(operant.make_design(design)).__module__.rpartition(".")[0]


@pytest.mark.parametrize("design", _by_family())
def test_design_is_sound(design: str) -> None:
    check_design(design, env_for(design), steps=200)


@pytest.mark.parametrize("design", PER_STEP)
def test_pseudo_steps_pay_nothing_and_true_reward_survives(design: str) -> None:
    """The step after an episode's end only resets (NEXT_STEP); nobody may be paid for it."""
    envs = gym.make_vec(env_for(design), num_envs=4, max_steps=25)
    shaped = operant.shape(envs, design, gamma=GAMMA)
    shaped.action_space.seed(0)
    shaped.reset(seed=0)
    pending, pseudo_steps = np.zeros(4, np.bool_), 0
    for _ in range(150):
        _, reward, terminated, truncated, infos = shaped.step(shaped.action_space.sample())
        assert (reward[pending] == 0).all()
        assert infos["true_reward"].shape == (4,)
        pseudo_steps += int(pending.sum())
        pending = terminated | truncated
    assert pseudo_steps >= 12


@pytest.mark.integration
@pytest.mark.parametrize("design", FIXED)
@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_vector_rows_are_paid_like_scalar_envs(design: str, mode: AutoresetMode) -> None:
    """One design, three roads to it: scalar wrapper, and vector wrapper in both autoreset modes."""
    envs = gym.make_vec(env_for(design), num_envs=3, max_steps=25, autoreset_mode=mode)
    shaped = operant.shape(envs, design, gamma=GAMMA)
    shaped.action_space.seed(1)
    shaped.reset(seed=5)
    singles = [
        operant.shape(gym.make(env_for(design), max_steps=25), design, gamma=GAMMA)
        for _ in range(3)
    ]
    for i, env in enumerate(singles):
        env.reset(seed=5 + i)
    pending = np.zeros(3, np.bool_)
    for _ in range(120):
        actions = shaped.action_space.sample()
        _, rewards, terminated, truncated, _ = shaped.step(actions)
        for i, env in enumerate(singles):
            if pending[i]:
                env.reset()
                continue
            _, reward, *ends, _ = env.step(int(actions[i]))
            assert reward == pytest.approx(rewards[i], abs=1e-12)
            assert ends == [terminated[i], truncated[i]]
            if any(ends) and mode is AutoresetMode.SAME_STEP:
                env.reset()
        if mode is AutoresetMode.NEXT_STEP:
            pending = terminated | truncated
