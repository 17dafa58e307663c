"""What role-conditioned advantages do to the noise of the gradient."""

from __future__ import annotations

from typing import Any

import pytest

from operant.agents.games.gradient_variance import gradient_variances
from operant.agents.games.self_play import SelfPlay, SelfPlayConfig

SMALL = SelfPlayConfig(n_steps=8, net_arch=(8,), pool_size=0, gae_lambda=1.0, deduplicate=False)


def test_one_mean_for_unequal_roles_is_noisier(lopsided_batch: Any) -> None:
    agent = SelfPlay(lopsided_batch, config=SMALL, seed=0)
    found = gradient_variances(agent, rollouts=12)
    # Outcomes are +-3 or +-4, equally often: about a mean per role they vary by 1/4, about 0 by
    # 12.5; the ratio is near 1/50.
    assert found["rae"] < 0.05 * found["global"]
    assert found["gae"] > 5 * found["rae"]  # the critic has learned nothing yet


def test_measuring_changes_nothing(lopsided_batch: Any) -> None:
    agent = SelfPlay(lopsided_batch, config=SMALL, seed=0)
    agent.learn(1000)
    before, told = agent.training_state()
    gradient_variances(agent, rollouts=3)
    after, told_after = agent.training_state()
    assert all((before[name] == after[name]).all() for name in before)
    assert told["hooks"] == told_after["hooks"]
    assert told["counters"] == told_after["counters"]


def test_measuring_before_the_first_rollout_changes_nothing(lopsided_batch: Any) -> None:
    plain, measured = (SelfPlay(lopsided_batch, config=SMALL, seed=0) for _ in range(2))
    gradient_variances(measured, rollouts=4)
    assert measured.num_steps == 0
    for agent in (plain, measured):
        agent.collect()
    assert (measured.rollout.rewards == plain.rollout.rewards).all()
    assert (measured.rollout.actions == plain.rollout.actions).all()


def test_bad_input_is_refused(lopsided_batch: Any, odd_batch: Any) -> None:
    agent = SelfPlay(lopsided_batch, config=SMALL, seed=0)
    with pytest.raises(ValueError, match="no rollout has been collected"):
        _ = agent.moves
    with pytest.raises(ValueError, match="a variance needs two estimates"):
        gradient_variances(agent, rollouts=2)
    with pytest.raises(ValueError, match="got 10 rollouts of 8 rows"):
        gradient_variances(SelfPlay(odd_batch, config=SMALL))
