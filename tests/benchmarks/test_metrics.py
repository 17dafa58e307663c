"""What envs are scored by: from the card over the evaluation to the leaderboard and its pages."""

from __future__ import annotations

import dataclasses

import gymnasium as gym
import numpy as np
import pytest

from operant.benchmarks.evaluate import Evaluator
from operant.benchmarks.leaderboard import build_leaderboard
from operant.benchmarks.metrics import METRICS, metric
from operant.benchmarks.records import EvalTable, References, RunRecord
from operant.benchmarks.report.html import render_html
from operant.benchmarks.report.markdown import render_markdown
from operant.benchmarks.specs import Evaluation, RunSpec
from operant.errors import OperantError, UnknownIdError


def run(design: str, seed: int, scores: tuple[float, ...], name: str = "regret") -> RunRecord:
    zeros = np.zeros(len(scores))
    return RunRecord(
        run_id=f"{design}-{seed}",
        suite="unit",
        env_id="Env-v0",
        design=design,
        agent="ppo",
        seed=seed,
        total_steps=len(scores),
        evals=EvalTable(
            step=np.arange(len(scores)),
            episode=np.zeros(len(scores), np.int64),
            true_return=zeros,
            designed_return=zeros,
            discounted_true_return=zeros,
            discounted_designed_return=zeros,
            length=np.ones(len(scores), np.int64),
            success=zeros.astype(bool),
            score=np.array(scores),
        ),
        references=References(),
        metric=name,
        manifest={},
    )


def board(name: str = "regret"):
    high = [run("none", seed, (90.0, 80.0 + seed), name) for seed in range(6)]
    low = [run("shaped", seed, (90.0, 20.0 + seed), name) for seed in range(6)]
    return build_leaderboard([*high, *low])


@pytest.mark.parametrize(("name", "best"), [("regret", "shaped"), ("return", "none")])
def test_the_better_end_of_a_metric_ranks_first(name, best) -> None:
    rows = board(name).rows
    assert [row.design for row in rows] == sorted(["none", "shaped"], key=lambda each: each != best)
    assert [row.rank for row in rows] == [1, 2]
    assert [row.ties for row in rows] == ["a", "b"]
    shaped = next(row for row in rows if row.design == "shaped")
    assert shaped.score.value == pytest.approx(22.5)
    assert shaped.improvement.value == (1.0 if best == "shaped" else 0.0)
    assert shaped.auc.value == pytest.approx((90 + 22.5) / 2)


@pytest.mark.integration
def test_pages_show_the_score_under_its_name() -> None:
    for page in (render_html(board(), title="t"), render_markdown(board(), title="t")):
        assert "Lowest regret: shaped with 22.5 (95 % interval 2" in page
        assert "Without any design (none) the agent reaches a regret of 82.5." in page
        assert "True success, IQM" not in page
    assert "| Regret, IQM (95 % CI) |" in render_markdown(board(), title="t")


def test_a_bar_holds_all_of_an_envs_seeds() -> None:
    page = render_html(board(), title="t")
    places = [float(part.split("%")[0]) for part in page.split('class="seed" style="left:')[1:]]
    assert len(places) == 12
    assert 0 < min(places) < 10
    assert 90 < max(places) < 100


def test_one_env_has_one_metric() -> None:
    with pytest.raises(ValueError, match=r"Env-v0 are scored by \['regret', 'success'\]"):
        build_leaderboard([run("none", 0, (1.0,)), run("other", 0, (1.0,), "success")])


def test_a_table_without_scores_counts_successes() -> None:
    given = dataclasses.asdict(run("none", 0, (1.0, 2.0)).evals)
    del given["score"]
    given["success"] = np.array([True, False])
    assert EvalTable(**given).score.tolist() == [1.0, 0.0]


def spec(env_id: str, **kwargs) -> RunSpec:
    return RunSpec(
        env_id=env_id,
        design="none",
        agent="ppo",
        seed=0,
        total_steps=64,
        num_envs=2,
        gamma=0.99,
        env_kwargs=kwargs,
        evaluation=Evaluation(points=1, episodes=3),
    )


def played(evaluator: Evaluator) -> EvalTable:
    space = evaluator._batch.action_space
    space.seed(0)
    return evaluator.score(lambda *_: space.sample(), step=0)


def test_the_card_says_what_counts() -> None:
    scored = Evaluator(spec("SparseKey-5x5-v0"))
    assert scored.metric is METRICS["success"]
    table = played(scored)
    assert table.score.tolist() == table.success.tolist()
    returned = Evaluator(spec("Chain-n40-v0"))
    card = gym.make("Chain-n40-v0").unwrapped.card
    assert returned.metric is METRICS[card.metric]
    table = played(returned)
    wanted = {"return": table.true_return, "success": table.success}[card.metric]
    assert table.score.tolist() == wanted.tolist()


def test_an_env_must_tell_a_score_that_nobody_can_compute(monkeypatch) -> None:
    evaluator = Evaluator(spec("SparseKey-5x5-v0"))
    evaluator.metric = METRICS["regret"]
    with pytest.raises(OperantError, match=r"SparseKey-5x5-v0 does not report info\['regret'\]"):
        played(evaluator)


def test_unknown_metrics_are_refused() -> None:
    with pytest.raises(UnknownIdError, match="unknown metric 'regrets'; did you mean regret"):
        metric("regrets")
