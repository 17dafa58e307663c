"""MetaNav against plain recursions, over positions (known goal) and over beliefs (hidden goal)."""

from __future__ import annotations

import functools

import gymnasium as gym
import numpy as np
import pytest
from scipy.stats import chisquare

import operant  # noqa: F401 (registers the ids)
from operant.envs.literature.sweep import bayes_optimal_return

UP, LEFT, DOWN, RIGHT, STAY = range(5)
MOVES = ((0, -1), (-1, 0), (0, 1), (1, 0), (0, 0))


def moved(at, action, side):
    x, y = at[0] + MOVES[action][0], at[1] + MOVES[action][1]
    return (x, y) if 0 <= x < side and 0 <= y < side else at


def known_goal_return(side, goal, at, step, limit, round_steps):
    """Return the best return from step ``step`` of a trial on, by trying everything."""

    @functools.cache
    def value(at, step):
        if step == limit:
            return 0
        best = 0
        for action in range(5):
            to = moved(at, action, side)
            after = (0, 0) if (step + 1) % round_steps == 0 else to
            best = max(best, (to == goal) + value(after, step + 1))
        return best

    return value(at, step)


def hidden_goal_return(side, rounds, round_steps):
    """Return the Bayes-optimal return by recursion over beliefs (which cells may be the goal)."""
    cells = [(x, y) for y in range(side) for x in range(side)]
    limit = rounds * round_steps

    @functools.cache
    def value(at, step, open_cells):
        if step == limit:
            return 0.0
        best = 0.0
        for action in range(4):
            to = moved(at, action, side)
            after = (0, 0) if (step + 1) % round_steps == 0 else to
            if to in open_cells:
                hit = 1 + known_goal_return(side, to, after, step + 1, limit, round_steps)
                rest = open_cells - {to}
                worth = hit / len(open_cells)
                if rest:
                    worth += len(rest) / len(open_cells) * value(after, step + 1, rest)
            else:
                worth = value(after, step + 1, open_cells)
            best = max(best, worth)
        return best

    return value((0, 0), 0, frozenset(cells[1:]))


def dense_sum_of_returns(side, rounds, round_steps):
    """Return the best sum over goals, backwards over all (visited cells, position) pairs."""
    count = side * side
    visited = np.arange(1 << count)
    values = np.zeros((len(visited), count), np.int32)
    for step in range(rounds * round_steps - 1, -1, -1):
        left, later = round_steps - step % round_steps, rounds - 1 - step // round_steps
        if left == 1:  # the next step starts in the corner
            values = np.repeat(values[:, :1], count, axis=1)
        before = np.zeros_like(values)
        for place in range(count):
            for action in range(4):
                x, y = moved((place % side, place // side), action, side)
                to = y * side + x
                found = left + later * max(0, round_steps - x - y + 1)
                fresh = (visited >> to) & 1 == 0
                worth = values[visited | (1 << to), to] + fresh * found
                before[:, place] = np.maximum(before[:, place], worth)
        values = before
    return int(values[1, 0])


@pytest.mark.parametrize(
    ("side", "rounds", "round_steps"),
    [(2, 1, 3), (2, 4, 15), (2, 3, 1), (3, 1, 5), (3, 2, 3), (3, 2, 6), (3, 3, 4), (3, 4, 5)],
)
def test_bayes_optimum_equals_the_search_over_beliefs(side, rounds, round_steps) -> None:
    expected = hidden_goal_return(side, rounds, round_steps)
    assert bayes_optimal_return(side, rounds, round_steps) == pytest.approx(expected, abs=1e-12)


@pytest.mark.integration
@pytest.mark.parametrize(("rounds", "round_steps"), [(3, 8), (2, 15)])
def test_bayes_optimum_equals_the_dense_recursion(rounds, round_steps) -> None:
    expected = dense_sum_of_returns(4, rounds, round_steps) / 15
    assert bayes_optimal_return(4, rounds, round_steps) == pytest.approx(expected, abs=1e-12)


def test_bayes_optimum_of_the_registered_world() -> None:
    # The same dynamic programming without cut branches gives 968 over the 24 goals (in two
    # minutes, which is why it is not run here).
    assert bayes_optimal_return(5, 4, 15) == pytest.approx(968 / 24, abs=1e-12)
    description = gym.make("MetaNav-5x5-v0").unwrapped.card.description
    assert "40.33 (Bayes-optimal" in description
    assert "earns 47.33 in a trial" in description  # 4 (16 - d), over 24 goals of mean d 25 / 6


@pytest.mark.parametrize("side", [1, 6])
def test_bayes_optimum_refuses_other_sides(side) -> None:
    with pytest.raises(ValueError, match="side"):
        bayes_optimal_return(side, 4, 15)


@pytest.mark.integration
def test_oracle_equals_exhaustive_search_from_anywhere() -> None:
    env = gym.make("MetaNav-5x5-v0", size=4, rounds=3, round_steps=5).unwrapped
    rng = np.random.default_rng(0)
    for seed in range(20):
        _, info = env.reset(seed=seed)
        goal = (info["features"]["goal_x"], info["features"]["goal_y"])
        for step in range(14):
            features = info["features"]
            at = (int(features["agent_x"]), int(features["agent_y"]))
            best = known_goal_return(4, goal, at, step, 15, 5)
            assert env.oracle().optimal_return == best
            info = env.step(int(rng.integers(5)))[4]


@pytest.mark.integration
def test_oracle_knows_the_goal_of_the_level() -> None:
    env = gym.make("MetaNav-5x5-v0").unwrapped
    for seed in range(10):
        _, info = env.reset(seed=seed)
        oracle = env.oracle()
        assert oracle.optimal_return == 4 * (16 - info["features"]["steps_to_goal"])
        results = [env.step(action) for action in oracle.actions]
        assert len(results) == 60
        assert sum(r[1] for r in results) == oracle.optimal_return
        assert [r[3] for r in results] == [False] * 59 + [True]
        assert not any(r[2] for r in results)


def test_goals_are_uniform_over_the_other_cells() -> None:
    env = gym.make_vec("MetaNav-5x5-v0", num_envs=12_000)
    _, infos = env.reset(seed=0)
    cells = infos["features"]["goal_y"] * 5 + infos["features"]["goal_x"]
    counts = np.bincount(cells, minlength=25)
    assert counts[0] == 0
    assert chisquare(counts[1:]).pvalue > 1e-3


def test_rounds_reset_the_position_and_keep_the_goal() -> None:
    env = gym.make("MetaNav-5x5-v0", rounds=2, round_steps=6)
    obs, info = env.reset(seed=4)
    goal = {name: info["features"][name] for name in ("goal_x", "goal_y")}
    at, found = (0, 0), False
    rng = np.random.default_rng(1)
    for step in range(1, 13):
        action = int(rng.choice([DOWN, RIGHT, UP, LEFT, STAY], p=[0.35, 0.35, 0.1, 0.1, 0.1]))
        obs, reward, terminated, truncated, info = env.step(action)
        at = moved(at, action, 5)
        paid = at == (goal["goal_x"], goal["goal_y"])
        found |= paid
        assert reward == paid
        assert info["success"] == paid
        if step % 6 == 0:
            at = (0, 0)
        assert obs == pytest.approx(
            [at[0] / 4, at[1] / 4, float(paid), step % 6 / 6, step // 6 / 2]
        )
        features = info["features"]
        assert {name: features[name] for name in goal} == goal
        assert (features["agent_x"], features["agent_y"]) == at
        assert (features["round"], features["round_step"]) == (step // 6, step % 6)
        assert features["goal_found"] == found
        assert (terminated, truncated) == (False, step == 12)


def test_the_last_reward_is_all_that_tells_of_the_goal() -> None:
    """Two trials with different goals look the same until one of them is found."""
    env, other = gym.make("MetaNav-5x5-v0"), gym.make("MetaNav-5x5-v0")
    _, info = env.reset(seed=0)
    _, other_info = other.reset(seed=1)
    assert info["features"]["steps_to_goal"] != other_info["features"]["steps_to_goal"]
    for action in [RIGHT] * 4 + [DOWN] * 4:
        obs, other_obs = env.step(action)[0], other.step(action)[0]
        assert np.array_equal(obs[[0, 1, 3, 4]], other_obs[[0, 1, 3, 4]])


def test_bad_arguments_are_refused() -> None:
    for options in ({"size": 1}, {"rounds": 0}, {"round_steps": 1}, {"max_steps": 61}):
        with pytest.raises(ValueError, match=next(iter(options))):
            gym.make("MetaNav-5x5-v0", **options)
