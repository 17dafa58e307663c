"""The losses of return decomposition, against numbers by hand and exact expectations."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from operant.reward_design.credit.losses import (
    decomposition_loss,
    draw_steps,
    sampling_variance,
    uniform_loss,
)


def tensor(values: object) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_rd_by_hand() -> None:
    predicted = tensor([1.0, 3.0, 5.0]).requires_grad_()
    loss = decomposition_loss(predicted, torch.tensor([0, 0, 1]), tensor([1.0, 2.0]))
    assert loss.item() == ((2 - 1) ** 2 + (5 - 2) ** 2) / 2
    loss.backward()
    # d/dr of (1/2) (mean - share)^2 is (mean - share) / T.
    assert predicted.grad.tolist() == [0.5, 0.5, 3.0]


def test_uniform_by_hand() -> None:
    predicted = tensor([1.0, 3.0, 5.0]).requires_grad_()
    loss = uniform_loss(predicted, torch.tensor([0, 0, 1]), tensor([1.0, 2.0]))
    assert loss.item() == ((0 + 4) / 2 + 9) / 2
    loss.backward()
    assert predicted.grad.tolist() == [0.0, 1.0, 3.0]


def test_sampling_variance_by_hand() -> None:
    # Two of four steps: variance 2 over K = 2, times 1 - 2/4. A whole episode adds nothing.
    found = sampling_variance(
        tensor([1.0, 3.0, 5.0]), torch.tensor([0, 0, 1]), torch.tensor([4, 1])
    )
    assert found.item() == 0.5 * (2.0 / 2) / 2


def test_gradients_are_those_of_finite_differences() -> None:
    rng = np.random.default_rng(0)
    episode, share = torch.tensor([0, 0, 0, 1, 1, 2]), tensor(rng.normal(size=3))
    lengths = torch.tensor([7, 4, 1])

    def unbiased(predicted: torch.Tensor) -> torch.Tensor:
        loss = decomposition_loss(predicted, episode, share)
        return loss - sampling_variance(predicted, episode, lengths)

    predicted = tensor(rng.normal(size=6)).requires_grad_()
    assert torch.autograd.gradcheck(unbiased, (predicted,))


@pytest.mark.parametrize("draws", [2, 3, 4])
def test_unbiased_rrd_is_rd_on_average_over_all_draws(draws: int) -> None:
    """Exactly: every subset of the steps is as likely as any other."""
    rng = np.random.default_rng(1)
    rewards, share, length = rng.normal(size=5), tensor([0.3]), torch.tensor([5])
    exact = (rewards.mean() - 0.3) ** 2
    biased, unbiased = [], []
    for chosen in itertools.combinations(rewards.tolist(), draws):
        predicted, episode = tensor(chosen), torch.zeros(draws, dtype=torch.int64)
        biased.append(decomposition_loss(predicted, episode, share).item())
        unbiased.append(biased[-1] - sampling_variance(predicted, episode, length).item())
    assert np.mean(unbiased) == pytest.approx(exact, abs=1e-12)
    extra = (1 - draws / 5) * rewards.var(ddof=1) / draws
    assert np.mean(biased) == pytest.approx(exact + extra, abs=1e-12)


def test_unbiased_rrd_is_rd_on_average_over_random_draws() -> None:
    rng = np.random.default_rng(2)
    lengths = np.array([9, 2, 6, 1])
    rewards = tensor(rng.normal(size=lengths.sum()))
    share = tensor(rng.normal(size=4))
    whole = torch.from_numpy(np.repeat(np.arange(4), lengths))
    exact = decomposition_loss(rewards, whole, share).item()
    biased, unbiased = [], []
    for _ in range(2000):
        rows, number = draw_steps(rng, np.cumsum(lengths) - lengths, lengths, 3)
        predicted, episode = rewards[rows], torch.from_numpy(number)
        biased.append(decomposition_loss(predicted, episode, share).item())
        added = sampling_variance(predicted, episode, torch.from_numpy(lengths)).item()
        unbiased.append(biased[-1] - added)
    error = np.std(unbiased) / np.sqrt(len(unbiased))
    assert abs(np.mean(unbiased) - exact) < 4 * error
    assert np.mean(biased) - exact > 10 * error


def test_one_step_of_rrd_is_uniform_on_average() -> None:
    rewards, share = tensor([1.0, -2.0, 4.0]), tensor([0.5])
    one = [decomposition_loss(r[None], torch.tensor([0]), share).item() for r in rewards]
    every = uniform_loss(rewards, torch.zeros(3, dtype=torch.int64), share).item()
    assert np.mean(one) == pytest.approx(every)


def test_draws_are_distinct_steps_of_their_episode() -> None:
    lengths = np.array([5, 2, 8])
    starts = np.cumsum(lengths) - lengths
    rows, episode = draw_steps(np.random.default_rng(0), starts, lengths, 4)
    assert np.bincount(episode).tolist() == [4, 2, 4]
    assert len(set(rows.tolist())) == len(rows)
    assert np.array_equal(np.searchsorted(np.cumsum(lengths), rows, side="right"), episode)
    rows, _ = draw_steps(np.random.default_rng(0), starts, lengths, 99)
    assert rows.tolist() == list(range(15))
