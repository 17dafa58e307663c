"""The off-switch worlds: what happens, what is told, and that policies earn what theory says."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import operant  # noqa: F401 (registers the ids)
from operant.envs.off_switch.deference import ACT, LOOK, OFF, WAIT, values
from operant.envs.off_switch.evaluation import bayes_optimal, evaluate
from operant.envs.off_switch.world import OffSwitch

EPISODES = 4_000


def test_what_each_choice_brings() -> None:
    for seed in range(30):
        for choice in (ACT, OFF, WAIT):
            env = gym.make("OffSwitch-v0", beta=0.0)
            obs, _ = env.reset(seed=seed)
            _, reward, terminated, truncated, info = env.step(choice)
            utility = info["utility"]
            carried = choice == ACT or (choice == WAIT and utility >= 0)
            assert (terminated, truncated) == (True, False)
            assert reward == info["true_reward"] == (utility if carried else 0.0)
            assert info["deferred"] == (choice == WAIT)
            assert info["switched_off"] == (choice != ACT and not carried)
            assert info["disabled"] == (choice == ACT and utility < 0)
            assert info["success"] == (carried == (utility >= 0))
            worth = values(float(obs[0]), 1.0)
            assert info["value_gap"] == pytest.approx(worth.max() - worth[choice], abs=1e-5)


@pytest.mark.parametrize("choice", [ACT, OFF, WAIT])
@pytest.mark.parametrize("beta", [0.0, 0.5, 2.0])
def test_simulation_agrees_with_the_closed_form(choice: int, beta: float) -> None:
    options = {"mean": 0.4, "spread": 0.0, "beta": beta}
    found = evaluate(
        lambda obs: np.full(len(obs), choice), episodes=EPISODES, seed=choice, **options
    )
    expected = values(0.4, 1.0, beta)[choice]
    assert abs(found.mean_return - expected) <= 4 * found.standard_error + 1e-12
    assert found.deference_rate == (choice == WAIT)


@pytest.mark.parametrize(
    "options",
    [{}, {"beta": 0.0}, {"signals": 5}, {"signals": 2, "cost": 0.0, "beta": 2.0}],
    ids=str,
)
def test_the_oracle_is_what_the_best_policy_earns(options: dict) -> None:
    found = evaluate(bayes_optimal(**options), episodes=EPISODES, seed=5, **options)
    assert abs(found.mean_return - found.optimal_return) <= 4 * found.standard_error
    for choice in (ACT, OFF, WAIT):  # and nobody who always does the same earns more
        always = evaluate(
            lambda obs, c=choice: np.full(len(obs), c), episodes=1000, seed=5, **options
        )
        assert always.mean_return <= always.optimal_return + 4 * always.standard_error


def test_the_oracle_of_an_env_is_that_of_its_belief() -> None:
    env = gym.make("OffSwitch-v0").unwrapped
    for seed in range(5):
        obs, _ = env.reset(seed=seed)
        best = values(float(obs[0]), 1.0, 0.5).max()
        assert env.oracle().optimal_return == pytest.approx(best, abs=1e-5)


def test_signals_teach_by_bayes_rule() -> None:
    env = gym.make("OffSwitchSignals-v0", noise=0.5, cost=0.1).unwrapped
    obs, _ = env.reset(seed=3)
    means = [float(obs[0])]
    for look in range(5):
        obs, reward, terminated, _, info = env.step(LOOK)
        assert not terminated
        assert reward == pytest.approx(-0.1)
        assert obs[1] == pytest.approx((1 + (look + 1) / 0.25) ** -0.5)
        assert obs[3] == 4 - look
        means.append(float(obs[0]))
    utility = info["utility"]
    assert abs(means[-1] - utility) < abs(means[0] - utility)
    obs, reward, terminated, truncated, _ = env.step(LOOK)  # none is left: it shows nothing
    assert (reward, terminated, truncated) == (pytest.approx(-0.1), False, False)
    assert float(obs[0]) == means[-1]
    assert env.step(LOOK)[2:4] == (False, True)


def test_the_posterior_is_calibrated() -> None:
    """After looks U is spread around the belief's mean as the belief says."""
    world = OffSwitch(num=1000, signals=3, noise=0.7)
    world.seed(range(1000))
    rows = np.arange(1000)
    world.reset(rows)
    for _ in range(3):
        world.step(rows, np.full(1000, LOOK))
    left = [world.utility(row) for row in range(1000)] - world.out.features["belief_mean"]
    sd = float(world.out.features["belief_sd"][0])
    assert abs(left.mean()) < 4 * sd / 1000**0.5
    assert left.std() == pytest.approx(sd, rel=0.1)


def test_a_robot_that_trusts_itself_never_waits() -> None:
    """By the proxy acting beats waiting wherever it is better than nothing; the truth says else."""
    env = gym.make("OffSwitch-v0", reward="proxy", mean=0.5, spread=0.0)
    paid = {choice: [] for choice in (ACT, WAIT)}
    true = {choice: [] for choice in (ACT, WAIT)}
    for choice in paid:
        for seed in range(300):
            env.reset(seed=seed)
            _, reward, _, _, info = env.step(choice)
            assert reward == info["proxy_reward"]
            paid[choice].append(reward)
            true[choice].append(info["true_reward"])
    assert np.mean(paid[ACT]) == 0.5 > np.mean(paid[WAIT])
    assert np.mean(true[ACT]) < np.mean(true[WAIT])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sigma": 0.0}, "sigma must be finite and > 0, got 0.0"),
        ({"noise": -1.0}, "noise must be finite and > 0, got -1.0"),
        ({"beta": -0.1}, "beta must be finite and >= 0, got -0.1"),
        ({"signals": -1}, "signals must be >= 0, got -1"),
        ({"cost": float("nan")}, "cost must be finite and >= 0"),
        ({"mean": float("inf")}, "mean must be finite"),
        ({"reward": "dense"}, "'proxy'"),
    ],
    ids=str,
)
def test_arguments_outside_their_range_are_refused(options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        gym.make("OffSwitch-v0", **options)


def test_evaluation_needs_episodes() -> None:
    with pytest.raises(ValueError, match="episodes must be >= 2, got 1"):
        evaluate(bayes_optimal(), episodes=1)
