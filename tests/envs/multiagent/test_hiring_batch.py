"""Hiring games in rows do what single ones do."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pettingzoo")
pytest.importorskip("scipy")

from operant.envs import multiagent
from operant.envs.multiagent.hiring.batch import HiringBatch

SIDES = {
    "principal": ("HiringAgents-v0", {"experts": "epsilon"}),
    "experts": ("HiringAgents-Experts-v0", {}),
}


@pytest.mark.parametrize("side", SIDES)
def test_a_row_is_a_game(side: str) -> None:
    game_id, options = SIDES[side]
    batch: Any = multiagent.make_batch(game_id, 3, rounds=4, **options)
    batch.reset([5, 6, 7])
    single: Any = multiagent.make(game_id, rounds=4, **options)
    seen, _ = single.reset(seed=6)
    rng, ends = np.random.default_rng(0), 0
    for _ in range(9):
        for player, agent in enumerate(single.possible_agents):
            assert np.array_equal(batch.obs[1, player], seen[agent])
        actions = rng.integers(batch.action_space.n, size=(3, batch.players))
        rewards, ended, cut = batch.step(actions)
        chosen = dict(zip(single.possible_agents, actions[1], strict=True))
        seen, paid, _, _, infos = single.step(chosen)
        assert rewards[1].tolist() == list(paid.values())
        assert batch.success[1] == infos[single.possible_agents[0]]["success"]
        assert not ended.any()
        assert cut.all() == cut.any() == (not single.agents)
        for player, agent in enumerate(single.possible_agents):
            assert np.array_equal(batch.last_obs[1, player], seen[agent])
        if not single.agents:
            ends += 1
            seen, _ = single.reset()
    assert ends == 2


def test_the_optimum_is_what_the_best_of_the_menu_earns() -> None:
    batch = HiringBatch(num_envs=200, experts="best_response", rounds=10)
    assert batch.optimum == pytest.approx(20 / 3)  # 0.66667 per round, as the page of teams says
    batch.reset(range(200))
    last = batch.action_space.n - 1
    earned = sum(batch.step(np.full((200, 1), last))[0].sum() for _ in range(10))
    assert earned / 200 == pytest.approx(batch.optimum, abs=0.3)
    assert multiagent.make_batch("HiringAgents-Experts-v0", 2).optimum is None


@pytest.mark.parametrize("side", SIDES)
def test_a_restored_batch_goes_on_as_the_saved_one(side: str) -> None:
    game_id, options = SIDES[side]
    batch, other = (multiagent.make_batch(game_id, 4, rounds=3, **options) for _ in range(2))
    rng = np.random.default_rng(1)
    actions = rng.integers(batch.action_space.n, size=(12, 4, batch.players))
    batch.reset([1, 2, 3, 4])
    for step in range(5):
        batch.step(actions[step])
    state = batch.get_state()
    kept = {name: values.copy() for name, values in state.items()}
    after = [[values.tolist() for values in batch.step(a)] + [batch.obs.tolist()] for a in actions]
    other.set_state(state)  # of a batch that never began, as a run does that goes on
    again = [[values.tolist() for values in other.step(a)] + [other.obs.tolist()] for a in actions]
    assert after == again
    assert all(np.array_equal(kept[name], state[name]) for name in kept)  # nobody wrote into it
    with pytest.raises(ValueError, match="the state is of 4 games, here are 2"):
        multiagent.make_batch(game_id, 2, **options).set_state(state)


def test_a_game_in_which_payments_were_offered_is_restored() -> None:
    one, other = (multiagent.make("HiringAgents-v0", principal="payments") for _ in range(2))
    offered = np.random.default_rng(0).random(one.action_space("principal_0").shape)
    one.reset(seed=3)
    one.step({agent: offered if agent == "principal_0" else 0 for agent in one.agents})
    other.reset(seed=8)
    other.set_state(json.loads(json.dumps(one.get_state())))
    for _ in range(6):
        chosen = {agent: offered if agent == "principal_0" else 1 for agent in one.agents}
        (seen, paid, *_), (seen_too, paid_too, *_) = one.step(chosen), other.step(chosen)
        assert paid == paid_too
        assert all(np.array_equal(seen[agent], seen_too[agent]) for agent in seen)


def test_the_state_before_the_first_reset_is_one() -> None:
    batch, other = (HiringBatch(num_envs=2, experts="epsilon", rounds=3) for _ in range(2))
    other.set_state(batch.get_state())
    for each in (batch, other):
        each.reset([4, 5])
    assert np.array_equal(batch.obs, other.obs)


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        ([[0], [99]], r"actions must lie in \[0, 4\], got 99 of principal_0 in row 1"),
        ([[0]], r"actions must be integers of shape \(2, 1\), got int64 \(1, 1\)"),
        ([[0], [0], [0]], r"got int64 \(3, 1\)"),
        ([[0.0], [1.0]], "got float64"),
    ],
)
def test_a_wrong_action_moves_no_game(actions: Any, message: str) -> None:
    batch = HiringBatch(num_envs=2, experts="epsilon", rounds=3)
    with pytest.raises(ValueError, match="seeds must have 2 entries, got 1"):
        batch.reset([1])
    batch.reset([1, 2])
    before = batch.get_state()["games"].tobytes()
    with pytest.raises(ValueError, match=message):
        batch.step(np.array(actions))
    assert batch.get_state()["games"].tobytes() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "rows need agents that are alike"),
        ({"principal": "payments", "experts": "best_response"}, "with Discrete actions"),
        ({"experts": "epsilon", "num_envs": 0}, "num_envs must be >= 1"),
    ],
)
def test_what_has_no_rows_says_so(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HiringBatch(**{"num_envs": 2, **options})
