"""The native particle worlds: rows, pay, what is seen and told, and bad input."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import numpy as np
import pytest

from operant.envs.multiagent.particles.batch import ParticleBatch
from operant.envs.multiagent.particles.scenarios import (
    SCENARIOS,
    navigation,
    pursuit,
    scenario,
    tag,
)

NAMES = sorted(SCENARIOS)


def played(batch: ParticleBatch, steps: int, seed: int = 0) -> list[np.ndarray]:
    """Return all that a batch shows over some steps; every row acts by itself."""
    rngs = [np.random.default_rng([seed, row]) for row in range(batch.num)]
    shown = []
    for _ in range(steps):
        actions = np.array([rng.integers(0, 5, batch.players) for rng in rngs])
        rewards, _, truncated = batch.step(actions)
        shown += [batch.obs, batch.last_obs, rewards, truncated, batch.success, batch.at]
        shown += list(batch.facts.values())
        shown = [np.array(each) for each in shown]
    return shown


@pytest.mark.parametrize("name", NAMES)
def test_a_row_is_a_world_of_its_own(name: str) -> None:
    """To the bit, over two whole episodes, as its number changes nothing."""
    many = ParticleBatch(num_envs=3, scenario=name)
    many.reset([5, 6, 7])
    together = played(many, 51)
    one = ParticleBatch(num_envs=1, scenario=name)
    one.reset([5])
    for mine, alone in zip(together, played(one, 51), strict=True):
        np.testing.assert_array_equal(mine[:1], alone)


@pytest.mark.parametrize("name", ["CN-6", "PP-6", "Tag-3"])
def test_copies_pickles_and_states_have_the_same_future(name: str) -> None:
    batch = ParticleBatch(num_envs=2, scenario=name, reward="delayed")
    batch.reset([1, 2])
    played(batch, 30)
    state = batch.get_state()
    restored = ParticleBatch(num_envs=2, scenario=name, reward="delayed")
    restored.set_state(state)
    others = [copy.deepcopy(batch), pickle.loads(pickle.dumps(batch)), restored]
    future = played(batch, 60, seed=1)
    for other in others:
        for mine, theirs in zip(future, played(other, 60, seed=1), strict=True):
            np.testing.assert_array_equal(mine, theirs)
    with pytest.raises(ValueError, match="the state is of other worlds: its at has shape"):
        ParticleBatch(num_envs=3, scenario=name).set_state(state)


def test_seeds_decide_and_none_goes_on() -> None:
    batch = ParticleBatch(num_envs=2)
    batch.reset([1, 1])
    first = batch.obs.copy()
    np.testing.assert_array_equal(first[0], first[1])
    batch.reset([None, 1])
    assert (batch.obs[0] != first[0]).any()
    np.testing.assert_array_equal(batch.obs[1], first[1])


@pytest.mark.parametrize("name", ["CN-6", "PP-6"])
def test_delayed_pay_is_the_teams_return_in_equal_shares(name: str) -> None:
    paid = {}
    for reward in ("step", "team", "delayed"):
        batch = ParticleBatch(num_envs=4, scenario=name, reward=reward)
        batch.reset(range(4))
        rng = np.random.default_rng(3)
        paid[reward] = np.array(
            [batch.step(rng.integers(0, 5, (4, batch.players)))[0] for _ in range(50)]
        )
    np.testing.assert_allclose(
        paid["team"], paid["step"].mean(axis=2, keepdims=True) + 0 * paid["step"]
    )
    assert (paid["delayed"][:24] == 0).all()
    assert (paid["delayed"][25:49] == 0).all()
    for end in (24, 49):
        whole = paid["step"][end - 24 : end + 1].sum(axis=(0, 2))
        np.testing.assert_allclose(paid["delayed"][end].sum(axis=1), whole)
        assert (paid["delayed"][end] == paid["delayed"][end][:, :1]).all()


def test_rewards_of_navigation_by_hand() -> None:
    batch = ParticleBatch(num_envs=1, scenario=navigation(2))
    batch.reset([0])
    at = np.array([[0.0, 0.0], [0.2, 0.0], [0.0, 0.5], [2.0, 0.0]])
    batch.place(0, at, np.zeros((2, 2)))
    rewards, _, _ = batch.step(np.zeros((1, 2), int))
    # nobody moves in the first step: positions follow the velocities, which were 0
    expected = [-0.5 - 1, -np.hypot(0.2, 0.5) - 1]
    np.testing.assert_allclose(rewards[0], expected)
    assert batch.last_facts["touched_mates"].tolist() == [[1, 1]]
    assert not batch.success[0]
    batch.place(0, np.array([[0.0, 0.49], [2.05, 0.0], [0.0, 0.5], [2.0, 0.0]]), np.zeros((2, 2)))
    rewards, _, _ = batch.step(np.zeros((1, 2), int))
    np.testing.assert_allclose(rewards[0], [-0.01, -0.05], atol=1e-12)
    assert batch.success[0]


def test_rewards_and_success_of_pursuit_by_hand() -> None:
    what = pursuit(6).played_by_all()
    batch = ParticleBatch(num_envs=1, scenario=what)
    batch.reset([0])
    at = np.full((11, 2), 9.0) + np.arange(11)[:, None]
    at[0], at[6], at[7] = (0.0, 0.0), (0.1, 0.0), (0.0, 0.95)  # predator 0 touches prey 0
    still = np.zeros((8, 2))
    batch.place(0, at, still)
    rewards, _, _ = batch.step(np.zeros((1, 8), int))
    assert rewards[0, 0] == pytest.approx(10 - 0.1 * 0.1)
    assert rewards[0, 6] == pytest.approx(-10)
    assert rewards[0, 7] == pytest.approx(-0.5)  # 0.05 m over the edge, 10 per m
    assert not batch.success[0]
    at[6], at[7] = (5.0, 5.0), (0.0, 0.1)
    batch.place(0, at, still)
    batch.step(np.zeros((1, 8), int))
    assert batch.success[0]  # both were caught in this episode, one after the other


def test_what_an_agent_of_navigation_sees() -> None:
    """Own velocity and place, then the nearest landmarks and agents, nearest first."""
    batch = ParticleBatch(num_envs=1, scenario="CN-15")
    batch.reset([4])
    at, sight = batch.at[0], batch.obs[0, 3].astype(np.float64)
    assert batch.obs.shape == (1, 15, 26)
    np.testing.assert_allclose(sight[:4], [0, 0, *at[3]], atol=1e-6)
    for low, high, begin, count in ((15, 30, 4, 6), (0, 15, 16, 5)):
        others = [e for e in range(low, high) if e != 3]
        others.sort(key=lambda e: np.hypot(*(at[e] - at[3])))
        expected = np.concatenate([at[e] - at[3] for e in others[:count]])
        np.testing.assert_allclose(sight[begin : begin + 2 * count], expected, atol=1e-6)


@pytest.mark.parametrize(("name", "size"), [("PP-6", 28), ("PP-15", 34), ("PP-30", 46)])
def test_what_a_predator_sees(name: str, size: int) -> None:
    """Landmarks, predators, prey, and the velocities of these prey; LaRe's sizes."""
    batch = ParticleBatch(num_envs=1, scenario=name)
    batch.reset([4])
    played(batch, 5)
    assert batch.obs.shape[2] == size
    what = batch.scenario
    nearest = min(
        range(what.first, what.movers), key=lambda e: np.hypot(*(batch.at[0, e] - batch.at[0, 0]))
    )
    sight = what.teams[0].sight
    begin = 4 + 2 * (sight.landmarks + sight.first)
    place = batch.at[0, nearest] - batch.at[0, 0]
    np.testing.assert_allclose(batch.obs[0, 0, begin : begin + 2], place, atol=1e-6)
    begin += 2 * sight.second
    np.testing.assert_allclose(
        batch.obs[0, 0, begin : begin + 2], batch.speed[0, nearest], atol=1e-6
    )


@pytest.mark.parametrize("count", [6, 15, 30])
def test_landmarks_keep_their_distance(count: int) -> None:
    batch = ParticleBatch(num_envs=20, scenario=f"CN-{count}")
    batch.reset(range(20))
    stones = batch.at[:, count:]
    apart = np.linalg.norm(stones[:, :, None] - stones[:, None], axis=3)
    apart[:, np.arange(count), np.arange(count)] = np.inf
    assert apart.min() >= 0.675
    assert np.abs(stones).max() <= batch.scenario.reach
    assert np.abs(stones).max() > 0.9 * batch.scenario.reach


def test_features_tell_what_is_there() -> None:
    batch = ParticleBatch(num_envs=3, scenario="PP-6")
    batch.reset(range(3))
    played(batch, 7)
    facts, what = batch.facts, batch.scenario
    assert set(facts) == {feature.name for feature in batch.table}
    apart = np.linalg.norm(batch.at[:, :6, None] - batch.at[:, None, 6:8], axis=3)
    np.testing.assert_allclose(facts["nearest_rival"], apart.min(axis=2))
    np.testing.assert_allclose(
        facts["speed"], np.linalg.norm(batch.speed[:, :6], axis=2), atol=1e-12
    )
    reach = what.teams[0].radius + what.teams[1].radius
    np.testing.assert_array_equal(facts["touched_rivals"], (apart < reach).sum(axis=2))
    for feature in batch.table:
        assert (facts[feature.name] >= feature.low).all()
        assert (facts[feature.name] <= feature.high).all()


def test_scripted_prey_is_harder_to_catch_than_still_prey_and_stays_in_reach() -> None:
    """Predators that chase catch prey that rests more often than prey that flees."""
    caught = {}
    for fleeing in (True, False):
        what = pursuit(6)
        if not fleeing:
            prey = dataclasses.replace(what.teams[1], push=0.0)
            what = dataclasses.replace(what, teams=(what.teams[0], prey))
        batch = ParticleBatch(num_envs=64, scenario=what)
        batch.reset(range(64))
        hits, farthest = 0, 0.0
        for _ in range(what.horizon):
            gap = batch.at[:, 6:8][:, None] - batch.at[:, :6, None]
            near = np.linalg.norm(gap, axis=3).argmin(axis=2)
            way = np.take_along_axis(gap, near[:, :, None, None], axis=2)[:, :, 0]
            sideways = np.abs(way[..., 0]) > np.abs(way[..., 1])
            actions = np.where(
                sideways, np.where(way[..., 0] > 0, 2, 1), np.where(way[..., 1] > 0, 4, 3)
            )
            batch.step(actions)
            hits += int(batch.last_facts["touched_rivals"].sum())
            farthest = max(farthest, float(np.abs(batch.at[:, 6:8]).max()))
        caught[fleeing] = hits
        assert farthest < 1.5 * what.reach
    assert caught[True] < 0.5 * caught[False]
    assert caught[True] > 0


def test_coinciding_discs_do_no_harm() -> None:
    batch = ParticleBatch(num_envs=1)
    batch.reset([0])
    batch.place(0, np.zeros_like(batch.at[0]), np.zeros_like(batch.speed[0]))
    rewards, _, _ = batch.step(np.zeros((1, 6), int))
    assert np.isfinite(rewards).all()
    assert np.isfinite(batch.obs).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"num_envs": 0}, "num_envs must be >= 1, got 0"),
        ({"reward": "sparse"}, "reward must be 'step', 'team' or 'delayed', got 'sparse'"),
    ],
    ids=str,
)
def test_arguments_outside_their_range_are_refused(options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ParticleBatch(**{"num_envs": 1, **options})


def test_unknown_scenarios_name_the_nearest() -> None:
    with pytest.raises(KeyError, match="CN-15"):
        scenario("CN-16")


def test_scenarios_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match=r"predators must be one of \[6, 15, 30\], got 7"):
        pursuit(7)
    with pytest.raises(ValueError, match="count of adversary must be >= 1, got 0"):
        tag(0)
    with pytest.raises(ValueError, match="gap must be smaller"):
        dataclasses.replace(navigation(6), gap=3.0)
    with pytest.raises(ValueError, match="teams must be 2 for the rule 'tag'"):
        dataclasses.replace(tag(), teams=tag().teams[:1])
    with pytest.raises(ValueError, match="there is no prey to be scripted"):
        navigation(6).with_script()


def test_bad_actions_are_refused_before_anything_moves() -> None:
    batch = ParticleBatch(num_envs=2)
    with pytest.raises(RuntimeError, match=r"call reset\(\) before step"):
        batch.step(np.zeros((2, 6), int))
    with pytest.raises(ValueError, match="seeds must be integers at the first reset"):
        batch.reset([None, 1])
    with pytest.raises(ValueError, match="seeds must have 2 entries, got 3"):
        batch.reset([1, 2, 3])
    batch.reset([1, 2])
    before = batch.get_state()
    actions = np.zeros((2, 6), int)
    actions[1, 4] = 5
    with pytest.raises(ValueError, match=r"must lie in \[0, 4\], got 5 of agent_4 in row 1"):
        batch.step(actions)
    with pytest.raises(ValueError, match=r"integers of shape \(2, 6\), got float64"):
        batch.step(np.zeros((2, 6)))
    for name, value in batch.get_state().items():
        np.testing.assert_array_equal(value, before[name])
