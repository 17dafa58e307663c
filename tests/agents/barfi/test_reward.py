"""Returns and policy gradients, held against loops and against exact expectations."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from operant.agents.barfi.policy import network
from operant.agents.barfi.reward import LearnedReward, policy_gradient, returns
from operant.agents.barfi.rollout import Batch

HALF_QUARTERS = torch.tensor([[0, 0, 1, 2]])
"""Actions in exactly the proportions of a policy of (1/2, 1/4, 1/4)."""


def preferences() -> torch.Tensor:
    return torch.tensor([0.5, 0.25, 0.25], dtype=torch.float64).log().requires_grad_()


def log_probs(theta: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
    return torch.log_softmax(theta, -1)[actions]


def by_loop(rewards, gamma, ended, ahead) -> np.ndarray:
    found = np.zeros_like(rewards)
    steps, rows = rewards.shape
    for start in range(steps):
        for n in range(rows):
            discount, t = 1.0, start
            while True:
                found[start, n] += discount * rewards[t, n]
                discount *= gamma
                if ended[t, n]:
                    found[start, n] += discount * ahead[t, n]
                    break
                t += 1
    return found


def test_returns_stop_where_a_row_ended() -> None:
    rng = np.random.default_rng(0)
    rewards, ahead = rng.normal(size=(2, 9, 4))
    ended = rng.random((9, 4)) < 0.3
    ended[-1] = True
    found = returns(*map(torch.from_numpy, (rewards,)), 0.8, *map(torch.from_numpy, (ended, ahead)))
    assert np.allclose(found.numpy(), by_loop(rewards, 0.8, ended, ahead), atol=1e-14)


def test_returns_know_how_they_depend_on_the_discount() -> None:
    rewards = torch.tensor([[1.0], [2.0], [4.0]], dtype=torch.float64)
    ended = torch.tensor([[False], [False], [True]])
    ahead = torch.full((3, 1), 8.0, dtype=torch.float64)
    gamma = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    first = returns(rewards, gamma, ended, ahead)[0, 0]
    assert float(first.detach()) == 1 + 1 + 1 + 1
    (slope,) = torch.autograd.grad(first, gamma)
    assert float(slope) == pytest.approx(2 + 2 * 0.5 * 4 + 3 * 0.25 * 8)


def batch(primary: torch.Tensor, auxiliary: torch.Tensor) -> Batch:
    """Return steps in two states with the second of two actions."""
    rows = torch.eye(2, dtype=torch.float64).expand(len(primary), 2, 2)
    none = torch.zeros(primary.shape, dtype=torch.bool)
    actions = torch.ones(primary.shape, dtype=torch.int64)
    return Batch(rows, rows, actions, primary, auxiliary, none, none, 0.0 * primary)


def test_learned_reward_starts_as_the_sum_of_both() -> None:
    steps = batch(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.25, -3.0]]))
    head = network((4, 3), torch.Generator())
    for reward in (LearnedReward(0.9, actions=2), LearnedReward(0.9, actions=2, head=head)):
        assert reward(steps).tolist() == [[1.25, -3.0]]
        assert float(reward.gamma.detach()) == pytest.approx(0.9, abs=1e-12)


def test_head_adds_to_the_weights_by_state_and_action() -> None:
    head = torch.nn.Linear(4, 3, bias=False).double()
    table = torch.tensor([[1.0, 2, 3], [4, 5, 6], [70, 80, 90], [0.1, 0.2, 0.3]]).double()
    head.weight.data = table.T.contiguous()
    reward = LearnedReward(0.9, actions=2, head=head)
    steps = batch(torch.ones(1, 2), torch.ones(1, 2))
    weights = reward.weights(steps.rows, steps.actions)
    assert torch.allclose(weights[0], reward.phi + table[:2] + table[3])
    assert torch.allclose(reward(steps)[0], weights[0].sum(-1))


@pytest.mark.parametrize(("gamma", "start"), [(0.0, 0.01), (1.0, 0.99), (0.5, 0.5)])
def test_learned_discount_starts_where_it_can_move(gamma: float, start: float) -> None:
    reward = LearnedReward(gamma, actions=2)
    assert float(reward.gamma.detach()) == pytest.approx(start, abs=1e-12)


def test_policy_gradient_is_the_mean_of_scores_times_advantages() -> None:
    theta = preferences()
    gain = torch.tensor([[1.0, 1.0, -2.0, 3.0]], dtype=torch.float64)
    logs = log_probs(theta, HALF_QUARTERS)
    found = policy_gradient(logs, gain, [theta], create_graph=False)
    policy = np.array([0.5, 0.25, 0.25])
    scores = np.eye(3)[HALF_QUARTERS[0]] - policy
    assert np.allclose(found.numpy(), (gain.numpy()[0] @ scores) / 4, atol=1e-15)


def test_a_part_of_the_reward_that_depends_on_the_state_alone_has_no_expected_gradient() -> None:
    """Spec 3 (c): in episodes of one step, phi1(s) changes nothing for the inner learner."""
    theta = preferences()
    logs = log_probs(theta, HALF_QUARTERS.expand(2, -1))  # two states, the same policy in both
    of_state = torch.tensor([[0.7], [-1.3]], dtype=torch.float64, requires_grad=True)
    of_action = torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64, requires_grad=True)
    paid = of_state + of_action[HALF_QUARTERS]
    field = policy_gradient(logs, paid, [theta], create_graph=True)
    for direction in torch.eye(3, dtype=torch.float64):
        by_state, by_action = torch.autograd.grad(
            field, [of_state, of_action], direction, retain_graph=True
        )
        assert by_state.abs().max() < 1e-15
        assert by_action.abs().max() > 0.05


@pytest.mark.parametrize("origin", [0.0, 5.0, -5.0])
def test_with_the_right_baseline_fixed_data_give_the_jacobian_of_the_field(origin: float) -> None:
    """Where the field vanishes it is -temperature times the Fisher matrix, whatever r's origin."""
    theta, temperature = preferences(), 0.3
    policy = torch.softmax(theta.detach(), 0)
    fisher = torch.diag(policy) - torch.outer(policy, policy)
    reward = origin + temperature * policy.log()  # so that the policy is the soft optimum
    for baseline in (origin, 0.0):
        logs = log_probs(theta, HALF_QUARTERS)
        advantages = reward[HALF_QUARTERS] - temperature * logs - baseline
        field = policy_gradient(logs, advantages, [theta], create_graph=True)
        assert field.abs().max() < 1e-15
        rows = [
            torch.autograd.grad(field, theta, row, retain_graph=True)[0]
            for row in torch.eye(3, dtype=torch.float64)
        ]
        wanted = -(temperature + origin - baseline) * fisher  # without it, of the wrong sign at -5
        assert torch.allclose(torch.stack(rows), wanted, atol=1e-14)
