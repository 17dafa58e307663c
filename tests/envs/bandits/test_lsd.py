"""The worlds of LSD bandits: what a step does, what is shown, and how episodes are judged."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import operant
from operant.envs.bandits.lsd import SUCCESS, LSDWorld, make, make_vector
from operant.envs.bandits.lsd_rows import ROWS
from operant.lsd import LSDRules, best_total, product_graph, relaxed_total
from operant.testing import check_env, check_vector_env

IDS = [row.id for row in ROWS]
MEANS = [[0.1, 0.2, 0.6, 0.7, 0.8], [0.0, 0.3, 0.4, 0.5, 1.0]]


def small(**options: object) -> gym.Env:
    return make(
        **{"K": 2, "D": 3, "S": 2, "means": MEANS, "noise": "none", "horizon": 6, **options}
    )


def test_a_play_pays_for_the_counter_before_it() -> None:
    env = small()
    _, info = env.reset(seed=0)
    assert info["features"]["tau"].tolist() == [3, 3]
    expected = [
        # action, payoff, counter that it was paid for, counters after it
        (0, 0.8, 3, [-1, 3]),
        (0, 0.2, -1, [-2, 3]),
        (0, 0.1, -2, [-2, 3]),
        (1, 1.0, 3, [1, -1]),
        (2, 0.0, 0, [2, 1]),
        (0, 0.7, 2, [-1, 2]),
    ]
    best = env.unwrapped.best_total / 6
    for at, (action, paid, counter, after) in enumerate(expected, 1):
        obs, reward, terminated, truncated, info = env.step(action)
        assert (reward, info["mean"], info["true_reward"]) == (paid, paid, paid)
        assert info["regret_inc"] == pytest.approx(best - paid)
        assert info["tau"] == info["features"]["played_tau"] == counter
        assert info["features"]["tau"].tolist() == after
        shown = [tau / 3 if tau > 0 else tau / 2 for tau in after]
        np.testing.assert_array_equal(obs, np.float32(shown))
        assert (terminated, truncated) == (False, at == 6)


def test_features_count_what_they_say() -> None:
    env = small(horizon=5)
    told = [env.reset(seed=0)[1]["features"]] + [
        env.step(a)[4]["features"] for a in (0, 0, 2, 2, 1)
    ]
    names = ("round", "last_action", "streak", "switched", "rested", "best_mean")
    assert [[each[name] for name in names] for each in told] == [
        [0, -1, 0, False, 2, 1.0],
        [1, 0, 1, False, 1, 1.0],
        [2, 0, 2, False, 1, 1.0],
        [3, 2, 0, True, 1, 1.0],
        [4, 2, 0, False, 1, 1.0],
        [5, 1, 1, True, 1, 0.8],
    ]


def test_gradual_recovery_and_starts() -> None:
    env = small(recovery="gradual", init="one")
    assert env.reset(seed=0)[1]["features"]["tau"].tolist() == [1, 1]
    counters = [env.step(a)[4]["features"]["tau"][0] for a in (0, 0, 1, 1, 1)]
    assert counters == [-1, -2, -1, 1, 2]
    env = small(init="random", D=3)
    starts = {tuple(env.reset(seed=seed)[1]["features"]["tau"].tolist()) for seed in range(60)}
    assert starts == {(a, b) for a in (1, 2, 3) for b in (1, 2, 3)}


def test_positive_only_bandits_have_no_runs() -> None:
    env = small(positive_only=True, means=[[0.5, 0.6, 0.7], [0.1, 0.2, 0.3]], init="one")
    env.reset(seed=0)
    assert [env.step(0)[1] for _ in range(3)] == [0.5, 0.5, 0.5]
    assert env.step(1)[1] == 0.3
    assert env.step(0)[1] == 0.6


def test_observation_modes() -> None:
    env = small(observe="mean")
    obs, _ = env.reset(seed=0)
    np.testing.assert_array_equal(obs, np.float32([1, 1, *MEANS[0], *MEANS[1]]))
    obs = env.step(1)[0]
    np.testing.assert_array_equal(obs, np.float32([1, -0.5, *MEANS[0], *MEANS[1]]))
    env = small(observe="blind")
    obs, _ = env.reset(seed=0)
    np.testing.assert_array_equal(obs, np.zeros(5, np.float32))
    np.testing.assert_array_equal(env.step(1)[0], np.float32([0, 1, 0, 1.0, 1 / 6]))
    np.testing.assert_array_equal(env.step(2)[0], np.float32([0, 0, 1, 0.0, 2 / 6]))
    hidden = {feature.name for feature in env.unwrapped.card.features if feature.privileged}
    assert hidden == {"tau", "rested", "best_mean", "streak", "played_tau", "switched"}


def test_noise_has_the_right_mean_and_spread() -> None:
    def rewards(**options: object) -> np.ndarray:
        envs = make_vector(num_envs=400, K=1, D=1, S=1, means=[[0.3, 0.3]], horizon=200, **options)
        envs.reset(seed=5)
        return np.array([envs.step(np.zeros(400, int))[1] for _ in range(100)])

    drawn = rewards(noise="bernoulli")
    assert set(np.unique(drawn)) == {0.0, 1.0}
    assert drawn.mean() == pytest.approx(0.3, abs=4 * np.sqrt(0.21 / drawn.size))
    drawn = rewards(noise="gaussian", sigma=0.5)
    assert drawn.mean() == pytest.approx(0.3, abs=4 * 0.5 / np.sqrt(drawn.size))
    assert drawn.std() == pytest.approx(0.5, rel=0.02)
    assert abs(np.corrcoef(drawn[:-1].ravel(), drawn[1:].ravel())[0, 1]) < 0.02
    assert (rewards(noise="none") == 0.3).all()


def test_letting_a_round_pass_pays_nothing_whatever_the_noise() -> None:
    for noise in ("none", "bernoulli", "gaussian"):
        env = small(noise=noise)
        env.reset(seed=0)
        assert env.step(2)[1] == 0.0
    assert small(allow_none=False).action_space == gym.spaces.Discrete(2)


def test_the_best_schedule_has_no_regret_and_succeeds() -> None:
    for options in ({}, {"init": "one"}, {"recovery": "gradual"}, {"allow_none": False}):
        env = small(horizon=12, **options)
        env.reset(seed=0)
        oracle = env.unwrapped.oracle()
        assert oracle.kind == "exact"
        assert oracle.solution_length == 12
        steps = [env.step(action)[4] for action in oracle.actions]
        assert sum(info["mean"] for info in steps) == pytest.approx(oracle.optimal_return)
        assert sum(info["regret_inc"] for info in steps) == pytest.approx(0.0, abs=1e-9)
        assert [info["success"] for info in steps] == [False] * 11 + [True]


def test_success_begins_at_the_share_of_the_card() -> None:
    # Arm 1 alone pays; every rest costs 1 / 20 of the best total.
    means = [[0.0, 0.0], [1.0, 1.0]]
    for rests, expected in ((0, True), (1, True), (2, False)):
        env = make(K=2, D=1, S=1, means=means, noise="none", horizon=20)
        env.reset(seed=0)
        for at in range(20):
            info = env.step(2 if at < rests else 1)[4]
        assert env.unwrapped.best_total == 20
        assert SUCCESS == 0.95
        assert info["success"] is expected


def test_the_oracle_counts_what_is_left() -> None:
    env = small(horizon=8)
    env.reset(seed=0)
    rules, graph = LSDRules(K=2, D=3, S=2), product_graph(LSDRules(K=2, D=3, S=2))
    instance = env.unwrapped.instance
    for left, action in ((8, 0), (7, 0), (6, 1), (5, 2)):
        totals, _ = best_total(graph, instance.rewards(graph.levels), left)
        state = graph.find(rules.levels(env.unwrapped.world.out.features["tau"]))[0]
        assert env.unwrapped.oracle().optimal_return == pytest.approx(totals[state], abs=1e-12)
        env.step(action)


def test_many_arms_are_judged_by_a_bound() -> None:
    env = make(K=60, D=12, S=4, horizon=40, noise="none")
    env.reset(seed=0)
    oracle = env.unwrapped.oracle()
    instance = env.unwrapped.instance
    assert oracle.kind == env.unwrapped.card.oracle == "upper_bound"
    assert oracle.optimal_return == relaxed_total(instance, instance.rules.start()[0], 40)
    assert "an upper bound" in env.unwrapped.card.success
    paid = 0.0
    for _ in range(40):
        tau = instance.rules.levels(env.unwrapped.world.out.features["tau"])
        paid += env.step(int(instance.rewards(tau).argmax()))[1]
    assert paid <= oracle.optimal_return


def test_long_horizons_of_many_states_are_judged_by_a_bound() -> None:
    env = make(K=8, horizon=50_000)
    assert env.unwrapped.card.oracle == "upper_bound"
    short = make(K=8, horizon=200).unwrapped.best_total / 200
    assert make(K=4, horizon=20_000).unwrapped.card.oracle == "exact"
    instance = env.unwrapped.instance
    bound = relaxed_total(instance, instance.rules.start()[0], 200) / 200
    assert short <= bound < 1.1 * short


def test_episodes_that_are_cut_draw_the_same_noise() -> None:
    """A vector env cuts itself, a scalar one is cut by Gymnasium; later episodes must agree."""
    scalar = gym.wrappers.TimeLimit(make(K=2), max_episode_steps=7)
    envs = make_vector(num_envs=1, K=2, max_episode_steps=7)
    for episode in range(3):
        seed = 3 if episode == 0 else None
        scalar.reset(seed=seed)
        envs.reset(seed=seed)
        for at in range(7):
            mine, theirs = scalar.step(at % 2), envs.step(np.array([at % 2]))
            assert mine[1] == theirs[1][0]
            assert (mine[3], at == 6) == (theirs[3][0], theirs[3][0])


def test_instances_differ_by_their_seed_alone() -> None:
    tables = [make(instance_seed=seed).unwrapped.instance.payoffs for seed in (0, 0, 1)]
    assert tables[0] is tables[1]
    assert (tables[0] != tables[2]).any()
    row = make_vector(num_envs=3, observe="mean").reset(seed=9)[0]
    np.testing.assert_array_equal(row[0], row[2])


def test_pictures_and_words() -> None:
    env = make(K=3, render_mode="rgb_array")
    env.reset(seed=0)
    before = env.render()
    env.step(1)
    assert before.shape == env.render().shape
    assert before.dtype == np.uint8
    assert (before != env.render()).any()
    env = make(K=2, render_mode="ansi", noise="none", means=MEANS, D=3, S=2)
    env.reset(seed=0)
    env.step(0)
    assert env.render() == "round 1: tau -1 +3; last arm 0; expected total 0.800"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"noise": "poisson"}, "noise must be one of none, bernoulli, gaussian, got 'poisson'"),
        ({"observe": "all"}, "observe must be one of"),
        ({"init": "tired"}, "init must be one of"),
        ({"sigma": 0.0}, "sigma must be a deviation above 0"),
        ({"S": 0}, "S must be >= 1, got 0; positive_only=True"),
        ({"K": 0}, "K must be an integer"),
        ({"payoff": "flat"}, "payoff must be one of"),
        ({"recovery": "slow"}, "recovery must be one of"),
        ({"horizon": 0}, "horizon must be an integer >= 1, got 0"),
        ({"horizon": 2.5}, "horizon must be an integer >= 1, got 2.5"),
        ({"max_steps": 0}, "max_steps must be >= 1"),
        ({"means": [[0.5] * 7] * 3}, r"payoffs must be \(4, 7\)"),
        ({"means": [[0.5], [0.5, 0.6]]}, "rows of equal length"),
        ({"means": [[1.5] * 7] * 4}, r"means must lie in \[0, 1\], got 1.5"),
        ({"payoff": "trick_csbog"}, r"D >= 3 \* pos = 9"),
    ],
)
def test_bad_options_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LSDWorld(**options)


def test_ids_are_as_named() -> None:
    assert len(IDS) == 11
    for row in ROWS:
        env = gym.make(row.id)
        assert row.kwargs["K"] == env.unwrapped.instance.rules.K
        card = operant.card(row.id)
        assert (card.metric, card.oracle) == ("regret", "exact")
        assert env.spec.max_episode_steps is None


def test_the_tricks_can_be_won() -> None:
    """By hand: .95 every 4th round and .05 else, from rest times of 1."""
    og = gym.make("LSDTrickOG-v0").unwrapped
    assert og.best_total == pytest.approx(200 / 4 * (0.95 + 3 * 0.05))


@pytest.mark.parametrize("env_id", ["LSDBandit-K2-v0", "LSDTrickOG-v0"])
def test_checkers_accept_it(env_id: str) -> None:
    check_env(env_id, steps=150, subprocess=False)


@pytest.mark.integration
@pytest.mark.parametrize("env_id", IDS)
def test_checkers_accept_all_of_them(env_id: str) -> None:
    check_env(env_id, steps=220, subprocess=env_id == IDS[0])
    check_vector_env(env_id, num_envs=3, steps=220)


@pytest.mark.integration
@pytest.mark.parametrize(
    "options",
    [
        {"observe": "blind", "noise": "gaussian", "init": "random"},
        {"observe": "mean", "recovery": "gradual", "allow_none": False},
    ],
)
def test_options_keep_rows_and_scalars_equal(options: dict) -> None:
    def scalar() -> gym.Env:
        return make(K=3, horizon=15, **options)

    def vector(num_envs: int, autoreset_mode: str = "NextStep") -> gym.vector.VectorEnv:
        return make_vector(
            num_envs=num_envs, autoreset_mode=autoreset_mode, K=3, horizon=15, **options
        )

    check_vector_env(vector, scalar=scalar, num_envs=3, steps=100)
