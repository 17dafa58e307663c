"""Worlds as explicit MDPs: against the worlds themselves, stepped."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import operant  # noqa: F401 (registers the ids)
from operant.envs.literature import chain, line_key, room_nav
from operant.finite import finite_horizon, value_iteration
from operant.planning import value_iteration as plan

LEFT, RIGHT = range(2)


def test_room_nav_starts_where_the_agent_stands() -> None:
    env = gym.make("RoomNav-v0")
    obs, _ = env.reset(seed=3)
    for action in (0, 0, 3, 3, 0, 3):
        mdp = env.unwrapped.finite_mdp()
        assert np.flatnonzero(mdp.start).tolist() == [obs]
        assert (mdp.transition == room_nav.model().transition).all()
        obs = env.step(action)[0]


def test_room_nav_model_is_what_its_options_make_it() -> None:
    env = gym.make("RoomNav-v0", legacy_corner=1)
    env.reset(seed=0)
    mdp = env.unwrapped.finite_mdp()
    assert (mdp.transition == room_nav.model(True).transition).all()
    assert (mdp.transition != room_nav.model(False).transition).any()


@pytest.mark.parametrize("env_id", ["Chain-n40-v0", "SparseKey-5x5-v0"])
def test_deterministic_worlds_are_their_tables(env_id: str) -> None:
    env = gym.make(env_id)
    env.reset(seed=0)
    table, mdp = env.unwrapped.tabular_mdp(), env.unwrapped.finite_mdp()
    found = value_iteration(mdp, gamma=0.9)
    assert found.values == pytest.approx(plan(table, gamma=0.9).values, abs=1e-9)
    assert mdp.start[0] == 1.0


def test_chance_without_a_model_is_refused() -> None:
    env = gym.make("LineKey-v0")
    env.reset(seed=0)
    with pytest.raises(ValueError, match="LineKey is stochastic"):
        env.unwrapped.finite_mdp()


def test_no_episode_no_model() -> None:
    with pytest.raises(gym.error.ResetNeeded, match="finite_mdp"):
        gym.make("RoomNav-v0").unwrapped.finite_mdp()


def test_abstract_states_of_the_line() -> None:
    """Every position, as float32 shows it, is in the cell that the feature names."""
    at = np.arange(line_key.UNIT + 1)
    obs = np.stack([at / line_key.UNIT, at % 2], axis=1).astype(np.float32)
    expected = np.minimum(at // 500, 19) + 20 * (at % 2)
    assert line_key.abstract_state(obs).tolist() == expected.tolist()
    env = gym.make("LineKey-v0")
    seen, info = env.reset(seed=1)
    env.action_space.seed(1)
    for _ in range(40):
        features = info["features"]
        cell = features["cell"] + 20 * features["has_key"]
        assert line_key.abstract_state(seen[None]).tolist() == [cell]
        seen, _, terminated, truncated, info = env.step(int(env.action_space.sample()))
        if terminated or truncated:
            seen, info = env.reset()


def test_published_chain() -> None:
    mdp = chain.published()
    assert mdp.transition.shape == (61, 2, 61)
    assert mdp.start.argmax() == 40
    lost = 1 - mdp.transition.sum(axis=2)
    assert lost[0] == pytest.approx([0.975, 0.025])
    assert np.abs(lost[1:]).max() < 1e-12
    assert mdp.transition[60, RIGHT, 60] == pytest.approx(0.975)
    assert mdp.transition[10, LEFT, [9, 11]] == pytest.approx([0.975, 0.025])
    assert np.argwhere(mdp.reward).tolist() == [[25, LEFT], [60, RIGHT]]
    assert (value_iteration(mdp, gamma=0.99).policy[20:] == RIGHT).all()
    # 20 moves to the right end, then 1 per step for the rest of the 40, slips aside
    assert 17.0 < mdp.start @ finite_horizon(mdp, 40) < 20.0
