"""Credit in games of two, against sums made by hand; and the baselines of the roles."""

from __future__ import annotations

import numpy as np
import pytest

from operant.agents.games.credit import Moves, RoleBaseline, role_returns, turn_advantages


def moves(roles: str, ends: str, pays: dict[int, tuple[float, float]], **kwargs: object) -> Moves:
    """Return one row of moves: who moves, where games end (x), what is paid at which step."""
    steps = len(roles)
    rewards = np.zeros((steps, 1, 2))
    for step, pay in pays.items():
        rewards[step, 0] = pay
    told = {
        "learner": np.ones((steps, 1), np.bool_),
        "before": np.zeros((1, 2)),
        "age": np.zeros(1, np.int64),
        **kwargs,
    }
    return Moves(
        role=np.array([[int(role)] for role in roles]),
        rewards=rewards,
        ended=np.array([[end == "x"] for end in ends]),
        **told,  # type: ignore[arg-type]
    )


GAME = moves("01001", "--xx-", {1: (0.0, 0.5), 2: (-2.0, 2.0), 3: (1.0, -1.0)})


def test_outcomes_are_what_whole_games_paid() -> None:
    found = GAME.outcomes()[:, 0]
    assert found[:4].tolist() == [[-2, 2.5], [-2, 2.5], [-2, 2.5], [1, -1]]
    assert np.isnan(found[4]).all()


def test_what_was_paid_before_the_rollout_counts() -> None:
    late = moves("10", "-x", {1: (1.0, -1.0)}, before=np.array([[3.0, 0.0]]), age=np.array([2]))
    assert late.outcomes()[:, 0].tolist() == [[4, -1], [4, -1]]
    assert late.lengths().tolist() == [4]


def test_moves_count_where_the_longest_game_would_have_ended() -> None:
    assert GAME.lengths().tolist() == [3, 1]
    # The game at step 3 ended after one move, but one of three would have been cut.
    assert GAME.settled(3)[:, 0].tolist() == [True, True, True, False, False]
    assert GAME.settled(1)[:, 0].tolist() == [True, True, True, True, False]
    assert GAME.settled(6)[:, 0].tolist() == [False] * 5


def test_settled_moves_are_no_biased_sample_of_outcomes() -> None:
    """Games end after 1 move (paying 0) or 3 (paying 1), equally often: the mean is 1/2."""
    rng = np.random.default_rng(0)
    steps, rows = 8, 4000
    ended = np.zeros((steps, rows), np.bool_)
    rewards, first = np.zeros((steps, rows, 2)), np.zeros((steps, rows), np.bool_)
    long, place = rng.random(rows) < 0.5, np.zeros(rows, int)
    for t in range(steps):
        first[t] = place == 0
        ended[t] = place == np.where(long, 2, 0)
        rewards[t, :, 0] = ended[t] & long
        place = np.where(ended[t], 0, place + 1)
        long = np.where(ended[t], rng.random(rows) < 0.5, long)
    played = Moves(
        np.zeros((steps, rows), int),
        first,
        rewards,
        ended,
        np.zeros((rows, 2)),
        np.zeros(rows, int),
    )
    outcomes = played.outcomes()[..., 0]
    kept = played.settled(3) & first
    assert outcomes[kept].mean() == pytest.approx(0.5, abs=0.02)
    assert outcomes[first & np.isfinite(outcomes)].mean() < 0.45  # all that ended: short ones


def test_each_player_looks_at_its_own_moves() -> None:
    values, gamma, lam = np.array([[0.1], [0.2], [0.3], [0.4], [0.0]]), 0.9, 0.8
    found = turn_advantages(GAME, values, gamma=gamma, gae_lambda=lam)[:, 0]
    last = -2.0 - 0.3  # player 0 at step 2
    first = 0.0 + gamma * 0.3 - 0.1 + gamma * lam * last
    second = 0.5 + 2.0 - 0.2  # player 1 at step 1: what follows is paid to its move
    assert found[:4] == pytest.approx([first, second, last, 1.0 - 0.4])


def test_without_values_and_discount_it_is_the_rest_of_the_game() -> None:
    found = turn_advantages(GAME, np.zeros((5, 1)), gamma=1.0, gae_lambda=1.0)[:4, 0]
    assert found.tolist() == [-2.0, 2.5, -2.0, 1.0]


def test_the_same_advantage_on_every_move_of_a_role() -> None:
    baseline = RoleBaseline(2)
    baseline.values[:] = 0.25, -0.5
    assert baseline.advantages(GAME)[:4, 0].tolist() == [-2.25, 3.0, -2.25, 0.75]


def test_means_move_by_a_twentieth_and_are_read_before() -> None:
    baseline = RoleBaseline(2, decay=0.95)
    outcomes, roles = role_returns(GAME)
    assert sorted(zip(roles.tolist(), outcomes.tolist(), strict=True)) == [
        (0, -2),
        (0, 1),
        (1, 2.5),
    ]
    before = baseline.advantages(GAME)
    assert before[0, 0] == -2.0
    baseline.update(outcomes, roles)
    assert baseline.values == pytest.approx([0.05 * -0.5, 0.05 * 2.5])
    baseline.update(outcomes[:0], roles[:0])
    assert baseline.values == pytest.approx([0.05 * -0.5, 0.05 * 2.5])


def test_a_shared_mean_does_not_know_roles() -> None:
    baseline = RoleBaseline(2, decay=0.5, shared=True)
    baseline.update(np.array([1.0, -1.0, 3.0]), np.array([0, 1, 0]))
    assert baseline.values.tolist() == [0.5, 0.5]


def test_the_opponents_outcomes_do_not_count() -> None:
    learner = np.array([[True], [False], [True], [True], [True]])
    outcomes, roles = role_returns(moves("01001", "--xx-", {2: (-2.0, 2.0)}, learner=learner))
    assert sorted(roles.tolist()) == [0, 0]
    assert sorted(outcomes.tolist()) == [-2, 0]


def test_a_decay_of_one_is_refused() -> None:
    with pytest.raises(ValueError, match=r"decay must lie in \[0, 1\), got 1.0"):
        RoleBaseline(2, decay=1.0)
