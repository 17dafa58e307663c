"""NetHack worlds: seeds, states as recipes, spare games, limits, and bad input."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

pytest.importorskip("nle")

import operant
from operant.envs.nethack.tasks.score import ScoreWorld
from operant.testing._values import first_difference

ROW = np.zeros(1, np.int64)
ACTIONS = np.random.default_rng(5).integers(23, size=2000).tolist()


def play(world: Any, actions: list[int], row: int = 0) -> list[Any]:
    """Step a row, starting anew where an episode ends; return what it showed."""
    seen = []
    for action in actions:
        world.step(np.array([row]), np.array([action]))
        out = world.out
        seen.append((world.shown(row), world.told(row), out.reward.item(row)))
        if out.terminated[row] or out.truncated[row]:
            world.reset(np.array([row]))
            seen.append((world.shown(row), world.told(row)))
    return seen


@pytest.fixture
def world() -> Iterator[ScoreWorld]:
    made = ScoreWorld(max_steps=40)
    made.seed([3])
    made.reset(ROW)
    yield made
    made.close()


def test_every_reset_of_a_stream_is_another_game(world: ScoreWorld) -> None:
    starts = []
    for _ in range(4):
        starts.append(world.shown(0)["blstats"].tolist())
        world.reset(ROW)
    assert len({tuple(start) for start in starts}) == 4


def test_spare_games_change_nothing_but_the_time(world: ScoreWorld) -> None:
    other = ScoreWorld(max_steps=40)
    other.seed([3])
    other.reset(ROW)
    expected = play(world, ACTIONS[:150])
    seen = []
    for action in ACTIONS[:150]:
        while other.idle():
            pass
        seen += play(other, [action])
    assert not first_difference(expected, seen)
    assert not other.idle()
    other.seed([3])  # what was started beforehand is of no use now
    other.reset(ROW)
    assert not first_difference(expected[:30], play(other, ACTIONS[:30]))
    other.close()


def test_nothing_is_idle_work_before_the_first_reset() -> None:
    assert not ScoreWorld().idle()


def test_rows_are_worlds_of_their_own() -> None:
    many, seeds = ScoreWorld(num=3, max_steps=40), [5, 6, 7]
    many.seed(seeds)
    many.reset(np.arange(3))
    for row, seed in enumerate(seeds):
        one = ScoreWorld(max_steps=40)
        one.seed([seed])
        one.reset(ROW)
        assert not first_difference(play(one, ACTIONS[:90]), play(many, ACTIONS[:90], row))
        one.close()
    many.close()


@pytest.mark.parametrize("how", [copy.deepcopy, lambda w: pickle.loads(pickle.dumps(w))])
def test_copies_play_the_same_future(world: ScoreWorld, how: Any) -> None:
    play(world, ACTIONS[:55])  # in the middle of the second episode
    twin = how(world)
    assert not first_difference(play(world, ACTIONS[55:140]), play(twin, ACTIONS[55:140]))
    twin.close()


def test_a_state_is_as_large_as_the_time_limit_and_moves_to_another_world(
    world: ScoreWorld,
) -> None:
    play(world, ACTIONS[:30])
    state = world.get_state()
    assert state["own/actions"].shape == (1, 40)
    assert state["own/actions"][0, :30].tolist() == ACTIONS[:30]
    other = ScoreWorld(max_steps=40)
    other.set_state(state)
    assert not first_difference(play(world, ACTIONS[30:90]), play(other, ACTIONS[30:90]))
    other.close()


def test_time_limits_truncate_only(world: ScoreWorld) -> None:
    for t in range(40):
        world.step_one(17)  # up: no stairs here
        assert world.out.truncated[0] == (t == 39)
        assert not world.out.terminated[0]


def test_a_level_seed_fixes_the_opening_and_not_the_play() -> None:
    env = operant_make("NLEScore-v0", level_seed=11)
    starts, ends = [], []
    for seed in range(4):
        obs = env.reset(seed=seed)[0]
        starts.append(obs["blstats"].tolist())
        for action in ACTIONS[:100]:
            obs = env.step(action)[0]
        ends.append(obs["glyphs"].tolist())
    assert all(start == starts[0] for start in starts)
    assert any(end != ends[0] for end in ends)
    env.close()


def operant_make(env_id: str, **options: Any) -> Any:
    assert env_id in operant.list_envs()
    return gym.make(env_id, **options)


@pytest.mark.parametrize("observation", ["glyphs", ("glyphs", "blstats"), "compact"])
def test_what_is_returned_is_never_written_again(observation: Any) -> None:
    env = operant_make("NLEScore-v0", observation=observation)
    kept = [env.reset(seed=1)[0]]
    copies = [copy.deepcopy(kept[0])]
    for action in ACTIONS[:80]:
        obs, _, terminated, _, _ = env.step(action)
        kept.append(obs)
        copies.append(copy.deepcopy(obs))
        if terminated:
            env.reset()
    assert not first_difference(copies, kept)
    assert any(first_difference(kept[0], other) for other in kept)
    env.close()


def test_the_last_observation_shows_the_hero_when_he_died() -> None:
    env = operant_make("NLEScore-v0")
    env.reset(seed=4)
    terminated = False
    rng = np.random.default_rng(0)
    while not terminated:
        obs, reward, terminated, truncated, info = env.step(int(rng.integers(23)))
        if truncated:
            env.reset()
    assert bytes(obs["message"]).startswith(b"You die")
    assert (obs["glyphs"] != 2359).sum() > 10
    assert info["features"]["dead"] == 1
    assert reward == 0.0
    env.close()


@pytest.mark.parametrize("options", [{}, {"wizkit_items": None}, {"anything": 1}, None])
def test_reset_options_of_any_kind_are_harmless(options: Any) -> None:
    env = operant_make("NLEScore-v0")
    assert env.reset(seed=1, options=options)[0]["blstats"][20] == 1
    env.close()


def test_closing_leaves_nothing_open() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = operant_make("NLEScore-v0")
        env.reset(seed=1)
        while env.unwrapped.world.idle():
            pass
        env.close()
        env.close()


def test_features_follow_what_is_shown() -> None:
    def hidden(observation: Any) -> set[str]:
        world = ScoreWorld(observation=observation)
        return {feature.name for feature in world.table if feature.privileged}

    assert hidden("glyphs") == {"nutrition", "deepest_depth"}
    assert hidden(("glyphs",)) > {"hp", "message_class"}
    assert "monsters" in hidden("compact")
    assert "hp" not in hidden(("tty_chars",))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"foo": 1}, "unknown argument 'foo'; this world takes actions, character"),
        ({"observation": "picture"}, "observation must be 'glyphs', 'compact', 'all' or"),
        ({"observation": ("glyphs", "map")}, "unknown observation keys \\['map'\\]"),
        ({"observation": ()}, "at least one"),
        ({"actions": "many"}, "actions must be one of 'task', 'extended'"),
        ({"actions": (0,)}, "key codes from 1 to 255"),
        ({"character": "monk"}, "role-race-alignment-gender"),
        ({"game_options": "color"}, "sequence of NetHack options"),
        ({"level_seed": -1}, "level_seed must lie in"),
        ({"level_seed": "a"}, "level_seed must lie in"),
        ({"hackdir": "/nowhere"}, "data file nhdat"),
        ({"penalty_mode": "none"}, "penalty_mode must be one of"),
        ({"goal": 0}, "goal must be a number above 0"),
        ({"reward": "proxy"}, "reward must be one of 'step', 'delayed'"),
        ({"max_steps": 0}, "must be >= 1"),
        ({"render_mode": "full"}, "render_mode must be one of"),
    ],
)
def test_bad_arguments_get_one_instruction(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        operant_make("NLEScore-v0", **options)


def test_a_goal_that_a_task_has_not_is_refused() -> None:
    with pytest.raises(ValueError, match="leave the argument goal out"):
        operant_make("NLEStaircase-v0", goal=3)
