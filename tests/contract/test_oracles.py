"""Every oracle keeps what the env's card says of it; a new row is tested without an edit here."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import operant
from operant.optima import measure_optima

pytestmark = pytest.mark.filterwarnings("ignore:.*out of date:DeprecationWarning")
SEEDS = range(2)


def test_the_oracle_is_as_good_as_the_card_says(tiered_id: str) -> None:
    """Its actions are played: they succeed when promised, and pay what is promised (or allowed)."""
    env = gym.make(tiered_id, disable_env_checker=True)
    card = env.unwrapped.card
    for seed in SEEDS:
        env.reset(seed=seed)
        oracle = env.unwrapped.oracle()
        assert oracle.kind == card.oracle
        assert oracle.method
        if oracle.kind == "none":
            assert (oracle.actions, oracle.solution_length) == ((), None)
            assert np.isnan(oracle.optimal_return)  # a number would be taken for a claim
            continue
        paid, success = 0.0, False
        for action in oracle.actions:
            _, reward, terminated, truncated, info = env.step(action)
            paid, success = paid + float(reward), info["success"]
        if oracle.kind == "upper_bound":
            assert paid <= oracle.optimal_return + 1e-9
        if oracle.kind != "exact":
            continue
        if oracle.actions:
            assert paid == pytest.approx(oracle.optimal_return, abs=1e-9)
            assert terminated or truncated
            assert success == (oracle.solution_length is not None)
        else:  # chance decides what actions lead to, or there is nothing to be won
            assert oracle.solution_length is None
            assert np.isfinite(oracle.optimal_return)
        assert oracle.solution_length in (None, len(oracle.actions))
    env.close()


@pytest.mark.parametrize("env_id", ["DoorKey-8x8-v0", "OffSwitchGrid-v0", "BoatRace-v0"])
def test_the_card_can_tell_how_hard_levels_are(env_id: str) -> None:
    env = gym.make(env_id, disable_env_checker=True)
    optimum = operant.card(env_id, levels=8).optimum
    assert optimum == measure_optima(env, 8)
    returns, lengths = [], []
    for seed in range(8):
        env.reset(seed=seed)
        returns.append(env.unwrapped.oracle().optimal_return)
        lengths.append(env.unwrapped.oracle().solution_length)
    solved = sorted(length for length in lengths if length is not None)
    assert optimum.kind == "exact"
    assert (optimum.levels, optimum.solved) == (8, len(solved))
    assert optimum.optimal_return == pytest.approx(np.mean(returns))
    if solved:
        least, median, most = optimum.solution_lengths
        assert (least, most) == (solved[0], solved[-1])
        assert median in solved[(len(solved) - 1) // 2 : len(solved) // 2 + 1]
    else:
        assert optimum.solution_lengths is None


def test_what_the_oracle_says_reads_well() -> None:
    assert operant.card("Empty-5x5-v0").optimum is None
    assert str(operant.card("Empty-5x5-v0", levels=3).optimum) == (
        "1 on average over 3 levels; shortest solution 5 to 5 steps, median 5"
    )
    text = str(operant.card("OffSwitchGrid-v0", levels=8).optimum)
    assert text.endswith("levels)")
    assert str(operant.card("Coverage-10x10-v0", levels=2).optimum).startswith("at most ")
    assert operant.card("Dynamic-Obstacles-5x5-v0", levels=2).optimum is None


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="levels must be >= 0, got -1"):
        operant.card("Empty-5x5-v0", levels=-1)
    with pytest.raises(ValueError, match="levels must be >= 1, got 0"):
        measure_optima(gym.make("Empty-5x5-v0"), 0)
    with pytest.raises(TypeError, match="has no oracle"):
        measure_optima(gym.make("CartPole-v1"), 1)
