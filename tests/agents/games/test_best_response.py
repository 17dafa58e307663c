"""Kuhn poker by hand: known equilibria, known values, and what is refused."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from operant.agents.games.best_response import (
    best_response,
    best_values,
    expected_values,
    exploitability,
    mixture,
    nash_conv,
)
from operant.agents.games.matrix_game import matrix_game, multiplicative_weights
from operant.agents.games.sequence_form import SequenceForm
from operant.games import ExtensiveGame


def walk(game: ExtensiveGame, policy: np.ndarray) -> np.ndarray:
    """Return the expected payoffs node by node: slow, and independent of the sequence form."""
    values = game.utility.astype(float).copy()
    for node in range(len(game.parent) - 1, 0, -1):
        parent, move = game.parent[node], game.move[node]
        row = game.infoset[parent]
        share = policy[row, move] if row >= 0 else game.chance[node]
        values[parent] += share * values[node]
    return values[0]


def test_uniform_play_of_kuhn_is_as_exploitable_as_published(form: SequenceForm) -> None:
    assert nash_conv(form, form.uniform()) == pytest.approx(11 / 12, abs=1e-12)
    assert exploitability(form, form.uniform()) == pytest.approx(11 / 24, abs=1e-12)
    assert expected_values(form, form.uniform()) == pytest.approx([1 / 8, -1 / 8])


@pytest.mark.parametrize("alpha", [0.0, 0.1, 1 / 3])
def test_equilibria_of_kuhn_cannot_be_exploited(
    form: SequenceForm, nash: Callable[[float], np.ndarray], alpha: float
) -> None:
    assert nash_conv(form, nash(alpha)) == pytest.approx(0, abs=1e-12)
    assert expected_values(form, nash(alpha)) == pytest.approx([-1 / 18, 1 / 18])


def test_beside_the_equilibria_it_can(
    form: SequenceForm, nash: Callable[[float], np.ndarray]
) -> None:
    assert nash_conv(form, nash(0.0) * 0.9 + form.uniform() * 0.1) > 0.01


def test_values_agree_with_a_walk_over_all_nodes(form: SequenceForm) -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        policy = rng.dirichlet([1, 1], 12)
        assert expected_values(form, policy) == pytest.approx(walk(form.game, policy))


def test_no_pure_answer_beats_the_best_response(form: SequenceForm) -> None:
    policy = np.random.default_rng(1).dirichlet([1, 1], 12)
    for player in range(2):
        answer, value = best_response(form, policy, player)
        own = np.flatnonzero(form.owner == player)
        assert (answer[form.owner != player] == policy[form.owner != player]).all()
        assert walk(form.game, answer)[player] == pytest.approx(value)
        found = []
        for code in range(1 << len(own)):
            pure = policy.copy()
            pure[own] = np.eye(2)[[code >> place & 1 for place in range(len(own))]]
            found.append(walk(form.game, pure)[player])
        assert value == pytest.approx(max(found))


def test_a_mixture_is_the_draw_of_one_policy_per_game(form: SequenceForm) -> None:
    rng = np.random.default_rng(2)
    policies, weights = [rng.dirichlet([0.3, 0.3], 12) for _ in range(3)], [1.0, 2.0, 5.0]
    mixed = mixture(form, policies, weights)
    shares = np.array(weights) / 8
    by_hand = sum(
        shares[i] * shares[j] * walk(form.game, np.where(form.owner[:, None] == 0, one, two))
        for i, one in enumerate(policies)
        for j, two in enumerate(policies)
    )
    assert expected_values(form, mixed) == pytest.approx(by_hand)
    naive = np.average(policies, axis=0, weights=weights)
    assert expected_values(form, naive) != pytest.approx(by_hand, abs=1e-4)


def test_a_game_of_three_has_a_value_for_each() -> None:
    # Each of three in turn adds 0 or 1, unseen by the others; who differs from the rest wins 2.
    parent, move, player, infoset, utility = [-1], [0], [0], [0], [(0.0, 0.0, 0.0)]
    nodes = [(0, ())]
    while nodes:
        node, done = nodes.pop(0)
        for action in range(2):
            moves = (*done, action)
            over = len(moves) == 3
            pay = (0.0, 0.0, 0.0)
            if over and len(set(moves)) == 2:
                odd = next(m for m in range(3) if moves.count(moves[m]) == 1)
                pay = tuple(2.0 if p == odd else -1.0 for p in range(3))
            parent.append(node)
            move.append(action)
            player.append(-2 if over else len(moves))
            infoset.append(-1 if over else len(moves))
            utility.append(pay)
            if not over:
                nodes.append((len(parent) - 1, moves))
    game = ExtensiveGame(
        players=3,
        parent=np.array(parent),
        move=np.array(move),
        player=np.array(player),
        chance=np.ones(len(parent)),
        infoset=np.array(infoset),
        utility=np.array(utility),
        actions=((0, 1),) * 3,
        names=("a", "b", "c"),
        obs=np.eye(3),
    )
    form = SequenceForm(game)
    assert nash_conv(form, form.uniform()) == pytest.approx(0, abs=1e-12)
    policy = np.array([[1.0, 0.0], [0.5, 0.5], [0.25, 0.75]])
    assert expected_values(form, policy) == pytest.approx(walk(game, policy))
    assert best_values(form, policy)[0] == pytest.approx(2 * 0.375 - 0.5)  # by hand: play 0


def test_general_sums_are_not_mistaken_for_zero_sums() -> None:
    dilemma = SequenceForm(matrix_game([[3, 0], [5, 1]], [[3, 5], [0, 1]]))
    both_defect = np.array([[0.0, 1.0], [0.0, 1.0]])
    assert nash_conv(dilemma, both_defect) == 0
    assert nash_conv(dilemma, 1 - both_defect) == 4


def test_multiplicative_weights_reach_the_numbers_of_the_specification() -> None:
    beats = np.array([[0.5, 1, 0], [0, 0.5, 1], [1, 0, 0.5]])
    average = multiplicative_weights(beats, [0.6, 0.3, 0.1], rate=0.1, rounds=20_000)
    assert average == pytest.approx([0.3302, 0.3359, 0.3339], abs=5e-5)
    assert (beats @ average).max() - 0.5 == pytest.approx(0.0019, abs=5e-5)


# ---- bad input ------------------------------------------------------------------------------


def test_policies_that_are_none_are_refused(form: SequenceForm) -> None:
    with pytest.raises(ValueError, match=r"policy must have the shape \(12, 2\), got \(11, 2\)"):
        nash_conv(form, form.uniform()[1:])
    for row in ([0.5, 0.6], [1.5, -0.5], [np.nan, 1.0]):
        policy = form.uniform()
        policy[3] = row
        with pytest.raises(ValueError, match=rf"policy\[3\].*{form.game.names[3]}"):
            expected_values(form, policy)
    with pytest.raises(ValueError, match=r"player must lie in \[0, 1\], got 2"):
        best_response(form, form.uniform(), 2)
    with pytest.raises(ValueError, match="weights must be"):
        mixture(form, [form.uniform()], [0.0])
    with pytest.raises(ValueError, match="at least one"):
        mixture(form, [])


def test_a_forgetful_player_is_refused(kuhn: ExtensiveGame) -> None:
    infoset = kuhn.infoset.copy()
    late, early = kuhn.names.index("Jpb"), kuhn.names.index("J")
    infoset[infoset == late] = early
    game = dataclasses.replace(kuhn, infoset=infoset)
    with pytest.raises(ValueError, match=r"perfect recall.*'J'"):
        SequenceForm(game)


def test_trees_out_of_order_are_refused(kuhn: ExtensiveGame) -> None:
    parent = kuhn.parent.copy()
    parent[3] = 7
    with pytest.raises(ValueError, match="parent of node 3 must come before it"):
        SequenceForm(dataclasses.replace(kuhn, parent=parent))
