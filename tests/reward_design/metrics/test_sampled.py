from __future__ import annotations

import sys

import numpy as np
import pytest

from operant.errors import MissingExtraError
from operant.reward_design.metrics import sampled
from operant.reward_design.metrics.sampled import sampled_starc
from operant.reward_design.metrics.starc import starc_matrix
from operant.tabular import TabularMDP

GAMMA = 0.9


def played(samples: int, states: int = 30, actions: int = 3):
    """Return an MDP, rewards, and transitions from uniformly drawn states and actions."""
    rng = np.random.default_rng(0)
    next_state = rng.integers(-1, states, (states, actions))
    one, other = rng.normal(size=(2, states, actions))
    potential = np.append(10 * rng.normal(size=states), 0.0)
    shaped = one + GAMMA * potential[next_state] - potential[:-1, None]
    rewards = np.stack([one, 2 * shaped, one + 0.3 * other, other, -one])
    mdp = TabularMDP(
        next_state=next_state,
        reward=one,
        success=next_state < 0,
        obs=np.arange(states),
        features={},
        successor_features={},
    )
    state, action = rng.integers(states, size=samples), rng.integers(actions, size=samples)
    after = next_state[state, action]
    rows = (state[:, None], np.maximum(after, 0)[:, None], after < 0)
    return mdp, rewards, rewards[:, state, action], rows, rng


def test_estimates_of_a_deterministic_world_come_near_the_exact_distances() -> None:
    mdp, rewards, paid, rows, rng = played(20_000)
    found = sampled_starc(paid, *rows, gamma=GAMMA, rng=rng)
    exact = starc_matrix(mdp, list(rewards), gamma=GAMMA)
    np.testing.assert_allclose(found.matrix, exact, atol=0.03)
    assert found.matrix[0, 1] < 1e-4  # shaping cancels, however few the samples
    assert found.matrix[0, 4] == pytest.approx(2.0)
    assert found.samples == 20_000


def test_the_floor_falls_with_the_number_of_samples() -> None:
    floors = []
    for samples in (300, 3_000, 30_000):
        *_, paid, rows, rng = played(samples)
        found = sampled_starc(paid, *rows, gamma=GAMMA, rng=rng)
        assert found.matrix[0, 1] < 0.01
        floors.append(found.floor[0])
    assert floors[0] > floors[1] > floors[2] > 0
    # ten times the samples: about a third of the noise
    assert floors[2] < 0.25 * floors[0]


def walk(samples: int):
    """Steps on [0, 1] squared; the right edge pays and ends."""
    rng = np.random.default_rng(0)
    here = rng.random((samples, 2))
    ahead = np.clip(here + 0.1 * rng.normal(size=here.shape), 0, 1)
    return here, ahead, ahead[:, 0] > 0.95, rng


def test_smooth_potentials_cancel_among_infinitely_many_states() -> None:
    here, ahead, ends, rng = walk(4_000)
    reward = ends.astype(np.float64)

    def potential(x: np.ndarray) -> np.ndarray:
        return np.sin(4 * x[:, 0]) + x[:, 1]

    shaped = reward + GAMMA * np.where(ends, 0.0, potential(ahead)) - potential(here)
    other = -np.abs(ahead - 0.3).sum(axis=1)
    assert len(np.unique(here, axis=0)) > sampled.CELLS
    found = sampled_starc(
        np.stack([reward, shaped, other, -reward]), here, ahead, ends, gamma=GAMMA, rng=rng
    )
    assert found.matrix[0, 1] < 0.02
    assert found.matrix[0, 2] > 0.3
    assert found.matrix[0, 3] == pytest.approx(2.0)


def test_a_reward_of_nothing_but_shaping_is_trivial() -> None:
    *_, paid, rows, rng = played(2_000)
    shaping = paid[1] / 2 - paid[0]
    found = sampled_starc(np.stack([paid[0], shaping]), *rows, gamma=GAMMA, rng=rng)
    assert found.matrix[0, 1] == pytest.approx(1.0, abs=1e-9)


def test_the_size_of_a_reward_does_not_count_however_large_or_small() -> None:
    *_, paid, rows, rng = played(2_000)
    sized = np.stack([paid[0], 1e-200 * paid[0], -1e200 * paid[0], 0 * paid[0]])
    found = sampled_starc(sized, *rows, gamma=GAMMA, rng=rng)
    np.testing.assert_allclose(found.matrix[0], [0.0, 0.0, 2.0, 1.0], atol=1e-9)


def test_scipy_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    *_, paid, rows, rng = played(10)
    monkeypatch.setitem(sys.modules, "scipy.sparse", None)
    with pytest.raises(MissingExtraError, match="theory"):
        sampled_starc(paid, *rows, gamma=GAMMA, rng=rng)


def test_bad_arguments_are_refused() -> None:
    *_, paid, rows, rng = played(10)
    with pytest.raises(ValueError, match=r"rewards must be \(K, N\).*got \(5, 9\), \(10, 1\)"):
        sampled_starc(paid[:, 1:], *rows, gamma=GAMMA, rng=rng)
    with pytest.raises(ValueError, match=r"gamma must lie in \[0, 1\)"):
        sampled_starc(paid, *rows, gamma=1.0, rng=rng)
    with pytest.raises(ValueError, match="at least 2 transitions, got 1"):
        sampled_starc(paid[:, :1], *(row[:1] for row in rows), gamma=GAMMA, rng=rng)
