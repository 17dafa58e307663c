"""Gymnasium's reward, late: the same sum, paid at the end or in instalments."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

pytest.importorskip("mujoco")

from operant.envs.delayed import DelayedEnv

ID = "DelayedHopper-v0"


def episode(**options: Any) -> list[tuple[float, dict[str, Any]]]:
    """Return reward and info of each step of one episode."""
    env = gym.make(ID, **options)
    env.reset(seed=2)
    steps, rng = [], np.random.default_rng(0)
    while True:
        action = rng.uniform(-1, 1, 3).astype(np.float32)
        _, reward, terminated, truncated, info = env.step(action)
        steps.append((float(reward), info))
        if terminated or truncated:
            return steps


@pytest.fixture(scope="module")
def earned() -> list[float]:
    """Gymnasium's rewards of that episode."""
    env, rng, rewards, over = gym.make("Hopper-v5"), np.random.default_rng(0), [], False
    env.reset(seed=2)
    while not over:
        _, reward, over, *_ = env.step(rng.uniform(-1, 1, 3).astype(np.float32))
        rewards.append(float(reward))
    assert len(rewards) > 10
    return rewards


def test_by_default_all_is_paid_with_the_last_step(earned: list[float]) -> None:
    paid = [reward for reward, _ in episode()]
    assert paid[:-1] == [0.0] * (len(earned) - 1)
    assert paid[-1] == pytest.approx(sum(earned), abs=1e-12)
    assert isinstance(gym.make(ID).unwrapped, DelayedEnv)


def test_with_step_it_is_gymnasiums_reward(earned: list[float]) -> None:
    steps = episode(reward="step")
    assert [reward for reward, _ in steps] == earned
    assert [info["true_reward"] for _, info in steps] == earned


def test_instalments_come_every_delay_steps_and_at_the_end(earned: list[float]) -> None:
    steps = episode(delay=4)
    assert [info["step_reward"] for _, info in steps] == earned
    for at, (reward, info) in enumerate(steps, 1):
        assert reward == info["true_reward"]
        last = at == len(earned)
        since = at - (at % 4 or 4) if last else at - 4
        due = sum(earned[since:at]) if at % 4 == 0 or last else 0.0
        assert reward == pytest.approx(due, abs=1e-12)
    assert sum(reward for reward, _ in steps) == pytest.approx(sum(earned), abs=1e-12)


def test_the_time_limit_pays_what_is_held() -> None:
    """In a batch, too, where rows start at different times."""
    envs = gym.make_vec("DelayedHalfCheetah-v0", num_envs=2, delay=4, max_steps=6)
    plain = gym.make_vec("DelayedHalfCheetah-v0", num_envs=2, reward="step", max_steps=6)
    still = np.zeros((2, 6), np.float32)
    for each in (envs, plain):
        each.reset(seed=0)
    paid = np.array([envs.step(still)[1] for _ in range(6)])
    rewards = np.array([plain.step(still)[1] for _ in range(6)])
    assert not paid[[0, 1, 2, 4]].any()
    np.testing.assert_allclose(paid[3], rewards[:4].sum(axis=0), atol=1e-12)
    np.testing.assert_allclose(paid[5], rewards[4:].sum(axis=0), atol=1e-12)


def test_a_delay_of_what_is_not_late_is_refused() -> None:
    with pytest.raises(ValueError, match="delay=20 is for reward='delayed', got reward='step'"):
        gym.make(ID, delay=20, reward="step")
    with pytest.raises(ValueError, match="delay must be >= 1 steps"):
        gym.make(ID, delay=0)
    with pytest.raises(ValueError, match="reward must be one of 'step', 'delayed', got 'late'"):
        gym.make(ID, reward="late")


def test_the_card_tells_the_formula_and_the_delay() -> None:
    whole, parts = (gym.make(ID, **options).unwrapped for options in ({}, {"delay": 20}))
    formula = "forward_velocity + 1 if healthy - control_cost"
    assert whole.card.reward.startswith(formula)  # type: ignore[attr-defined]
    assert "one sum with its last step" in whole.card.reward  # type: ignore[attr-defined]
    assert "every 20 steps" in parts.card.reward  # type: ignore[attr-defined]
