"""The study of expert rewards: budgets, verdicts, a page that can be believed, and resuming."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from PIL import Image

from operant.benchmarks.executors import SerialExecutor
from operant.benchmarks.records import EvalTable, References, RunRecord
from operant.benchmarks.specs import AgentEntry, Evaluation
from operant.benchmarks.studies import experts
from operant.benchmarks.studies.experts import Curve, Study, curve_of, rose, suite_of
from operant.benchmarks.studies.experts_page import draw, page, table, verdict
from operant.errors import OperantError
from operant.reward_design.llm.designs.expert import fingerprint
from operant.types import Card, Feature

ENV = "Walk-v0"
TINY = AgentEntry(id="ppo", config={"n_steps": 16, "batch_size": 64, "n_epochs": 1})
PROGRAM = """
def reward(obs, action, next_obs, info):
    return info["place"] - info["prev_place"]
"""


class Walk(gym.Env):
    """Five cells in a row; the last one is success. An expert pays each step towards it."""

    observation_space = gym.spaces.Box(0.0, 4.0, (1,), np.float32)
    action_space = gym.spaces.Discrete(2)
    words = ("description", "observation", "action", "reward", "termination", "truncation")
    card = Card(
        id=ENV,
        success="the last cell",
        metric="success",
        oracle="none",
        features=(Feature(name="place", description="cell", low=0, high=4, dtype="int"),),
        expert=PROGRAM,
        **dict.fromkeys(words, "see the test"),
    )

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place = 0
        return self.seen(), {"features": {"place": 0}}

    def step(self, action):
        self.place = max(0, self.place + (1 if action else -1))
        there = self.place == 4
        info = {"features": {"place": self.place}, "success": there, "true_reward": float(there)}
        return self.seen(), float(there), there, False, info

    def seen(self):
        return np.array([self.place], np.float32)


gym.register(ENV, Walk, max_episode_steps=20)


def record(success, *, arm="expert", seed=0) -> RunRecord:
    """Return a run whose four evaluations of 40 episodes had these success rates."""
    points, episodes = len(success), 40
    flags = np.concatenate([np.arange(episodes) < round(rate * episodes) for rate in success])
    zeros = np.zeros(points * episodes)
    evals = EvalTable(
        step=np.repeat(100 * np.arange(points), episodes),
        episode=np.tile(np.arange(episodes), points),
        length=np.full(points * episodes, 9),
        success=flags,
        true_return=2.0 * flags,
        designed_return=zeros + 1.0,
        discounted_true_return=zeros,
        discounted_designed_return=zeros,
    )
    return RunRecord(
        run_id=f"{arm}{seed}",
        suite="experts",
        env_id=ENV,
        design=arm,
        agent="ppo",
        seed=seed,
        total_steps=300,
        evals=evals,
        references=References(random={"success": 0.05, "true_return": 0.1}),
        manifest={"cpu_s": 12.0},
    )


def study(*expert: list[float], none=(0.0, 0.0, 0.0, 0.0), score="success") -> Study:
    runs = [record(rates, seed=seed) for seed, rates in enumerate(expert)]
    runs += [record(none, arm="none", seed=seed) for seed in range(len(expert))]
    return Study(
        env_id=ENV,
        score=score,
        steps=300,
        agent="`ppo`",
        program="def reward(...)",
        curves=tuple(map(curve_of, runs)),
    )


GOOD, BAD = [0.0, 0.5, 0.75, 1.0], [0.05, 0.0, 0.1, 0.05]


def test_a_curve_ends_with_the_mean_of_the_last_three_evaluations() -> None:
    curve: Curve = curve_of(record(GOOD))
    assert curve.steps.tolist() == [0, 100, 200, 300]
    assert curve.success.tolist() == GOOD
    assert curve.true_return.tolist() == [2 * rate for rate in GOOD]
    assert curve.final["success"] == pytest.approx(0.75)
    assert curve.random["success"] == 0.05
    assert curve.learned == {"success": True, "true_return": True, "designed_return": False}


def test_a_rise_that_chance_explains_is_none() -> None:
    rng = np.random.default_rng(0)
    before = rng.normal(size=(2000, 16))
    after = rng.normal(size=(2000, 48))
    assert sum(rose(*pair) for pair in zip(before, after, strict=True)) <= 20
    assert rose(before[0], after[0] + 2.0)
    assert not rose(before[0] + 2.0, after[0])
    assert not rose(np.ones(4), np.ones(4))


def test_the_table_shows_every_seed_and_who_learned() -> None:
    assert table([study(GOOD, BAD, GOOD)]).splitlines()[2] == (
        f"| [{ENV}](#walk-v0) | success rate | 5% | **0%** (0%, 0%, 0%) | "
        "**52%** (75%, 5%, 75%) | 2 of 3 seeds |"
    )
    shown = table([study(GOOD, GOOD, score="true_return")]).splitlines()[2]
    assert "| true return | 0.1 | **0** (0, 0) | **1.5** (1.5, 1.5) | 2 of 2 seeds |" in shown


def test_the_page_says_where_the_experts_reward_is_not_learnable() -> None:
    assert verdict(study(BAD, BAD)) == "**no seed**"
    text = page([study(GOOD, BAD), dataclasses.replace(study(GOOD, GOOD), env_id="Easy-v0")])
    assert "## Where it is not learnable" in text
    doubts = text.partition("## Where it is not learnable")[2].partition("\n## ")[0]
    assert f"**{ENV}**: 1 of 2 seeds learned the true objective" in doubts
    assert "Easy-v0" not in doubts
    assert "def reward(...)" in text
    assert f"images/experts_{ENV}.png" in text
    assert "Every seed learned" in page([study(GOOD, GOOD)])


def test_the_picture_shows_every_seed() -> None:
    pictures = [draw(study(*rates)) for rates in ([GOOD, BAD], [GOOD, GOOD])]
    one, other = (np.asarray(Image.open(io.BytesIO(png)).convert("RGB")) for png in pictures)
    assert one.shape[1] > 1000
    assert (one != other).any()  # the seed that failed is in it


def test_budgets_are_those_of_the_env_and_can_be_cut() -> None:
    suite = suite_of(ENV, seeds=[3, 5])
    assert suite.total_steps == experts.DEFAULT.steps
    assert {design.id for design in suite.designs} == {"none", "expert"}
    assert len(suite.runs()) == 4
    short = suite_of(ENV, seeds=[3, 5], steps=1000)
    assert short.total_steps == 1000
    assert experts.cpu_seconds([suite, short]) == pytest.approx(
        4 * experts.DEFAULT.cpu_s * (1 + 1000 / experts.DEFAULT.steps)
    )


def test_budgets_name_envs_that_are_studied_by_default() -> None:
    assert set(experts.BUDGETS) <= set(experts.chosen_envs(None, None))
    assert experts.chosen_envs("mujoco-sparse", None)[0] == "SparseHopper-v0"
    assert experts.chosen_envs(None, ["A-v0"]) == ["A-v0"]


def test_an_env_without_an_expert_is_refused_before_anything_is_trained(capsys, tmp_path) -> None:
    with pytest.raises(OperantError, match="SparseKey-5x5-v0 cannot be studied"):
        suite_of("SparseKey-5x5-v0", seeds=[0])
    for wrong in (
        ["--envs", "SparseKey-5x5-v0"],
        ["--envs", "Nowhere-v0"],
        ["--suite", "mujoco-spars"],
        ["--envs", ENV, "--steps", "0"],
        ["--envs", ENV, "--seeds", "-1"],
        ["--envs", ENV, "--seeds", "1", "1"],
    ):
        with pytest.raises(SystemExit) as ended:
            experts.main([*wrong, "--results", str(tmp_path / "r"), "--write", str(tmp_path)])
        assert ended.value.code == 2
        assert "error:" in capsys.readouterr().err.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.integration
def test_it_trains_both_arms_writes_the_page_and_does_nothing_twice(
    tmp_path: Path, monkeypatch, capsys
) -> None:
    budget = experts.Budget(steps=512, cpu_s=1.0, agent=TINY, num_envs=8)
    monkeypatch.setattr(experts, "DEFAULT", budget)
    monkeypatch.setattr(experts, "EVALUATION", Evaluation(points=2, episodes=2, animated=False))
    folders = ["--results", str(tmp_path / "results"), "--write", str(tmp_path / "docs")]
    arguments = ["--envs", ENV, "--seeds", "0", "1", *folders]
    for _ in range(2):
        assert experts.main(arguments, executor=SerialExecutor()) == 0
    runs = sorted(path.name for path in (tmp_path / "results").iterdir())
    assert len(runs) == 4
    assert sum("-expert-" in name for name in runs) == 2
    (found,) = experts.studies_of(tmp_path / "results")
    assert (found.env_id, found.score, found.steps) == (ENV, "success", 512)
    assert [curve.seed for curve in found.of("expert")] == [0, 1]
    assert found.of("expert")[0].steps.tolist()[-1] >= 512
    text = (tmp_path / "docs" / "experts.md").read_text()
    assert 'info["place"]' in text
    assert (tmp_path / "docs" / "images" / f"experts_{ENV}.png").stat().st_size > 5000
    assert "experts.md" in capsys.readouterr().out

    # A card with another program: what was trained on the old one counts no more.
    changed = dataclasses.replace(experts.card(ENV), expert="def reward(): pass")
    monkeypatch.setattr(experts, "card", lambda env_id: changed)
    assert experts.studies_of(tmp_path / "results") == []
    assert fingerprint(changed.expert)[:12] in str(suite_of(ENV, seeds=[0]).designs)
