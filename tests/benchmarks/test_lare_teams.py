"""The study of LaRe over teams at a small size."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import operant
from operant.benchmarks.studies import lare_teams
from operant.benchmarks.studies.lare_teams import (
    HORIZON,
    RL_ARMS,
    TASKS,
    TEAM,
    Curve,
    Notebook,
    draw,
    play,
    report,
    supervised,
    train,
)
from operant.reward_design.llm import compile_factors

NAVIGATION = "CooperativeNavigation-n6-v0"


@pytest.mark.parametrize("env_id", TASKS)
def test_programs_are_of_the_language_and_decoys_are_other_numbers(env_id: str) -> None:
    features = operant.card(env_id).features
    good, decoy = (
        compile_factors(text, obs_size=0, action_size=0, features=features)
        for text in (TASKS[env_id].factors, TASKS[env_id].decoys)
    )
    assert good.size == decoy.size == 2
    assert not set(good.reads) & set(decoy.reads)


def test_a_recording_pays_teams_once_what_their_agents_had_earned() -> None:
    played, earned, context = play(NAVIGATION, 3, seed=4)
    assert played.reward.shape == earned.shape == (HORIZON, 3 * TEAM)
    assert context.groups == tuple(np.repeat(range(3), TEAM))
    assert (played.reward[:-1] == 0).all()
    sums = [each.reshape(HORIZON, 3, TEAM).sum(axis=(0, 2)) for each in (played.reward, earned)]
    assert sums[0] == pytest.approx(sums[1])
    again = play(NAVIGATION, 3, seed=4)[1]
    np.testing.assert_array_equal(earned, again)


def test_a_notebook_does_nothing_twice(tmp_path: Path) -> None:
    calls = []

    def work(name: str, number: int) -> list[Any]:
        calls.append(name)
        return [name, number]

    path = tmp_path / "runs.jsonl"
    assert Notebook(path).once(work, "a", 1) == ["a", 1]
    book = Notebook(path)
    assert book.once(work, "a", 1) == ["a", 1]
    assert book.once(work, "b", 1) == ["b", 1]
    assert calls == ["a", "b"]
    assert [json.loads(line)["value"] for line in path.read_text().splitlines()] == [
        ["a", 1],
        ["b", 1],
    ]


def test_tables_and_drawing_show_every_run() -> None:
    curves = [
        Curve(
            env_id=env_id,
            arm=arm,
            seed=seed,
            steps=(100, 200),
            values=(-2.0 - seed, -1.0),
            correlation=0.5,
            seconds=1.0,
        )
        for env_id in TASKS
        for arm in RL_ARMS
        for seed in range(2)
    ]
    assert draw(curves).startswith(b"\x89PNG")
    text = report({env_id: [] for env_id in TASKS}, curves)
    assert text.count("| **-1.75** (-1.50, -2.00) |") == len(TASKS) * len(RL_ARMS)
    assert text.count("| **-1.00** (-1.00, -1.00) |") == len(TASKS) * len(RL_ARMS)
    assert text.count("8 s of CPU") == len(TASKS)


@pytest.mark.integration  # fits five decoders, and trains twice
def test_the_study_runs_at_a_small_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(lare_teams.FIT, "gradient_steps", 40)  # type: ignore[misc]
    scores = {score["arm"]: score["value"] for score in supervised(NAVIGATION, 20, 0)}
    assert scores["LaRe, team"] > 0.8
    assert scores["LaRe, team"] > scores["decoy factors, team"] + 0.3
    monkeypatch.setattr(lare_teams, "ROWS", 12)
    for arm in ("LaRe, team", "dense reward (reference)"):
        run = train(NAVIGATION, arm, 0, 10 * 12 * HORIZON)
        assert len(run["steps"]) == len(run["values"]) == 10
        assert -60 < np.mean(run["values"]) < 0
        assert -1 <= run["correlation"] <= 1
    assert run["correlation"] == pytest.approx(1)  # the dense reward is what was earned
