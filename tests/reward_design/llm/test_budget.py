"""A budget is never exceeded by what is counted beforehand, and ends what is not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operant.reward_design.llm.budget import QUANTITIES, Budget, BudgetError, Prices

COUNTED = [name for name in QUANTITIES if name != "wall_s"]


@given(st.integers(0, 50), st.lists(st.integers(0, 20), max_size=30))
def test_calls_asked_for_first_never_exceed_the_limit(limit: int, wanted: list[int]) -> None:
    budget, done = Budget(llm_calls=limit), 0
    for calls in wanted:
        if done + calls > limit:
            with pytest.raises(BudgetError) as caught:
                budget.require(llm_calls=calls)
            assert (caught.value.quantity, caught.value.wanted) == ("llm_calls", calls)
            assert caught.value.left == limit - done
            continue
        budget.require(llm_calls=calls)
        budget.spend(llm_calls=calls)
        done += calls
    assert budget.spent("llm_calls") == done <= limit
    assert budget.left("llm_calls") == limit - done


@settings(max_examples=50)
@given(st.dictionaries(st.sampled_from(COUNTED), st.integers(0, 1000)), st.data())
def test_the_ledger_adds_up(limits: dict[str, int], data: st.DataObject) -> None:
    budget = Budget(**limits)
    sums = dict.fromkeys(COUNTED, 0)
    amounts = st.dictionaries(st.sampled_from(COUNTED), st.integers(0, 100))
    for spent in data.draw(st.lists(amounts, max_size=10)):
        budget.spend(**spent)
        sums = {name: sums[name] + spent.get(name, 0) for name in COUNTED}
    for name in COUNTED:
        assert budget.spent(name) == sums[name]
        assert budget.left(name) == max(0, limits.get(name, float("inf")) - sums[name])
    told = json.loads(json.dumps(budget.to_json(), allow_nan=False))
    assert told["limits"] == limits
    assert {name: told["spent"][name] for name in COUNTED} == sums


@pytest.mark.parametrize("quantity", ["tokens", "money"])
def test_what_is_known_afterwards_ends_the_asking_and_nothing_else(quantity: str) -> None:
    budget = Budget(**{quantity: 10.0, "llm_calls": 100})
    budget.spend(**{quantity: 9.5})
    budget.require(llm_calls=1)
    budget.spend(llm_calls=1, **{quantity: 4.0})  # one answer too much, and it is counted
    assert (budget.spent(quantity), budget.left(quantity)) == (13.5, 0.0)
    with pytest.raises(BudgetError, match=f"the budget of {quantity} is used up"):
        budget.require(llm_calls=1)
    budget.require(env_steps=10**9, human_queries=3)  # training and people cost none of it


def test_once_the_time_is_over_nothing_may_be_done(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    budget = Budget(wall_s=60.0)
    now[0] = 130.0
    assert (budget.spent("wall_s"), budget.left("wall_s")) == (30.0, 30.0)
    budget.require(env_steps=5, wall_s=29.0)
    with pytest.raises(BudgetError, match="wall_s does not allow 31 more: 30 left"):
        budget.require(wall_s=31.0)
    now[0] = 161.0
    for amounts in ({}, {"env_steps": 1}, {"human_queries": 0}):
        with pytest.raises(BudgetError, match="the budget of wall_s is used up"):
            budget.require(**amounts)
    with pytest.raises(ValueError, match="wall_s cannot be spent"):
        budget.spend(wall_s=1.0)


@pytest.mark.parametrize("amount", [-1, float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("name", ["llm_calls", "money"])
def test_amounts_are_finite_and_not_negative(name: str, amount: float) -> None:
    budget = Budget()
    for act in (budget.require, budget.spend, lambda **limits: Budget(**limits)):
        with pytest.raises(ValueError, match=f"an amount of {name} must be finite and >= 0"):
            act(**{name: amount})
    assert budget.spent(name) == 0


def test_unknown_quantities_are_named() -> None:
    budget = Budget()
    calls: list[Any] = [budget.require, budget.spend, lambda **limits: Budget(**limits)]
    for act in calls:
        with pytest.raises(ValueError, match="unknown quantity 'calls'; known: llm_calls, tokens"):
            act(calls=1)
    with pytest.raises(ValueError, match="unknown quantity"):
        budget.left("calls")


def test_nothing_is_spent_of_a_sum_that_is_refused() -> None:
    budget = Budget()
    with pytest.raises(ValueError, match="money"):
        budget.spend(tokens=5, money=-1)
    assert budget.spent("tokens") == 0


def test_prices_are_per_million_tokens() -> None:
    assert Prices(prompt=2.0, completion=8.0).of(1_500_000, 250_000) == pytest.approx(5.0)
    assert Prices().of(10**9, 10**9) == 0.0
