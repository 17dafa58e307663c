"""The study of self-play: its judges against policies that are known, and tables that read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from operant.agents.games.policies import UniformSeat
from operant.benchmarks.studies import selfplay
from operant.benchmarks.studies.selfplay import BoardJudge, KuhnJudge, build, part
from operant.benchmarks.studies.selfplay_page import training_table, variance_table
from operant.benchmarks.studies.selfplay_tasks import (
    KUHN,
    LABELS,
    TASKS,
    TIC_TAC_TOE,
    Training,
    falling,
)
from operant.envs import multiagent


class AlwaysPass:
    def probabilities(self, obs: Any, legal: Any, role: Any) -> np.ndarray:
        return np.eye(2)[np.zeros(len(obs), np.int64)]


class PerfectSeat:
    """Looks positions up in the solved game."""

    def __init__(self, judge: BoardJudge) -> None:
        game = multiagent.states(TIC_TAC_TOE)
        pairs = enumerate(zip(game.obs, game.mover, strict=True))
        self.rows = {(obs.tobytes(), int(mover)): state for state, (obs, mover) in pairs}
        self.table = judge._solved.perfect

    def probabilities(self, obs: Any, legal: Any, role: Any) -> np.ndarray:
        rows = [self.rows[o.tobytes(), int(r)] for o, r in zip(obs, role, strict=True)]
        return self.table[rows]


def test_the_average_is_of_the_second_half_and_by_games_not_by_moves() -> None:
    judge = KuhnJudge()
    for _ in range(2):
        judge.see(AlwaysPass())
    for _ in range(2):
        judge.see(UniformSeat())
    told = judge.scores(UniformSeat())
    assert told["exploitability of the last policy"] == pytest.approx(11 / 24)
    assert told[TASKS[KUHN].score] == pytest.approx(11 / 24)
    judge.see(AlwaysPass())  # half of five: uniform twice, then this
    told = judge.scores(AlwaysPass())
    # Who always passes folds to every bet: whoever bets always wins 1, from either seat.
    assert told["exploitability of the last policy"] == pytest.approx(1.0)
    assert 11 / 24 < told[TASKS[KUHN].score] < 1


def test_perfect_play_loses_nothing_and_random_play_much() -> None:
    judge = BoardJudge()
    perfect = judge.scores(PerfectSeat(judge))
    assert perfect[TASKS[TIC_TAC_TOE].score] == 0
    assert perfect["losses, sampled"] == 0
    assert perfect["optimality gap"] == 0
    random = judge.scores(UniformSeat())
    assert random["losses, sampled"] > 0.5
    assert random["optimality gap"] == 1  # its most likely move is the first free place


@pytest.mark.parametrize("game", TASKS)
def test_settings_are_those_of_a_learner(game: str) -> None:
    agent = build(game, 3, advantage="rae")
    assert agent.config.advantage == "rae"
    assert agent.env.num_envs == TASKS[game].rows
    assert falling(2, 1) == {"kind": "linear", "from": 2, "to": 1}


def test_tables_show_every_seed_and_the_bar() -> None:
    runs = [
        Training(game=game, seed=s, steps=[1], scores={task.score: [0.5, 0.01 * s]}, seconds=1.0)
        for game, task in TASKS.items()
        for s in range(2)
    ]
    lines = training_table(runs).splitlines()
    assert f"| {KUHN} | {TASKS[KUHN].score} | 0.0050 | 0.0000, 0.0100 | <= 0.05 |" in lines
    assert len(lines) == 4


def test_variances_are_relative_to_one_mean_for_all() -> None:
    found = [
        {
            "game": KUHN,
            "steps": [1000],
            "roles": [[-0.1, 0.1]],
            "rae": [rae],
            "global": [one],
            "gae": [1.0],
        }
        for rae, one in ((1.0, 2.0), (3.0, 4.0))
    ]
    lines = variance_table(found).splitlines()
    assert all(label in lines[0] for label in LABELS.values())
    assert lines[2] == f"| {KUHN} | 1,000 | -0.10, +0.10 | 0.625 | 1.000 | 0.375 |"


def test_a_result_that_is_there_is_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds = []

    def measure(game: str, seed: int, share: float) -> dict[str, Any]:
        seeds.append(seed)
        return {"game": game, "seed": seed}

    monkeypatch.setattr(selfplay, "variances", measure)
    for seed in (0, 1, 0):
        assert part("variances", KUHN, seed, 0.5, tmp_path) == {"game": KUHN, "seed": seed}
    part("variances", KUHN, 0, 1.0, tmp_path)  # another share is another result
    assert seeds == [0, 1, 0]
