"""Heads against torch.distributions."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch
from torch import distributions as d

from operant.agents.native.heads import conditioned, make_head


def judge(space, params):
    """Return the same policy as torch has it."""
    if isinstance(space, gym.spaces.Box):
        mean, log_std = params.chunk(2, 1)
        return [d.Normal(mean, log_std.exp())]
    sizes = [space.n] if isinstance(space, gym.spaces.Discrete) else space.nvec.tolist()
    return [d.Categorical(logits=part) for part in params.split([int(n) for n in sizes], 1)]


SPACES = [
    gym.spaces.Discrete(5),
    gym.spaces.MultiDiscrete([2, 4, 3]),
    gym.spaces.Box(-2, 2, (3,), np.float32),
]


@pytest.mark.parametrize("space", SPACES)
def test_log_probabilities_entropies_and_divergences(space) -> None:
    head = make_head(space)
    generator = torch.Generator().manual_seed(0)
    width = head.outputs * (2 if head.gaussian else 1)
    params, other = torch.randn(2, 100, width, generator=generator)
    actions, log_probs = head.sample(params, generator)
    mine, theirs = judge(space, params), judge(space, other)
    columns = [actions] if head.gaussian or not head.shape else list(actions.unbind(1))
    wanted = [p.log_prob(column).reshape(100, -1) for p, column in zip(mine, columns, strict=True)]
    wanted_entropy = [p.entropy().reshape(100, -1) for p in mine]
    wanted_kl = [d.kl_divergence(p, q).reshape(100, -1) for p, q in zip(mine, theirs, strict=True)]
    again, entropy = head.evaluate(params, actions)
    close = {"atol": 2e-5, "rtol": 1e-5}
    torch.testing.assert_close(log_probs, torch.cat(wanted, 1).sum(1), **close)
    torch.testing.assert_close(again, log_probs, **close)
    torch.testing.assert_close(entropy, torch.cat(wanted_entropy, 1).sum(1), **close)
    torch.testing.assert_close(head.kl(params, other), torch.cat(wanted_kl, 1).sum(1), **close)


@pytest.mark.parametrize("space", SPACES)
def test_samples_follow_the_policy_and_the_mode_is_its_peak(space) -> None:
    head = make_head(space)
    generator = torch.Generator().manual_seed(1)
    width = head.outputs * (2 if head.gaussian else 1)
    row = torch.randn(1, width, generator=generator)
    actions, _ = head.sample(row.expand(40_000, -1), generator)
    mode = head.mode(row)
    if head.gaussian:
        mean, log_std = row.chunk(2, 1)
        torch.testing.assert_close(actions.mean(0), mean[0], atol=0.04, rtol=0)
        torch.testing.assert_close(actions.std(0), log_std[0].exp(), atol=0.04, rtol=0.02)
        assert torch.equal(mode, mean)
        return
    for i, part in enumerate(judge(space, row)):
        column = actions.reshape(40_000, -1)[:, i]
        share = torch.bincount(column, minlength=part.probs.shape[1]) / 40_000
        torch.testing.assert_close(share, part.probs[0], atol=0.012, rtol=0)
        assert mode.reshape(-1)[i] == part.probs.argmax()


def test_actions_are_handed_over_as_the_space_has_them() -> None:
    discrete = gym.spaces.Discrete(3, start=-1)
    given = make_head(discrete).to_env(torch.tensor([0, 2]))
    assert given.tolist() == [-1, 1]
    assert given.dtype == discrete.dtype
    multi = gym.spaces.MultiDiscrete([2, 3], dtype=np.int32, start=[1, 5])
    given = make_head(multi).to_env(torch.tensor([[1, 2], [0, 0]]))
    assert given.tolist() == [[2, 7], [1, 5]]
    assert given.dtype == np.int32
    box = gym.spaces.Box(-1, np.array([[1, 2]]), (1, 2), np.float64)
    given = make_head(box).to_env(torch.tensor([[-3.0, 1.5]]))
    assert given.tolist() == [[[-1, 1.5]]]
    assert given.dtype == np.float64


def test_forbidden_actions_are_never_drawn() -> None:
    head = make_head(gym.spaces.MultiDiscrete([3, 2]))
    params = torch.tensor([[50.0, 0, 0, 0, 9]]).expand(2000, -1)
    mask = torch.tensor([[False, True, True, True, False]]).expand(2000, -1)
    generator = torch.Generator().manual_seed(0)
    limited = conditioned(params, None, mask)
    actions, log_probs = head.sample(limited, generator)
    assert set(actions[:, 0].tolist()) == {1, 2}
    assert set(actions[:, 1].tolist()) == {0}
    torch.testing.assert_close(log_probs, torch.full((2000,), 0.5).log())
    _, entropy = head.evaluate(limited, actions)
    torch.testing.assert_close(entropy, torch.full((2000,), 2.0).log())
    assert head.mode(limited)[0].tolist() == [1, 0]


def test_masks_that_do_not_fit_are_refused() -> None:
    head = make_head(gym.spaces.MultiDiscrete([3, 2]))
    mask = torch.ones(4, 5, dtype=torch.bool)
    head.check_mask(mask)
    mask[2, 3:] = False
    with pytest.raises(ValueError, match="allow an action in every row, row 2 has none"):
        head.check_mask(mask)
    with pytest.raises(ValueError, match=r"action_mask must have the shape \(B, 5\), got \(4, 4\)"):
        head.check_mask(mask[:, :4])
    with pytest.raises(ValueError, match="action_mask is for discrete actions"):
        make_head(gym.spaces.Box(-1, 1, (2,))).check_mask(mask)


def test_bits_are_bernoulli_and_a_mask_may_forbid_either_value() -> None:
    space = gym.spaces.MultiBinary((2, 2))
    head, generator = make_head(space), torch.Generator().manual_seed(0)
    params = torch.randn(500, 8, generator=generator)
    bits, log_probs = head.sample(params, generator)
    judge = d.Independent(d.Bernoulli(logits=params[:, 1::2] - params[:, ::2]), 1)
    torch.testing.assert_close(log_probs, judge.log_prob(bits.float()), atol=2e-5, rtol=1e-5)
    _, entropy = head.evaluate(params, bits)
    torch.testing.assert_close(entropy, judge.entropy(), atol=2e-5, rtol=1e-5)
    assert torch.equal(head.mode(params), judge.mode.long())
    given = head.to_env(bits)
    assert given.shape == (500, 2, 2)
    assert given.dtype == np.int8
    assert all(space.contains(action) for action in given)
    mask = torch.ones(500, 8, dtype=torch.bool)
    mask[:, 0] = mask[:, 7] = False  # the first bit must be 1, the last one 0
    limited, _ = head.sample(conditioned(params, None, mask), generator)
    assert limited[:, 0].all()
    assert not limited[:, 3].any()
    mask[4, 1] = False
    with pytest.raises(ValueError, match="allow an action in every row, row 4 has none"):
        head.check_mask(mask)


@pytest.mark.parametrize("space", [gym.spaces.Text(3), gym.spaces.Box(0, 5, (2,), np.int64)])
def test_other_action_spaces_are_refused(space) -> None:
    with pytest.raises(ValueError, match="MultiDiscrete, MultiBinary or a Box of floats, got"):
        make_head(space)
