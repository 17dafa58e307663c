"""Advantages against sums over single episodes, in every autoreset mode."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode

from operant.agents.native.config import PPOConfig
from operant.agents.native.gae import advantages
from operant.agents.native.ppo import PPOAgent

LENGTHS, STEPS, GAMMA, DECAY = [3, 5, 11, 40], 25, 0.9, 0.8
MODES = [AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP, AutoresetMode.DISABLED]


def value(clock: float) -> float:
    """Return what the critic below says."""
    return 0.5 * clock + 1


def agent_on(env, **hyper) -> PPOAgent:
    """Build an agent whose critic is linear in the clock."""
    config = PPOConfig(
        n_steps=STEPS, gamma=GAMMA, gae_lambda=DECAY, net_arch=(), batch_size=16, **hyper
    )
    agent = PPOAgent(env, config=config)
    with torch.no_grad():
        agent.policy.model.value_net.weight[:] = 0.5
        agent.policy.model.value_net.bias[:] = 1
    return agent


def expected(clock: int, length: int, remaining: int, truncates: bool, decay: float) -> float:
    """Return the advantage at a clock, by the defining sum over the rest of the episode."""
    total = 0.0
    for k in range(min(length - clock, remaining)):
        now = clock + k
        last = now + 1 == length
        after = 0.0 if last and not truncates else value(now + 1)
        total += (GAMMA * decay) ** k * (now + 1 + GAMMA * after - value(now))
    return total


@pytest.mark.parametrize("decay", [0.0, DECAY, 1.0])
@pytest.mark.parametrize("truncates", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_advantages_are_the_sums_of_single_episodes(mode, truncates, decay, make_clocks) -> None:
    agent = agent_on(make_clocks(mode, LENGTHS, truncates=truncates))
    object.__setattr__(agent.config, "gae_lambda", decay)
    counts = []
    for _ in range(3):  # episodes run on from one rollout into the next
        rollout = agent.collect()
        clock = rollout.obs[""][:, :, 0]
        counts.append(rollout.valid.sum(0).tolist())
        for row, length in enumerate(LENGTHS):
            remaining = 0
            for t in range(STEPS - 1, -1, -1):
                if not rollout.valid[t, row]:
                    assert rollout.advantages[t, row] == 0
                    assert mode is AutoresetMode.NEXT_STEP
                    assert clock[t, row] == length  # where the last observation was shown
                    remaining = 0
                    continue
                now = int(clock[t, row])
                assert rollout.rewards[t, row, 0] == now + 1
                remaining = 1 if now + 1 == length else remaining + 1
                wanted = expected(now, length, remaining, truncates, decay)
                assert rollout.advantages[t, row, 0] == pytest.approx(wanted, rel=1e-5)
                assert rollout.returns[t, row, 0] == pytest.approx(wanted + value(now), rel=1e-5)
    pseudo = mode is AutoresetMode.NEXT_STEP
    assert np.sum(counts, 0).tolist() == [
        75 - (75 // (length + 1) if pseudo else 0) for length in LENGTHS
    ]
    assert agent.num_steps == np.sum(counts)


def test_pseudo_steps_are_neither_trained_on_nor_counted(make_clocks) -> None:
    agent = agent_on(make_clocks(AutoresetMode.NEXT_STEP, LENGTHS, truncates=True))
    rollout = agent.collect()
    positions = rollout.positions()
    assert len(positions) == agent.num_steps < STEPS * len(LENGTHS)
    clock = rollout.obs[""][:-1].flatten(0, 1)[positions, 0].reshape(-1)
    limits = torch.tensor(LENGTHS).repeat(STEPS)[positions]
    assert (clock < limits).all()
    agent.learn(200)
    lengths = agent.metrics()["rollout/ep_len_mean"]
    assert min(LENGTHS) <= lengths <= 11  # the pseudo-step is not part of the episode


@pytest.mark.parametrize("mode", MODES)
def test_returns_of_a_stream_that_is_not_episodic_run_on(mode, make_clocks) -> None:
    streams = {"reward": {"gamma": 0.5, "episodic": False}}
    agent = agent_on(make_clocks(mode, [3], truncates=False), reward_streams=streams)
    object.__setattr__(agent.config, "gae_lambda", 1.0)
    rollout = agent.collect()
    rewards = rollout.rewards[:, 0, 0][rollout.valid[:, 0]]
    assert rewards[:7].tolist() == [1, 2, 3, 1, 2, 3, 1]
    wanted = sum(0.5**k * float(reward) for k, reward in enumerate(rewards))
    # The value after the last step weighs 0.5 ** 19 or less.
    assert rollout.returns[0, 0, 0] == pytest.approx(wanted, abs=1e-4)


def test_each_stream_has_its_own_discount() -> None:
    rewards = torch.tensor([[1.0, 1.0]]).repeat(3, 1).unsqueeze(1)
    zero = torch.zeros(3, 1, 2)
    found = advantages(
        rewards,
        zero,
        torch.tensor([[8.0, 8.0]]),
        zero,
        torch.zeros(3, 1, dtype=torch.bool),
        torch.ones(3, 1, dtype=torch.bool),
        gamma=torch.tensor([0.5, 0.0]),
        episodic=torch.tensor([True, True]),
        gae_lambda=1.0,
    )
    assert found[0, 0].tolist() == [1 + 0.5 + 0.25 + 1, 1]
