"""CFR against published numbers, a judge's implementation, and games solved by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from operant.agents.games.best_response import expected_values, exploitability, nash_conv
from operant.agents.games.cfr import CFR, regret_matching
from operant.agents.games.matrix_game import matrix_game
from operant.agents.games.sequence_form import SequenceForm
from operant.envs import multiagent
from operant.games import CHANCE, TERMINAL, ExtensiveGame


def judged(name: str) -> tuple[ExtensiveGame, Any]:
    """Return a game of OpenSpiel's as a tree of ours, and OpenSpiel's own."""
    game = pytest.importorskip("pyspiel").load_game(name)
    rows: list[Any] = []
    sets: dict[str, int] = {}
    actions: list[tuple[int, ...]] = []

    def grow(state: Any, parent: int, move: int, chance: float) -> None:
        node = len(rows)
        if state.is_terminal():
            rows.append((parent, move, TERMINAL, chance, -1, state.returns()))
            return
        if state.is_chance_node():
            rows.append((parent, move, CHANCE, chance, -1, [0.0, 0.0]))
            for number, (outcome, odds) in enumerate(state.chance_outcomes()):
                grow(state.child(outcome), node, number, odds)
            return
        key = state.information_state_string()
        if key not in sets:
            sets[key] = len(sets)
            actions.append(tuple(state.legal_actions()))
        rows.append((parent, move, state.current_player(), chance, sets[key], [0.0, 0.0]))
        for number, action in enumerate(state.legal_actions()):
            grow(state.child(action), node, number, 1.0)

    grow(game.new_initial_state(), -1, 0, 1.0)
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    names = ("parent", "move", "player", "chance", "infoset", "utility")
    tree = ExtensiveGame(
        players=2,
        **dict(zip(names, columns, strict=True)),
        actions=tuple(actions),
        names=tuple(sets),
        obs=np.zeros((len(sets), 1)),
    )
    return tree, game


def test_thousand_iterations_on_kuhn_reach_the_published_numbers(form: SequenceForm) -> None:
    solver = CFR(form)
    solver.run(1000)
    assert nash_conv(form, solver.average) == pytest.approx(0.0018752, abs=5e-8)
    assert expected_values(form, solver.average)[0] == pytest.approx(-0.05563, abs=5e-6)


def test_cfr_plus_is_closer_to_nash_after_as_many(form: SequenceForm) -> None:
    plain, plus = CFR(form), CFR(form, plus=True)
    plain.run(300)
    plus.run(300)
    assert nash_conv(form, plus.average) < 0.5 * nash_conv(form, plain.average)
    assert (plus.regret >= 0).all()


@pytest.mark.parametrize("plus", [False, True])
@pytest.mark.parametrize(
    ("name", "iterations"),
    [
        pytest.param("kuhn_poker", 300, marks=pytest.mark.integration),
        pytest.param("leduc_poker", 12, marks=pytest.mark.integration),
    ],
)
def test_averages_are_those_of_open_spiel(name: str, iterations: int, plus: bool) -> None:
    tree, game = judged(name)
    from open_spiel.python.algorithms import cfr, exploitability

    judge = cfr.CFRPlusSolver(game) if plus else cfr.CFRSolver(game)
    solver = CFR(tree, plus=plus)
    solver.run(iterations)
    for _ in range(iterations):
        judge.evaluate_and_update_policy()
    average, theirs = solver.average, judge.average_policy()
    for row, key in enumerate(tree.names):
        table = theirs.action_probability_array[theirs.state_lookup[key]]
        wanted = table[list(tree.actions[row])]
        assert average[row, : len(wanted)] == pytest.approx(wanted, abs=1e-9), key
    ours = nash_conv(solver.form, average)
    assert ours == pytest.approx(exploitability.nash_conv(game, theirs), abs=1e-9)


def test_iterations_add_up(form: SequenceForm) -> None:
    whole, parts = CFR(form), CFR(form)
    whole.run(30)
    for _ in range(3):
        parts.run(10)
    assert parts.iterations == 30
    assert (whole.average == parts.average).all()


def test_a_dominated_row_is_not_played() -> None:
    solver = CFR(matrix_game([[3, -1, 5], [-1, 1, 2], [2, -2, 0]]), plus=True)
    solver.run(2000)
    assert exploitability(solver.form, solver.average) < 1e-3
    assert solver.average[0] == pytest.approx([1 / 3, 2 / 3, 0], abs=5e-3)
    assert solver.average[1] == pytest.approx([1 / 3, 2 / 3, 0], abs=5e-3)


def test_regret_matching_follows_positive_regrets_only() -> None:
    legal = np.array([[True, True, True], [True, True, False]])
    found = regret_matching(np.array([[1.0, -5.0, 3.0], [-1.0, 0.0, 9.0]]), legal)
    assert found.tolist() == [[0.25, 0.0, 0.75], [0.5, 0.5, 0.0]]


def test_before_any_iteration_all_is_uniform(form: SequenceForm) -> None:
    assert (CFR(form).average == form.uniform()).all()
    with pytest.raises(ValueError, match="iterations must be >= 0, got -1"):
        CFR(form).run(-1)


def test_leduc_is_solved_in_arrays() -> None:
    solver = CFR(multiagent.tree("LeducPoker-v0"))
    assert solver.form.shape[0] == 936
    uniform = nash_conv(solver.form, solver.form.uniform())
    assert uniform == pytest.approx(4.747222, abs=1e-6)  # OpenSpiel's
    solver.run(100)
    assert nash_conv(solver.form, solver.average) < 0.2
