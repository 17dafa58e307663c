"""The gradient of the primary return, held against the exact one of a small MDP."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from gymnasium import spaces

from operant.agents.barfi.config import BARFIConfig
from operant.agents.barfi.learner import Learner
from operant.agents.barfi.policy import SoftmaxPolicy
from operant.agents.barfi.rollout import Batch
from operant.finite import FiniteMDP, policy_evaluation

GAMMA, STEPS, STATES = 0.6, 3, 5
AHEAD = np.array([[1, 2], [3, 4], [4, 3], [-1, -1], [-1, -1]])
"""Three steps: from state 0 to 1 or 2, from there to 3 or 4, and then it is over."""
QUARTERS = np.array([1, 2, 3, 3, 1])
"""How often, in four times, the policy takes action 1 in each state."""


@pytest.fixture
def reward() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(STATES, 2))


def every_episode(reward: np.ndarray) -> Batch:
    """Return 4 ** 3 episodes in exactly the proportions of the policy, one per row."""
    draws = np.array(list(itertools.product(range(4), repeat=STEPS))).T
    here, columns = np.zeros(4**STEPS, np.int64), []
    for t in range(STEPS):
        action = (draws[t] < QUARTERS[here]).astype(np.int64)
        after = AHEAD[here, action]
        columns.append((here, after, action, reward[here, action], np.full(len(here), float(t))))
        here = after
    state, after, action, paid, step = map(np.stack, zip(*columns, strict=True))
    over = torch.from_numpy(after < 0)
    one_hot = torch.eye(STATES, dtype=torch.float64)
    actions, primary, at = map(torch.from_numpy, (action, paid, step))
    auxiliary = torch.full_like(primary, 7.0)
    return Batch(one_hot[state], one_hot[after], actions, primary, auxiliary, over, over, at)


def learner_of(logits: np.ndarray) -> Learner:
    """Return a learner with a table for a policy, and a critic that knows nothing."""
    policy = SoftmaxPolicy(spaces.Discrete(STATES), spaces.Discrete(2), [], seed=0)
    learner = Learner(policy, BARFIConfig(net_arch=(), gamma=GAMMA))
    with torch.no_grad():
        policy.network[0].weight[:] = torch.from_numpy(logits.T)
        learner.critic[0].weight[:] = torch.from_numpy(np.random.default_rng(1).normal(size=(2, 5)))
    return learner


def exact_gradient(reward: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Differentiate the exact discounted return from state 0 by the logits, (2, S)."""
    follow = np.zeros((STATES, 2, STATES))
    state, action = np.nonzero(AHEAD >= 0)
    follow[state, action, AHEAD[state, action]] = 1.0
    mdp = FiniteMDP(transition=follow, reward=reward, start=np.eye(STATES)[0])

    def worth(table: np.ndarray) -> float:
        policy = np.exp(table) / np.exp(table).sum(axis=1, keepdims=True)
        return float(policy_evaluation(mdp, policy, gamma=GAMMA)[0])

    found, small = np.zeros((2, STATES)), 1e-5
    for s, a in np.ndindex(STATES, 2):
        step = np.zeros((STATES, 2))
        step[s, a] = small
        found[a, s] = (worth(logits + step) - worth(logits - step)) / (2 * small)
    return found


def test_primary_gradient_is_that_of_the_discounted_return(reward: np.ndarray) -> None:
    logits = np.log(np.stack([4 - QUARTERS, QUARTERS], axis=1) / 4)
    found = learner_of(logits)._primary_gradient(every_episode(reward)).numpy()
    exact = exact_gradient(reward, logits)
    # it is a mean over steps, not over episodes; behind the weights there are two biases
    assert found[: 2 * STATES].reshape(2, STATES) * STEPS == pytest.approx(exact, abs=1e-9)
    assert found[2 * STATES :] * STEPS == pytest.approx(exact.sum(axis=1), abs=1e-9)
    assert np.abs(exact[:, 3:]).max() > 0.01  # late steps count, where the discount is felt most
