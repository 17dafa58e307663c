"""Pictures of levels."""

from __future__ import annotations

import re
import sys

import gymnasium as gym
import minigrid  # noqa: F401 (registers its ids)
import numpy as np
import pytest

import operant  # noqa: F401 (registers the ids)
from operant.envs.gridworld import cells, from_ascii
from operant.envs.gridworld.cells import COLORS, EMPTY, OBJECTS
from operant.envs.gridworld.maps import GLYPHS
from operant.envs.gridworld.render import CLEAR, frame, render_ansi, render_terminal
from operant.envs.gridworld.tiles import TILE
from operant.envs.gridworld.tiles import tile as picture

GOLDEN = """\
##########
## .yL .##
##yk## .##
## <## G##
##########"""
"""MiniGrid's DoorKey-5x5 at seed 0, from MiniGrid's own text."""
ROOM = """
    ############
    ## > .yD G##
    ##Bg . . .##
    ##b_ . .r.##
    ############
    """


def env_at(seed: int, mode: str, size: int = 5, **kwargs):
    env = gym.make(f"SparseKey-{size}x{size}-v0", render_mode=mode, **kwargs).unwrapped
    env.reset(seed=seed)
    return env


def tile(frame: np.ndarray, x: int, y: int) -> np.ndarray:
    return frame[y * TILE : (y + 1) * TILE, x * TILE : (x + 1) * TILE]


def here(env) -> tuple[int, int]:
    features = env._features()
    return int(features["agent_x"]), int(features["agent_y"])


def map_lines(env) -> list[str]:
    return render_ansi(env.simulator, 0).split("\n")[: env.simulator.size.height]


def test_text_of_a_fixed_level() -> None:
    env = env_at(0, "ansi", layout="minigrid")
    assert "\n".join(map_lines(env)) == GOLDEN


def theirs_as_text(env) -> list[str]:
    """Write a MiniGrid level in our alphabet."""

    def cell_code(thing) -> int:
        if thing is None:
            return EMPTY
        if thing.type == "box":
            return cells.box(thing.color, getattr(thing.contains, "color", None))
        state = thing.encode()[2]
        return cells.code(thing.type, thing.color, state)

    grid = env.grid
    rows = [
        [GLYPHS[cell_code(grid.get(x, y))] for x in range(grid.width)] for y in range(grid.height)
    ]
    x, y = env.agent_pos
    rows[y][x] = " " + ">v<^"[env.agent_dir]
    lines = ["".join(row) for row in rows]
    if env.carrying:
        lines.append(f"carries: {GLYPHS[cell_code(env.carrying)]}")
    if grid.get(x, y) is not None:
        lines.append(f"stands on: {GLYPHS[cell_code(grid.get(x, y))]}")
    return [*lines, f"mission: {env.mission}"]


@pytest.mark.parametrize(
    "env_id",
    ["LavaGapS5-v0", pytest.param("ObstructedMaze-1Dlhb-v0", marks=pytest.mark.integration)],
)
def test_text_shows_what_minigrid_holds(env_id: str) -> None:
    theirs = gym.make(f"MiniGrid-{env_id}").unwrapped
    ours = gym.make(env_id, layout="minigrid", render_mode="ansi").unwrapped
    for seed in range(3):
        ours.reset(seed=seed)
        theirs.reset(seed=seed)
        plan = ours.oracle().actions
        for action in [None, *plan[:-1], 1, 5, 4, 0]:
            if action is not None:
                ours.step(action)
                theirs.step(action)
            shown = [re.sub(r" \(.*\)$", "", line) for line in ours.render().split("\n")]
            assert shown == theirs_as_text(theirs)


def test_no_two_cells_look_the_same() -> None:
    """Colours, door states and what is in a box are told apart in pictures and on terminals."""
    for seen in (False, True):
        pictures = {picture(cell, seen).tobytes() for cell in GLYPHS if GLYPHS[cell] != " ?"}
        assert len(pictures) == len(GLYPHS) - 1
    for kind in ("empty", "floor", "wall", "lava"):
        dark, bright = (picture(cells.code(kind), seen).mean() for seen in (False, True))
        assert bright > dark + 10, kind


def test_what_is_carried_and_stood_upon_shows() -> None:
    kinds = ("key", "ball", "box")
    loads = [EMPTY, *(cells.code(kind, color) for kind in kinds for color in COLORS)]
    loads += [cells.box("red", "blue"), cells.box("red", "green")]
    floors = [EMPTY, cells.GOAL, cells.LAVA, cells.door("red", cells.OPEN)]
    for direction in range(4):
        shown = {
            picture(floor, True, direction, load).tobytes() for floor in floors for load in loads
        }
        assert len(shown) == len(floors) * len(loads)
    assert len({picture(EMPTY, False, d, cells.key("red")).tobytes() for d in range(4)}) == 4


def test_pictures_are_made_of_tiles() -> None:
    env = from_ascii(ROOM).make(render_mode="rgb_array")
    env.reset(seed=0)
    drawn = env.render()
    seen = env._obs()["image"]
    assert seen[2, 6, 0] == OBJECTS.index("wall")  # to the left of the agent, which looks right
    for x, y, cell, lit in [
        (3, 1, cells.door("yellow", cells.CLOSED), True),
        (1, 2, cells.box("blue", "green"), True),
        (1, 3, cells.door("blue", cells.OPEN), True),
        (0, 2, cells.WALL, False),  # behind the agent
    ]:
        np.testing.assert_array_equal(tile(drawn, x, y), picture(cell, lit), err_msg=f"{x}, {y}")
    np.testing.assert_array_equal(tile(drawn, 1, 1), picture(EMPTY, True, 0))


def test_frame_shape_and_dtype() -> None:
    for size in (5, 8):
        frame = env_at(0, "rgb_array", size).render()
        assert frame.shape == (size * TILE, size * TILE, 3)
        assert frame.dtype == np.uint8
        assert frame.min() < 60 < 200 < frame.max()


def test_direction_shows() -> None:
    env = env_at(0, "rgb_array")
    x, y = here(env)
    tiles = []
    for _ in range(4):
        tiles.append(tile(env.render(), x, y).tobytes())
        env.step(1)
    assert len(set(tiles)) == 4
    assert tile(env.render(), x, y).tobytes() == tiles[0]


def test_door_states_and_a_carried_key_show() -> None:
    env = env_at(0, "rgb_array", layout="minigrid")
    key_at, door_at = (1, 2), (2, 1)  # as in the golden text
    locked, floor_with_key = tile(env.render(), *door_at), tile(env.render(), *key_at)
    empty_handed = tile(env.render(), *here(env))
    while not env._features()["has_key"]:
        env.step(env.oracle().actions[0])
    carrying = tile(env.render(), *here(env))
    assert (tile(env.render(), *key_at) != floor_with_key).any()

    def yellow(image: np.ndarray) -> int:
        return ((image[..., 0] > 180) & (image[..., 1] > 140) & (image[..., 2] < 110)).sum()

    assert yellow(carrying) > 5
    assert yellow(empty_handed) == 0
    while not env._features()["door_open"]:
        env.step(env.oracle().actions[0])
    opened = tile(env.render(), *door_at)
    env.step(5)
    closed = tile(env.render(), *door_at)
    pictures = {locked.tobytes(), opened.tobytes(), closed.tobytes()}
    assert len(pictures) == 3


def test_what_the_agent_sees_is_brighter() -> None:
    env = env_at(0, "rgb_array", size=8)
    x, y = here(env)
    image, direction = env._obs()["image"], int(env._obs()["direction"])
    frame = env.render().astype(int)
    ahead, right = [((1, 0), (0, 1), (-1, 0), (0, -1))[(direction + k) % 4] for k in (0, 1)]
    seen = {
        (x + (6 - j) * ahead[0] + (i - 3) * right[0], y + (6 - j) * ahead[1] + (i - 3) * right[1])
        for i in range(7)
        for j in range(7)
        if image[i, j, 0]
    }
    floor = {True: [], False: []}
    for row, line in enumerate(map_lines(env)):
        for column in range(8):
            if line[2 * column : 2 * column + 2] == " .":
                brightness = tile(frame, column, row)[5:-5, 5:-5].mean()
                floor[(column, row) in seen].append(brightness)
    assert len(floor[True]) > 0
    assert len(floor[False]) > 0
    assert min(floor[True]) > max(floor[False]) + 10


def test_vector_frames_are_the_scalar_ones() -> None:
    env = gym.make_vec("SparseKey-6x6-v0", num_envs=3, render_mode="rgb_array")
    env.reset(seed=20)
    env.step(np.array([0, 1, 2]))
    frames = env.render()
    assert isinstance(frames, tuple)
    assert len(frames) == 3
    for row, drawn in enumerate(frames):
        scalar = env_at(20 + row, "rgb_array", size=6)
        scalar.step(row)
        np.testing.assert_array_equal(drawn, scalar.render())


def test_one_row_is_drawn_alone_and_in_any_mode() -> None:
    env = gym.make_vec("SparseKey-6x6-v0", num_envs=3)
    with pytest.raises(gym.error.ResetNeeded, match=r"reset\(\)"):
        env.unwrapped.render_row(0)
    env.reset(seed=20)
    scalar = env_at(22, "rgb_array", size=6)
    np.testing.assert_array_equal(env.unwrapped.render_row(2), scalar.render())
    for row in (-1, 3):
        with pytest.raises(ValueError, match=rf"row must lie in \[0, 2\], got {row}"):
            env.unwrapped.render_row(row)


def test_worlds_without_an_egocentric_view_are_lit_evenly() -> None:
    env = gym.make("Coverage-10x10-v0", render_mode="rgb_array").unwrapped
    env.reset(seed=0)
    drawn, (height, width) = env.render(), (12, 12)
    walls = [tile(drawn, x, y) for x in range(width) for y in (0, height - 1)]
    assert all((wall == walls[0]).all() for wall in walls)


def test_nothing_is_drawn_without_a_render_mode() -> None:
    env = gym.make("SparseKey-5x5-v0").unwrapped
    env.reset(seed=0)
    assert env.render() is None
    batch = gym.make_vec("SparseKey-5x5-v0", num_envs=2)
    batch.reset(seed=0)
    assert batch.render() is None


class Terminal:
    """Standard output that says what it is."""

    def __init__(self, live: bool) -> None:
        self.live, self.text = live, ""

    def isatty(self) -> bool:
        return self.live

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        pass


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*[mHJ]", "", text)


def watch(monkeypatch: pytest.MonkeyPatch, *, live: bool) -> tuple[Terminal, list[str]]:
    """Play in human mode; return what was printed and the frames that were due."""
    terminal, naps = Terminal(live), []
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr("time.sleep", naps.append)
    env = from_ascii(ROOM, check=False).make(render_mode="human")
    env.reset(seed=0)
    frames = [render_ansi(env.simulator, 0)]
    for action in (2, 1, 2):
        env.step(action)
        frames.append(render_ansi(env.simulator, 0))
    assert env.render() is None
    frames.append(frames[-1])
    assert naps == ([1 / 8] * len(frames) if live else [])
    return terminal, frames


def test_human_mode_prints_every_state(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal, frames = watch(monkeypatch, live=False)
    assert terminal.text == "".join(f"{frame}\n\n" for frame in frames)


def test_human_mode_repaints_a_terminal_in_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal, frames = watch(monkeypatch, live=True)
    assert terminal.text.count(CLEAR) == len(frames)
    assert plain(terminal.text) == "".join(f"{frame}\n\n" for frame in frames)
    assert "\x1b[38;2;" in terminal.text
    monkeypatch.setenv("NO_COLOR", "1")
    terminal, frames = watch(monkeypatch, live=True)
    assert terminal.text == "".join(f"{CLEAR}{frame}\n\n" for frame in frames)


def test_terminal_colours_are_those_of_the_picture() -> None:
    env = from_ascii(ROOM, check=False).make()
    env.reset(seed=0)
    coloured = render_terminal(env.simulator, 0)
    assert plain(coloured) == render_ansi(env.simulator, 0)
    papers = re.findall(r"48;2;(\d+);(\d+);(\d+)m(..)", coloured)
    by_glyph = {glyph: tuple(int(part) for part in paper) for *paper, glyph in papers}
    drawn = frame(env.simulator, 0)
    assert by_glyph[" ."] == tuple(tile(drawn, 2, 1)[12, 12])
    assert by_glyph["yD"] == tuple(tile(drawn, 3, 1)[6, 6])
    assert len(set(by_glyph.values())) > 4


@pytest.mark.parametrize("mode", ["rgb_array", "ansi", "human"])
def test_drawing_changes_nothing(mode: str) -> None:
    env = env_at(1, mode)
    before = env.get_state()
    env.render()
    for key, value in env.get_state().items():
        np.testing.assert_array_equal(value, before[key], err_msg=key)
