"""Runs on games: exact judgements and played ones, and the way to a leaderboard."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from operant.agents.games.best_response import exploitability, nash_conv
from operant.agents.games.cfr import CFR
from operant.agents.games.minimax import Minimax
from operant.agents.games.players import uniform
from operant.benchmarks.bench import report
from operant.benchmarks.evaluate import STOP_EVERY
from operant.benchmarks.game_judges import StatesJudge, TeamJudge, TreeJudge
from operant.benchmarks.game_trial import GameTrial
from operant.benchmarks.playback import load_run
from operant.benchmarks.run import make_trial
from operant.benchmarks.specs import Evaluation, RunSpec
from operant.benchmarks.store import read_run
from operant.envs import multiagent
from operant.errors import InterruptedRunError, OperantError, UnknownIdError

KUHN, SMALL, TEAM = "KuhnPoker-v0", "SimpleNegotiation-Small-v0", "ParticleSpread-n3-v0"
TINY = {"n_steps": 24, "batch_size": 64, "n_epochs": 1, "net_arch": [16], "snapshot_every": 1}


TINY_TEAM = {"n_steps": 16, "batch_size": 64, "n_epochs": 1, "net_arch": [16]}


def spec(**changes: Any) -> RunSpec:
    fields = {
        "env_id": KUHN,
        "design": "none",
        "agent": "cfr",
        "seed": 1,
        "total_steps": 600,
        "num_envs": 8,
        "gamma": 1.0,
        "evaluation": Evaluation(points=2, episodes=4, animated=False),
    }
    return RunSpec(**{**fields, **changes})


def never() -> bool:
    return False


def _trial(run: RunSpec) -> GameTrial:
    return GameTrial(run, should_stop=never)


def learner(**changes: Any) -> RunSpec:
    return spec(agent="self-play", agent_config={**TINY, "plays": "average"}, **changes)


# ---- judges ---------------------------------------------------------------------------------


def test_tree_judge_scores_what_players_could_gain() -> None:
    judge = TreeJudge(multiagent.tree(KUHN))
    table = judge.judged(uniform(judge.game), 7)
    assert table.step.tolist() == [7, 7]
    assert table.score.sum() == pytest.approx(nash_conv(judge.game, uniform(judge.game)))
    assert table.score.sum() == pytest.approx(0.916667, abs=1e-6)
    # In a zero-sum game the opponent's best response leaves a seat the negative of its value.
    assert table.true_return.mean() == pytest.approx(
        -exploitability(judge.game, judge.game.uniform())
    )
    assert not table.success.any()
    solver = CFR(judge.game, plus=True)
    solver.run(3000)
    assert judge.judged(solver.average, 0).score.max() < 1e-3


def test_states_judge_scores_the_same_in_a_game_without_secrets() -> None:
    """Both judges see the same game: what a state is, a tree can tell as well."""
    judge, tree = StatesJudge(multiagent.states(SMALL)), TreeJudge(multiagent.tree(SMALL))
    table = judge.judged(uniform(judge.game), 0)
    gap = Minimax(judge.game).optimality_gap(uniform(judge.game))
    assert table.score.mean() == pytest.approx(gap.mean())
    same = tree.judged(uniform(tree.game), 0)
    assert table.score == pytest.approx(same.score)
    assert table.true_return == pytest.approx(same.true_return)
    assert judge.judged(judge.perfect, 0).score.max() == pytest.approx(0)
    assert judge.judged(judge.perfect, 0).success.all()


def test_team_judge_adds_up_what_all_earn_until_games_end() -> None:
    made = []

    def batch(num: int) -> Any:
        made.append(multiagent.make_batch(TEAM, num))
        return made[-1]

    def still(obs: np.ndarray) -> np.ndarray:
        return np.zeros(obs.shape[:2], np.int64)

    table = TeamJudge(batch).played(still, episodes=3, seed=5, gamma=0.5, step=9, should_stop=never)
    other = multiagent.make_batch(TEAM, 3)
    other.reset([5, 6, 7])
    paid = np.array([other.step(still(other.obs))[0].sum(1) for _ in range(25)])
    assert table.length.tolist() == [25] * 3
    assert table.score == pytest.approx(paid.sum(0))
    assert table.discounted_true_return == pytest.approx(0.5 ** np.arange(25) @ paid)
    assert (table.true_return == table.score).all()


# ---- trials ---------------------------------------------------------------------------------


def test_references_are_chance_and_what_is_known_of_the_best() -> None:
    kuhn = _trial(spec()).references()
    assert kuhn.random is not None
    assert kuhn.random["score"] == pytest.approx(0.916667 / 2, abs=1e-6)
    assert (kuhn.oracle, kuhn.best) == (None, 0.0)  # an equilibrium, but which is not known
    small = _trial(spec(env_id=SMALL, agent="uniform")).references()
    assert small.oracle is not None
    assert small.oracle["score"] == pytest.approx(0)
    team = _trial(spec(env_id=TEAM, agent="shared-ppo")).references()
    assert team.random is not None
    assert team.random["score"] < 0
    assert (team.oracle, team.best) == (None, None)
    assert team == _trial(spec(env_id=TEAM, agent="shared-ppo")).references()


def test_games_that_last_are_abandoned_when_a_stop_is_asked_for() -> None:
    judge = TeamJudge(functools.partial(multiagent.make_batch, TEAM))
    rounds = []

    def still(obs: Any) -> Any:
        rounds.append(len(obs))
        return np.zeros(obs.shape[:2], np.int64)

    endless = TeamJudge(lambda num: _Endless(judge.batch(num)))
    with pytest.raises(InterruptedRunError):
        endless.played(still, episodes=2, seed=0, gamma=1.0, step=0, should_stop=lambda: True)
    assert len(rounds) == STOP_EVERY


class _Endless:
    """Games whose time is never up."""

    def __init__(self, batch: Any) -> None:
        self._batch = batch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def step(self, actions: Any) -> Any:
        rewards, ended, _ = self._batch.step(actions)
        return rewards, ended, ended


@pytest.mark.parametrize(
    ("env_id", "agent", "given"),
    [(TEAM, "uniform", "team"), (KUHN, "shared-ppo", "tree"), (SMALL, "cfr", "states")],
)
def test_agent_and_game_must_fit(env_id: str, agent: str, given: str) -> None:
    run = spec(env_id=env_id, agent=agent)
    with pytest.raises(OperantError, match=f"{env_id} is given as {given}"):
        make_trial(run, should_stop=lambda: False)


def test_what_cannot_be_scored_is_refused() -> None:
    for changes, message in (
        ({"design": "count"}, "design must be 'none', got 'count'"),
        ({"design_kwargs": {"x": 1}}, "design_kwargs must be {}, got {'x': 1}"),
        ({"show_memory": True}, "show_memory must be False, got True"),
        ({"evaluation": Evaluation(recorded=2)}, "evaluation.recorded must be 0, got 2"),
    ):
        with pytest.raises(OperantError, match=message):
            _trial(spec(**changes))
    with pytest.raises(UnknownIdError, match="KuhnPoker-v0"):
        _trial(spec(env_id="KuhnPokr-v0"))
    with pytest.raises(OperantError, match="cannot be scored"):
        _trial(spec(env_id="OffSwitchGame-v0"))


# ---- runs -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "run",
    [
        spec(total_steps=20_000),
        learner(),
        spec(env_id=TEAM, agent="shared-ppo", agent_config=TINY_TEAM, gamma=0.99),
    ],
    ids=["cfr", "self-play", "shared-ppo"],
)
def test_a_stopped_run_ends_as_one_that_was_not(
    run: RunSpec, tmp_path: Path, execute: Callable[..., str]
) -> None:
    assert execute(tmp_path / "whole", run) == "done"
    assert execute(tmp_path / "cut", run, stop_at=2) == "interrupted"
    assert execute(tmp_path / "cut", run) == "done"
    whole, cut = (read_run(tmp_path / name / run.folder) for name in ("whole", "cut"))
    assert whole.metric == ("welfare" if run.env_id == TEAM else "exploitability")
    assert len(whole.evals.steps()) == 3
    for column in ("step", "score", "true_return", "success"):
        assert np.array_equal(getattr(whole.evals, column), getattr(cut.evals, column))
    assert whole.gif is None
    with pytest.raises(OperantError, match="there is no one policy to watch"):
        load_run(tmp_path / "whole" / run.folder)


@pytest.mark.integration
def test_games_get_a_leaderboard(tmp_path: Path, execute: Callable[..., str]) -> None:
    for agent in ("cfr", "cfr-plus", "uniform"):
        assert execute(tmp_path, spec(agent=agent, total_steps=20_000)) == "done"
    made = report(tmp_path, title="Games")
    rows = made.leaderboard.rows
    assert [row.agent for row in rows] == ["cfr-plus", "cfr", "uniform"]  # less is better
    assert rows[2].score.value == pytest.approx(0.916667 / 2, abs=1e-6)
    page = made.markdown.read_text()
    assert "Lowest exploitability: none · cfr-plus" in page
    assert "the agent reaches an exploitability of 0.458" in page
    assert "Random play scores 0.458; the best that there is, 0." in page
