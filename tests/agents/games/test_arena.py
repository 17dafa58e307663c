"""Games between policies whose results are known, and ratings."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from operant.agents.games.arena import elo, play, round_robin
from operant.agents.games.best_response import expected_values
from operant.agents.games.credit import Moves, RoleBaseline, role_returns
from operant.agents.games.policies import TableSeat, UniformSeat, draw, tree_policy, with_roles
from operant.agents.games.sequence_form import SequenceForm
from operant.envs import multiagent


def test_equilibrium_play_of_kuhn_pays_the_first_minus_an_eighteenth(
    form: SequenceForm, nash: Callable[[float], np.ndarray]
) -> None:
    seat = TableSeat(form, nash(0.2))
    returns = play(multiagent.make_batch("KuhnPoker-v0", 1024), [seat, seat], 40_000, 0)
    assert returns.shape == (40_000, 2)
    assert (returns.sum(1) == 0).all()
    error = returns[:, 0].std() / 200
    assert returns[:, 0].mean() == pytest.approx(-1 / 18, abs=4 * error)

    baseline = RoleBaseline(2)
    for part in np.split(returns, 80):
        played = Moves(
            role=np.array([[0] * 500, [1] * 500]),
            learner=np.ones((2, 500), np.bool_),
            rewards=np.stack([np.zeros((500, 2)), part]),
            ended=np.array([[False] * 500, [True] * 500]),
            before=np.zeros((500, 2)),
            age=np.zeros(500, np.int64),
        )
        baseline.update(*role_returns(played))
    spread = 1.3 / np.sqrt(500 * 39)  # of the mean of about (1 + 0.95) / (1 - 0.95) updates
    assert baseline.values == pytest.approx([-1 / 18, 1 / 18], abs=4 * spread)


def test_tables_play_what_the_tree_says(form: SequenceForm) -> None:
    policy = np.random.default_rng(0).dirichlet([1, 1], 12)
    seat = TableSeat(form, policy)
    assert tree_policy(seat, form, 2) == pytest.approx(policy)
    returns = play(multiagent.make_batch("KuhnPoker-v0", 512), [seat, seat], 20_000, 1)
    wanted = expected_values(form, policy)[0]
    assert returns[:, 0].mean() == pytest.approx(wanted, abs=4 * returns[:, 0].std() / 141)


def test_a_round_robin_counts_both_seats(form: SequenceForm) -> None:
    seats = [TableSeat(form, form.uniform()), UniformSeat()]
    wins = round_robin(multiagent.make_batch("KuhnPoker-v0", 100), seats, 1000, 0)
    assert wins.sum() == 2000
    assert wins[0, 1] == pytest.approx(1000, abs=4 * np.sqrt(500))
    assert (np.diag(wins) == 0).all()


def test_ratings_recover_the_odds_they_were_made_from() -> None:
    strength = 10 ** (np.array([1700, 1500, 1450, 1350]) / 400)
    odds = strength[:, None] / (strength[:, None] + strength)
    wins = 1000 * odds * ~np.eye(4, dtype=bool)
    assert elo(wins, prior=0.0) == pytest.approx([1700, 1500, 1450, 1350], abs=1e-6)


def test_two_groups_of_which_one_never_lost_to_the_other_have_no_ratings() -> None:
    wins = np.array([[0, 1, 1, 1], [1, 0, 1, 1], [0, 0, 0, 1], [0, 0, 1, 0]])
    with pytest.raises(ValueError, match="everybody has beaten everybody"):
        elo(wins, prior=0.0)
    ring = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]])  # everybody beats everybody by way of others
    assert elo(ring, prior=0.0) == pytest.approx([1500, 1500, 1500])
    assert np.isfinite(elo(wins)).all()


def test_who_never_won_has_a_rating_with_a_prior_only() -> None:
    wins = np.array([[0.0, 10.0], [0.0, 0.0]])
    with pytest.raises(ValueError, match="prior > 0"):
        elo(wins, prior=0.0)
    first, second = elo(wins)
    assert first > 1500 > second
    assert first + second == pytest.approx(3000)


def test_draws_follow_the_probabilities_and_never_the_impossible() -> None:
    chances = np.array([[0.0, 0.3, 0.7, 0.0]] * 10_000)
    actions = draw(chances, np.random.default_rng(0).random(10_000))
    assert set(actions.tolist()) == {1, 2}
    assert (actions == 1).mean() == pytest.approx(0.3, abs=0.02)
    edges = draw(
        np.array([[0.0, 1 - 1e-17, 0.0], [0.1, 0.2, 0.7 - 1e-9]]), np.array([0.0, 1 - 1e-12])
    )
    assert edges.tolist() == [1, 2]


def test_roles_stand_behind_what_is_seen() -> None:
    seen = with_roles(np.array([[[1, 2]], [[3, 4]]], np.int8), np.array([1, 0]), 2)
    assert seen.tolist() == [[1, 2, 0, 1], [3, 4, 1, 0]]
    assert seen.dtype == np.int8


def test_bad_input_is_refused(form: SequenceForm) -> None:
    batch = multiagent.make_batch("KuhnPoker-v0", 4)
    with pytest.raises(ValueError, match="one per player, 2"):
        play(batch, [UniformSeat()], 10, 0)
    with pytest.raises(ValueError, match="seats"):
        round_robin(batch, [UniformSeat()], 10, 0)
    with pytest.raises(ValueError, match=r"wins must be \(K, K\)"):
        elo(np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"obs\[0\] of player 1 is not in the tree"):
        TableSeat(form, form.uniform()).probabilities(
            np.zeros((1, 11)), np.ones((1, 2), np.bool_), np.array([1])
        )
