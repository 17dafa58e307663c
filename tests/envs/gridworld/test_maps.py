"""Levels as text, and worlds made from it."""

from __future__ import annotations

import copy
import pickle
import re

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import operant
from operant.envs.gridworld import cells, from_ascii, solver
from operant.envs.gridworld.cells import COLORS, EMPTY, GOAL, LAVA, TRIPLES, UNSEEN, WALL
from operant.envs.gridworld.maps import GLYPHS, Scene, describe, read_map, scene_of, write_map
from operant.testing import check_env, check_vector_env

MAZE = """
    ##############
    ## > .r#yk .##
    ##Ye . .eL G##
    ## .ro## ~b.##
    ##############
    """
"""Needs the grey key of the yellow box; the yellow key lies there in vain."""
READABLE = [
    cell
    for cell in GLYPHS
    if cell in (GOAL, LAVA) or cells.OBJECTS[TRIPLES[cell, 0]] not in ("unseen", "goal", "lava")
]


def room(*lines: str) -> str:
    """Wrap lines of equal length in walls."""
    edge = "##" * (len(lines[0]) // 2 + 2)
    return "\n".join([edge, *(f"##{line}##" for line in lines), edge])


def same(one: Scene, other: Scene) -> bool:
    return np.array_equal(one.cells, other.cells) and one[1:] == other[1:]


def test_every_cell_has_two_characters_of_its_own() -> None:
    codes = [code for code in range(256) if TRIPLES[code, 0]] + [UNSEEN]
    assert sorted(GLYPHS) == sorted(codes)
    assert len(set(GLYPHS.values())) == len(GLYPHS)
    assert all(len(glyph) == 2 and not glyph.endswith(" ") for glyph in GLYPHS.values())


@pytest.mark.parametrize(
    ("cell", "glyph", "words"),
    [
        (WALL, "##", "grey wall"),
        (EMPTY, " .", "empty"),
        (GOAL, " G", "green goal"),
        (LAVA, " ~", "red lava"),
        (cells.code("floor", "purple"), "p.", "purple floor"),
        (cells.key("yellow"), "yk", "yellow key"),
        (cells.ball("grey"), "eo", "grey ball"),
        (cells.box("blue"), "bb", "blue box"),
        (cells.box("blue", "green"), "Bg", "blue box with a green key"),
        (cells.door("red", cells.OPEN), "r_", "open red door"),
        (cells.door("red", cells.CLOSED), "rD", "closed red door"),
        (cells.door("red", cells.LOCKED), "rL", "locked red door"),
    ],
)
def test_the_documented_cells(cell: int, glyph: str, words: str) -> None:
    assert GLYPHS[cell] == glyph
    assert describe(cell) == words
    assert read_map(f"{glyph} >").cells[0, 0] == cell


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    shape = draw(st.tuples(st.integers(1, 6), st.integers(1, 6)))
    board = draw(arrays(np.uint8, shape, elements=st.sampled_from(READABLE)))
    y, x = (draw(st.integers(0, side - 1)) for side in shape)
    return Scene(board, x, y, draw(st.integers(0, 3)), draw(st.sampled_from(READABLE)))


@settings(max_examples=200)
@given(scene=scenes(), indent=st.integers(0, 3))
def test_what_is_written_is_read_again(scene: Scene, indent: int) -> None:
    text = write_map(scene) + "\nmission: whatever it is"
    # One space before cells that all begin with a space could be of the first cells.
    shifted = "\n".join(" " * 2 * indent + line for line in text.split("\n"))
    assert same(read_map(f"\n{shifted}\n\n"), scene)


def test_colours_differ_from_kinds() -> None:
    """A yellow box with a blue key, a yellow box, a yellow ball: near in text, apart in meaning."""
    read = read_map("Ybybyo >").cells[0].tolist()
    expected = [cells.box("yellow", "blue"), cells.box("yellow"), cells.ball("yellow"), EMPTY]
    assert read == expected


def test_the_ansi_mode_writes_maps() -> None:
    env = gym.make("SparseKey-6x6-v0", render_mode="ansi").unwrapped
    env.reset(seed=3)
    for action in env.oracle().actions:
        here = scene_of(env.simulator.world, 0, env.simulator.size)
        assert same(read_map(env.render()), here)
        level = from_ascii(env.render(), check=False).make()
        level.reset(seed=0)
        assert same(scene_of(level.simulator.world, 0, level.simulator.size), here)
        env.step(action)
    assert "carries: yk (yellow key)" in env.render()
    assert "stands on:  G (green goal)" in env.render()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*is out of date:DeprecationWarning")
@pytest.mark.parametrize(
    "env_id", [row.id for row in operant.envs.registry() if "gridworld" in row.tags]
)
def test_every_world_can_be_written(env_id: str) -> None:
    env = gym.make(env_id, render_mode="ansi").unwrapped
    env.reset(seed=1)
    env.action_space.seed(1)
    for _ in range(200):
        here = scene_of(env.simulator.world, 0, env.simulator.size)
        assert same(read_map(env.render()), here)
        _, _, terminated, truncated, _ = env.step(env.action_space.sample())
        if terminated or truncated:
            env.reset()


SMALL = room(" > . G")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "at least one line of cells, got none"),
        ("  \n\n", "at least one line of cells, got none"),
        (room(" >qk G"), "line 2 column 5 of the map: unknown cell 'qk'; cells are '##' wall"),
        (room(" > ? G"), r"line 2 column 5 .*unknown cell ' \?'"),
        (room(" > .rG", " . . G"), "line 2 column 7 .*unknown cell 'rG'"),
        (room(" > .g~", " . . G"), "line 2 column 7 .*unknown cell 'g~'"),
        (SMALL.replace(" G##", " G#"), "line 2 of the map has 9 characters, line 1 has 10"),
        ("###\n###\n###", "line 1 of the map has 3 characters, .*even number"),
        (room(" . . G"), r"one agent \(' >', ' v', ' <' or ' \^'\), found: nowhere"),
        (room(" > v G"), "one agent .*found: line 2 column 3, line 2 column 5"),
        (SMALL + "\nstands on: zz", "line 'stands on': unknown cell 'zz'"),
        (SMALL + "\nstands on: yk", "cannot stand on: yellow key"),
        (SMALL + "\ncarries: yL", "cannot carry: locked yellow door"),
        (SMALL[:-2] + " .", "line 3 column 9 of the map: the border must be wall"),
        (SMALL.replace("## >", "yD >"), "line 2 column 1 of the map: the border must be wall"),
        (" > G", "line 1 column 1 .*border"),
        (room(" > . ."), r"needs a goal \(' G'\), found none"),
        (room(" >" + " ." * 62 + " G"), "64 cells along a side, got 66 x 3"),
        (room(" > .## G"), "no solution: no sequence of actions leads to a goal"),
        (room(" >yL G"), "no solution"),
        (room(" >rkyL G"), "no solution"),
        (room(" > ~ G"), "no solution"),
    ],
)
def test_bad_maps_are_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_ascii(text)


def test_the_check_can_be_skipped() -> None:
    env = from_ascii(room(" > .## G"), check=False).make()
    env.reset(seed=0)
    assert env.oracle().solution_length is None


def test_a_map_too_large_to_be_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solver, "MAX_BYTES", 1000)
    with pytest.raises(ValueError, match=r"not checked: more than .* states .*check=False"):
        from_ascii(SMALL)


def play(text: str, actions: str = "") -> gym.Env:
    """Return an env after actions named by their first letters (``d`` is drop)."""
    env = from_ascii(text, check=False).make(render_mode="ansi")
    env.reset(seed=0)
    for letter in actions:
        env.step("lrfpdt".index(letter))
    return env


def test_a_solution_with_every_kind_of_thing() -> None:
    env = play(MAZE)
    oracle = env.oracle()
    total = 0.0
    for action in oracle.actions:
        *_, reward, terminated, _, info = env.step(action)
        total += reward
    assert terminated
    assert info["success"]
    assert total == oracle.optimal_return == 1.0
    assert "carries: ek (grey key)" in env.render()
    assert "L" not in env.render()


def test_a_second_key_needs_a_free_hand() -> None:
    """The first door hides the second key, and one cannot carry both."""
    env = play(room(" >yLrkrL G", "yk########"))
    actions = env.oracle().actions
    assert actions
    assert 4 in actions


def test_lava_ends_and_pays_nothing() -> None:
    env = from_ascii(room(" . G", " > ~")).make()
    env.reset(seed=0)
    _, reward, terminated, _, info = env.step(2)
    assert (reward, terminated, info["success"]) == (0.0, True, False)


def test_agent_may_start_with_its_hands_full_in_a_doorway() -> None:
    text = room(" . v G", " .####") + "\ncarries: bo (blue ball)\nstands on: y_ (open yellow door)"
    env = play(text)
    assert env.render() == f"{text}\nmission: reach the goal"
    assert env.reset(seed=1)[1]["features"]["carrying"] == 1
    assert play(text, "rfl").render().split("\n")[1] == "## vy_ G##"


def test_every_episode_is_the_map() -> None:
    env = play(MAZE)
    first = env.render()
    for action in env.oracle().actions:
        env.step(action)
    env.reset()
    assert env.render() == first
    assert from_ascii(MAZE, check=False).make().reset(seed=5)[1] == env.reset(seed=9)[1]


def test_maps_share_their_kernels() -> None:
    one, other = play(MAZE), play(SMALL)
    assert one.simulator.kernels is other.simulator.kernels
    assert one.simulator.size != other.simulator.size


def test_options_of_the_env() -> None:
    made = from_ascii(SMALL)
    env = made.make(max_steps=5, reward="minigrid")
    env.reset(seed=0)
    env.step(2)
    assert env.step(2)[1] == 1 - 0.9 * (2 / 5)
    assert env.max_steps == 5
    assert env.card.oracle == "exact"
    assert "5x3" in env.card.description
    batch = made.make_vector(num_envs=2, max_steps=3, render_mode="rgb_array")
    batch.reset(seed=0)
    assert len(batch.render()) == 2
    assert batch.missions == ["reach the goal"] * 2


def test_an_id_for_a_map(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gym.envs.registration, "registry", dict(gym.registry))
    made = from_ascii(MAZE)
    gym.register("MyMaze-v0", entry_point=made.make, vector_entry_point=made.make_vector)
    env = gym.make("MyMaze-v0", render_mode="ansi")
    env.reset(seed=0)
    assert same(read_map(env.render()), read_map(MAZE))
    batch = gym.make_vec("MyMaze-v0", num_envs=3, autoreset_mode="SameStep")
    batch.reset(seed=0)
    for action in env.unwrapped.oracle().actions:
        _, reward, terminated, _, infos = batch.step(np.full(3, action))
    assert reward.tolist() == [1.0] * 3
    assert terminated.all()
    assert infos["features"]["agent_x"].tolist() == [1] * 3  # the next episode


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_copies_play_on(copied) -> None:
    env = play(MAZE, "rfl")
    twin = copied(env)
    for action in [2, 0, 5, 1, 2, 2, 3, 1, 2]:
        one, other = env.step(action), twin.step(action)
        np.testing.assert_array_equal(one[0]["image"], other[0]["image"])
        assert one[1:] == other[1:]
    env.reset()
    twin.reset()
    assert env.render() == twin.render()
    made = from_ascii(MAZE, check=False)
    assert copied(made) == made


@pytest.mark.integration
def test_maps_keep_the_contract() -> None:
    made = from_ascii(MAZE, check=False)
    check_env(made.make, steps=600, deterministic=True, subprocess=False)
    check_vector_env(made.make_vector, scalar=made.make, num_envs=3, steps=200)


def test_the_format_is_documented() -> None:
    from operant.envs.gridworld import maps

    assert maps.__doc__ is not None
    for glyph in ("##", " .", " G", " ~", "rk", "ro", "rb", "r_", "rD", "rL", "r.", "r#", "Ry"):
        assert glyph in maps.__doc__
        assert glyph in GLYPHS.values()
    assert re.search("red, green, blue, purple, yellow and grey", maps.__doc__)
    assert COLORS == ("red", "green", "blue", "purple", "yellow", "grey")
