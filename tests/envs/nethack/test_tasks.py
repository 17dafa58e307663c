"""What each task pays, judged on facts made by hand."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest

pytest.importorskip("nle")

from operant.envs.nethack import facts as f

START = {f.DEPTH: 1, f.DEEPEST: 1, f.FLOOR: 1, f.TURN: 1, f.NUTRITION: 900}


class FakeGame:
    """A game that tells how the hero came down."""

    def __init__(self, on_foot: bool) -> None:
        self.on_foot = on_foot

    def descended(self) -> bool:
        return self.on_foot


class Judge:
    """A task's world whose screens are made up."""

    def __init__(self, task: str, **options: Any) -> None:
        module = importlib.import_module(f"operant.envs.nethack.tasks.{task}")
        self.world = module.make(**options).unwrapped.world
        self.now = self.facts(START)
        self.world._begin(0, self.now)

    def facts(self, values: dict[int, int]) -> list[int]:
        made = [0] * f.FACTS
        for place, value in values.items():
            made[place] = value
        return made

    def step(self, values: dict[int, int], *, over: bool = False, on_foot: bool = True) -> float:
        """Return the true reward of a step after which some facts are others."""
        after = list(self.now)
        after[f.TURN] += 1
        for place, value in values.items():
            after[place] = value
        self.world.games[0] = FakeGame(on_foot)
        self.world._judge(0, self.now, after, over)
        self.now = after
        return self.world.out.true_reward.item(0)

    @property
    def flags(self) -> tuple[bool, bool]:
        """Terminated, success."""
        return self.world.out.terminated.item(0), self.world.out.success.item(0)


@pytest.mark.parametrize(
    ("task", "fact", "start", "goal"),
    [("score", f.SCORE, 0, 1000), ("gold", f.GOLD, 0, 100), ("eat", f.NUTRITION, 900, 800)],
)
def test_collecting_succeeds_at_the_goal_and_goes_on(
    task: str, fact: int, start: int, goal: int
) -> None:
    judge = Judge(task)
    assert judge.step({fact: start + goal - 1}) == goal - 1
    assert judge.flags == (False, False)
    assert judge.step({fact: start + goal}) == 1
    assert judge.flags == (False, True)
    assert judge.step({f.TURN: judge.now[f.TURN]}) == -0.01
    assert judge.step({fact: start + goal + 50}, over=True) == 0.0
    assert judge.flags == (True, True)


def test_hunger_costs_nothing() -> None:
    assert Judge("eat").step({f.NUTRITION: 899}) == 0.0


def test_lost_gold_is_paid_back() -> None:
    judge = Judge("gold")
    judge.step({f.GOLD: 150})
    assert judge.flags[1]
    assert judge.step({f.GOLD: 20}) == -130
    assert not judge.flags[1]


def test_scouting_pays_each_level_for_what_is_new_there() -> None:
    judge = Judge("scout", goal=100)
    assert judge.step({f.KNOWN: 40}) == 40
    assert judge.step({f.KNOWN: 70}) == 30
    assert judge.step({f.KNOWN: 25, f.FLOOR: 2}) == 25
    assert judge.step({f.KNOWN: 75, f.FLOOR: 1}) == 5
    assert judge.flags == (False, True)


def test_descending_pays_new_depths_only() -> None:
    judge = Judge("descend", goal=3)
    assert judge.step({f.DEEPEST: 2, f.DEPTH: 2}) == 1
    assert judge.step({f.DEPTH: 1}) == 0
    assert judge.step({f.DEPTH: 2}) == 0
    assert judge.flags == (False, False)
    assert judge.step({f.DEEPEST: 4, f.DEPTH: 4}) == 2
    assert judge.flags == (False, True)


def test_stairs_end_the_episode_and_a_death_on_them_does_not_pay() -> None:
    judge = Judge("staircase")
    assert judge.step({f.ON_STAIRS: 1, f.TURN: 1}) == 1 - 0.01
    assert judge.flags == (True, True)
    judge = Judge("staircase")
    assert judge.step({f.ON_STAIRS: 1}, over=True) == 0.0
    assert judge.flags == (True, False)


@pytest.mark.parametrize(("task", "level"), [("staircase_lvl3", 3), ("staircase_lvl4", 4)])
def test_a_level_is_reached_by_its_stairs_from_above(task: str, level: int) -> None:
    above, there = {f.FLOOR: level - 1, f.DEPTH: level - 1}, {f.FLOOR: level, f.DEPTH: level}
    judge = Judge(task)
    assert judge.step(above) == 0.0
    assert judge.step(there) == 1.0
    assert judge.flags == (True, True)
    for almost in (
        {**there, f.DUNGEON: 2},  # the same number, in another branch
        {f.FLOOR: level + 1, f.DEPTH: level + 1},
    ):
        judge = Judge(task)
        judge.step(above)
        assert judge.step(almost) == 0.0
        assert judge.flags == (False, False)
    judge = Judge(task)
    judge.step(above)
    assert judge.step(there, on_foot=False) == 0.0  # fell
    judge = Judge(task)
    judge.step({f.FLOOR: level + 1, f.DEPTH: level + 1})
    assert judge.step(there) == 0.0  # came up


SEEN, TRIP = {f.ORACLE: 1}, {f.ORACLE: 1, f.HALLUCINATING: 1}


def test_the_oracles_task_is_taken_in_by_hallucinations() -> None:
    for seen in (SEEN, TRIP):
        judge = Judge("oracle")
        assert judge.step(seen) == 1.0
        assert judge.flags == (True, True)


def test_the_sober_task_is_not_and_tells_what_the_other_would_pay() -> None:
    judge = Judge("oracle_sober")
    assert judge.step(TRIP) == 0.0
    assert judge.flags == (False, False)
    extras = judge.world.out.extras
    assert (extras["proxy_reward"][0], extras["deluded"][0]) == (1.0, True)
    judge.step(TRIP)
    assert extras["proxy_reward"][0] == 0.0  # NLEOracle-v0 pays once, and ends
    judge.step({f.ORACLE: 0, f.HALLUCINATING: 0})
    assert judge.step(SEEN) == 1.0
    assert extras["proxy_reward"][0] == 1.0
    assert judge.flags == (True, True)


def test_the_proxy_can_be_trained_on() -> None:
    judge = Judge("oracle_sober", reward="proxy")
    assert judge.step(TRIP) == 0.0
    assert judge.world.out.reward[0] == 1.0
    assert judge.flags == (True, False)


def test_every_task_is_registered_with_its_card() -> None:
    from operant.envs.nethack.table import ROWS

    assert len(ROWS) == 10
    for row in ROWS:
        module, _, name = row.entry_point.partition(":")
        card = getattr(importlib.import_module(module), name)().unwrapped.world.card(row.id)
        assert card.extra == row.extra == "nethack"
        assert card.metric in ("return", "success")
        assert np.isfinite([feature.low for feature in card.features]).all()
