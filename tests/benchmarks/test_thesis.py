"""The study's learner against formulas written out, and a small run of all of it.

What the docs say of the full run is checked against the numbers stored beside them.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from operant.benchmarks.studies import thesis, worlds
from operant.benchmarks.studies.softmax_learner import (
    Episodes,
    SoftmaxLearner,
    best_return,
    expected_return,
)
from operant.finite import finite_horizon, random_mdp
from operant.reward_design.shaping.exp_adard import ExpAdaRD

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def mdp():
    return random_mdp(np.random.default_rng(0), states=5, actions=3, ends=0.2)


def copied(seen: Episodes) -> Episodes:
    return Episodes(*(column.copy() for column in seen))


# ---- the learner ----------------------------------------------------------------------------


@pytest.mark.integration
def test_learner_steps_along_the_policy_gradient(mdp) -> None:
    paid = np.random.default_rng(1).normal(size=(5, 3))
    learner = SoftmaxLearner(mdp, gamma=0.9, horizon=8, rate=0.3, seed=0)
    for count in (2, 4, 6):
        before = learner.preferences.copy()
        policy = learner.policy
        learner.train(2, paid)
        seen = copied(learner.last_episodes())
        assert len(seen.states) == min(count, 5)
        gradient = np.zeros((5, 3))
        for row, length in enumerate(seen.lengths):
            for t in range(length):
                state, action = seen.states[row, t], seen.actions[row, t]
                rest = seen.paid[row, t:length]
                ahead = (0.9 ** np.arange(len(rest)) * rest).sum()
                gradient[state] += ahead * (np.eye(3)[action] - policy[state])
        step = 0.3 * gradient / len(seen.states)
        assert learner.preferences - before == pytest.approx(step, abs=1e-12)


def test_episodes_are_those_of_the_mdp(mdp) -> None:
    paid = np.arange(15.0).reshape(5, 3)
    learner = SoftmaxLearner(mdp, gamma=0.9, horizon=8, rate=1e-300, seed=0)
    first, moves, taken = np.zeros(5), np.zeros((5, 6)), np.zeros((5, 3))
    for _ in range(1500):
        learner.train(5, paid)
        seen = learner.last_episodes()
        np.add.at(first, seen.states[:, 0], 1)
        for row, length in enumerate(seen.lengths):
            states, actions, after = (
                column[row, :length] for column in (seen.states, seen.actions, seen.after)
            )
            assert (seen.true[row, :length] == mdp.reward[states, actions]).all()
            assert (seen.paid[row, :length] == paid[states, actions]).all()
            assert (states[1:] == after[:-1]).all()
            assert length == 8 or after[-1] == 5
            assert (after[:-1] < 5).all()
            np.add.at(moves, (states, after), 1)
            np.add.at(taken, (states, actions), 1)
    expected = np.column_stack([mdp.transition.mean(axis=1), np.full(5, 0.2)])
    assert first / first.sum() == pytest.approx(mdp.start, abs=0.02)
    assert moves / moves.sum(axis=1, keepdims=True) == pytest.approx(expected, abs=0.03)
    assert taken / taken.sum(axis=1, keepdims=True) == pytest.approx(
        np.full((5, 3), 1 / 3), abs=0.02
    )
    assert learner.visits.tolist() == moves[:, :5].sum(axis=0).tolist()


def test_bonus_is_paid_for_the_state_entered(mdp) -> None:
    learner = SoftmaxLearner(mdp, gamma=0.9, horizon=8, rate=0.1, seed=3)
    visits = np.zeros(5)
    for _ in range(4):
        learner.train(1, np.zeros((5, 3)), max_bonus=0.5, bonus_scale=2.0)
    seen = learner.last_episodes()
    for row, length in enumerate(seen.lengths):
        for t in range(length):
            after = seen.after[row, t]
            bonus = 0.0 if after == 5 else 2.0 / np.sqrt(16.0 + visits[after])
            assert seen.paid[row, t] == pytest.approx(bonus, abs=1e-12)
            if after < 5:
                visits[after] += 1
    assert visits.sum() > 0


def test_returns_are_exact(mdp) -> None:
    rng = np.random.default_rng(5)
    policy = rng.dirichlet(np.ones(3), 5)
    follow = np.einsum("sa,sat->st", policy, mdp.transition)
    paid = (policy * mdp.reward).sum(axis=1)
    expected = sum(
        0.9**t * (mdp.start @ np.linalg.matrix_power(follow, t) @ paid) for t in range(4)
    )
    assert expected_return(mdp, policy, gamma=0.9, horizon=4) == pytest.approx(expected)
    assert best_return(mdp, gamma=1.0, horizon=6) == pytest.approx(
        mdp.start @ finite_horizon(mdp, 6)
    )
    assert best_return(mdp, gamma=0.9, horizon=4) >= expected


# ---- the study ------------------------------------------------------------------------------


def test_rollouts_hold_the_episodes() -> None:
    seen = Episodes(
        states=np.array([[3, 1, 0], [2, 2, 2]]),
        actions=np.array([[1, 0, 0], [0, 1, 0]]),
        true=np.array([[0.0, 1.0, 9.0], [0.0, 0.5, 2.0]]),
        paid=np.zeros((2, 3)),
        after=np.array([[1, 4, 0], [2, 2, 0]]),
        lengths=np.array([2, 3]),
    )
    r = thesis.as_rollout(seen, 4)
    assert r.valid.tolist() == [[True, True], [True, True], [False, True]]
    assert np.argwhere(r.terminated).tolist() == [[1, 0]]
    assert np.argwhere(r.truncated).tolist() == [[2, 1]]
    assert r.obs[:, 0].tolist() == [3, 1, 0]
    assert r.next_obs[:2, 0].tolist() == [1, 1]
    assert r.reward[:, 1].tolist() == [0.0, 0.5, 2.0]


def test_when_a_design_was_learned() -> None:
    runs = [[0.1, 0.95, 0.2], [0.9, 1.0, 1.0], [0.0, 0.1, 0.8], [0.0, 0.0, 0.95]]
    result = {"episodes": [10, 20, 30], "designs": {"all": {"runs": runs}, "few": {"runs": runs}}}
    assert thesis.learned_at(result, "all") == (30, 3)
    result["designs"]["few"]["runs"] = runs[2:3]
    assert thesis.learned_at(result, "few") == (None, 0)
    result["designs"]["few"]["runs"] = runs[:3]
    assert thesis.learned_at(result, "few") == (20, 2)


@pytest.mark.integration
def test_a_run_is_its_seeds(monkeypatch) -> None:
    monkeypatch.setattr(thesis, "EVALUATIONS", 3)
    world = worlds.chain_world()
    one, other = (
        thesis.run(world, thesis.agent_designs(world), seeds=seeds, scale=1e-3) for seeds in (2, 3)
    )
    assert one["episodes"] == [7, 14, 21]
    assert list(one["designs"]) == ["true reward", "ExploB", "SelfRS", "ExploRS"]
    for name, curve in one["designs"].items():
        runs = np.array(curve["runs"])
        assert runs.shape == (2, 3)
        assert 0 <= runs.min() <= runs.max() <= 1
        assert other["designs"][name]["runs"][:2] == curve["runs"]
        assert curve["low"][-1] <= curve["value"][-1] <= curve["high"][-1]
    assert one["designs"]["ExploB"]["runs"] != one["designs"]["true reward"]["runs"]


@pytest.mark.integration
def test_a_reward_made_for_the_learner_beats_the_true_one(monkeypatch) -> None:
    """A real run, 3,200 episodes a seed. In RoomNav it takes redesigning, in LineKey not."""
    monkeypatch.setattr(thesis, "EVALUATIONS", 4)
    monkeypatch.setattr(thesis, "BUDGET", 2)  # ExpRD takes no part
    ends = {}
    for world in (worlds.room_nav_world(), worlds.line_key_world()):
        first = ExpAdaRD(
            mdp=world.mdp, gamma=world.gamma, groups=world.groups, epsilon=world.epsilon
        ).table
        designs = thesis.teacher_designs(world)
        raced = {name: designs[name] for name in ("true reward", "ExpAdaRD")}
        raced["never redesigned"] = lambda table=first: thesis.on_table(table)
        result = thesis.run(world, raced, seeds=3, scale=3200 / world.episodes)
        assert result["episodes"][-1] == 3200
        for name, curve in result["designs"].items():
            ends[world.name, name] = np.array(curve["runs"])[:, -1]
    for name in ("RoomNav", "LineKey"):
        assert (ends[name, "ExpAdaRD"] > 0.9).all()
        assert (ends[name, "true reward"] < 0.05).all()
    assert np.median(ends["RoomNav", "never redesigned"]) < 0.6


@pytest.mark.slow
def test_everything_runs_and_is_drawn(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(thesis, "EVALUATIONS", 3)
    monkeypatch.setattr(thesis, "BUDGET", 2)
    results = thesis.study(seeds=2, scale=1e-3, budget=2)
    thesis.write(results, tmp_path)
    stored = json.loads((tmp_path / "thesis_results.json").read_text())
    assert stored == json.loads(json.dumps(results))
    for name in ("informativeness", "teacher", "agent"):
        assert (tmp_path / f"thesis_{name}.png").read_bytes().startswith(b"\x89PNG")
    assert len(list(thesis.rows(stored))) == 20


# ---- what the docs say ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def stored() -> dict:
    return json.loads((DOCS / "images" / "thesis_results.json").read_text())


def test_the_page_shows_the_stored_results(stored) -> None:
    assert thesis.markdown(stored) in (DOCS / "reward_design_thesis.md").read_text()
    assert stored["seeds"] >= 5


def test_the_results_are_as_the_page_says(stored) -> None:
    room, line = stored["teacher"]
    chain, long_line = stored["agent"]

    def first(result: dict, name: str) -> np.ndarray:
        good = np.array(result["designs"][name]["runs"]) >= thesis.GOOD
        return np.where(good.any(axis=1), good.argmax(axis=1), good.shape[1])

    for result in (room, line):
        others = [name for name in result["designs"] if name != "ExpAdaRD"]
        adaptive = first(result, "ExpAdaRD")
        assert (adaptive < len(result["episodes"])).all()
        for name in others:
            assert np.median(adaptive) < np.median(first(result, name)), name
        assert thesis.learned_at(result, "invariance")[1] <= 1
    assert thesis.learned_at(line, "true reward")[1] == 0
    assert thesis.learned_at(line, "ExpRD, 6 states")[1] == stored["seeds"]
    assert np.median(first(line, "ExpRD, 6 states")) < np.median(first(line, "PBRS (V*)"))
    assert thesis.learned_at(line, "ExpRD, structured")[1] == 0
    assert np.median(first(room, "ExpRD, 6 states")) >= np.median(first(room, "true reward"))
    alone = [np.median(first(chain, name)) for name in ("ExploRS", "ExploB", "true reward")]
    assert alone == sorted(alone)
    assert thesis.learned_at(chain, "SelfRS")[1] < stored["seeds"]
    early = {name: long_line["designs"][name]["value"][1] for name in long_line["designs"]}
    assert early["ExploB"] > early["true reward"] + 0.1
    assert abs(early["SelfRS"] - early["true reward"]) < 0.1


@pytest.mark.parametrize("arguments", [["--seeds", "0"], ["--scale", "-1"], ["--scale", "nan"]])
def test_bad_arguments_are_refused_before_any_work(arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        thesis.main(arguments)
