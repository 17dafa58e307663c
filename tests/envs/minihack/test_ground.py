"""Compiled levels against their texts, read off the game's memory and off the screen."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

pytest.importorskip("nle")

from operant.envs.minihack import ground as memory
from operant.envs.minihack import texts
from operant.envs.minihack.chains import HEIGHT, WIDTH, chains
from operant.envs.minihack.ground import CLOSED, DOOR, KINDS, LOCKED, Ground
from operant.envs.minihack.levels import hackdir
from operant.envs.minihack.ways import FAR, MOVES, Ways, _spread
from operant.envs.minihack.world import GAME_OPTIONS
from operant.envs.nethack.game import NetHackGame
from operant.errors import WrongVersionError

TERRAIN = {**dict.fromkeys("-|", range(1, 13)), ".": (24, 25), "+": (22,), " ": (0,)}
TERRAIN |= {"}": (17,), "L": (20,)}


def start(text, seed=0):
    game = NetHackGame(
        keys=("glyphs", "chars", "inv_letters", "inv_strs"),
        character="rog-hum-cha-mal",
        options=GAME_OPTIONS,
        hackdir=hackdir(text),
        spawn_monsters=False,
    )
    game.reset(seed, seed, seed)
    return game


def drawn(text):
    """Return the map of a level's text as lines."""
    return re.search(r"^MAP\n(.*?)\nENDMAP", text, re.MULTILINE | re.DOTALL)[1].split("\n")


def corner(terrain):
    rows, columns = np.nonzero(terrain)
    return rows.min(), columns.min()


@pytest.mark.parametrize(
    "text",
    [
        texts.room(6, random=False, lit=True, monsters=0, traps=0),
        texts.fixed_key_room(),
        texts.river(3, boulders=1, monsters=0, lava=True),
        texts.rooms(chains(4, 4, 1), door="closed", monsters=0),
    ],
)
def test_terrain_is_what_the_text_draws(text) -> None:
    game = start(text)
    terrain, rows = Ground(game).terrain, drawn(text)
    top, left = corner(terrain)
    begin = min(len(row) - len(row.lstrip()) for row in rows if row.strip())
    for i, row in enumerate(rows):
        for j, char in enumerate(row):
            assert terrain[top + i, left - begin + j] in TERRAIN[char], (i, j, char)
    game.close()


def test_what_the_text_puts_somewhere_is_there() -> None:
    game = start(texts.fixed_key_room())
    ground = Ground(game)
    top, left = corner(ground.terrain)
    assert ground.stairs == (top + 1, left + 1)
    assert ground.hero == (top + 5, left + 5)
    assert ground.hero == (game.buffers["blstats"][1], game.buffers["blstats"][0])
    assert ground.places(KINDS["skeleton key"]) == [(top + 1, left + 5)]
    assert ground.door(top + 3, left + 2) == LOCKED
    assert ground.door(top + 3, left + 3) == -1
    assert game.buffers["chars"][top + 1, left + 5] == ord("(")
    game.close()


def test_the_pack_is_the_one_that_is_shown() -> None:
    game = start(texts.fixed_key_room())
    ground, raw = Ground(game), game.buffers
    pack = zip(raw["inv_letters"], raw["inv_strs"], strict=True)
    shown = {chr(letter): bytes(words).decode() for letter, words in pack if letter}
    assert "short sword" in shown[chr(ground.carried(KINDS["short sword"]))]
    assert "lock pick" in shown[chr(ground.carried(KINDS["lock pick"]))]
    assert not ground.carried(KINDS["skeleton key"])
    game.close()


@pytest.mark.parametrize("seed", range(5))
def test_what_is_shown_is_what_is_there(seed) -> None:
    """Doors, floor and stairs on the screen, in lit random rooms, against the game's memory."""
    game = start(texts.key_room(15, 5, lit=True), seed)
    ground, chars = Ground(game), game.buffers["chars"]
    terrain, doors, raw = ground.terrain, ground.doors, 0
    for (row, column), char in np.ndenumerate(chars):
        if chr(char) == "+":
            assert terrain[row, column] == DOOR
            assert doors[row, column] >= CLOSED
        elif chr(char) == ".":
            assert terrain[row, column] in (24, 25)
            raw += 1
        elif chr(char) in "-|":
            assert terrain[row, column] in range(1, 13)
    assert raw > 20
    game.close()


def test_it_follows_the_game_and_leaves_it_able_to_start_anew() -> None:
    game = start(texts.room(5, random=False, lit=True, monsters=0, traps=0))
    before = Ground(game).hero
    ground = Ground(game)
    game.act(ord("n"))  # south east
    assert ground.hero == (before[0] + 1, before[1] + 1)
    game.reset(0, 0, 0)
    assert Ground(game).hero == before
    game.close()


def test_another_layout_of_memory_is_refused(monkeypatch) -> None:
    game = start(texts.fixed_key_room())
    odd = np.dtype([("terrain", "i1"), ("seen", "u1"), ("bits", "<u2"), ("glyph", "<i4")])
    monkeypatch.setattr(memory, "_LOCATION", odd)
    with pytest.raises(WrongVersionError, match="laid out in another way"):
        Ground(game)
    monkeypatch.setattr(memory, "_SYMBOLS", ("level", "no_such_table"))
    with pytest.raises(WrongVersionError, match="no_such_table"):
        Ground(game)
    game.close()


def brute(free, narrow, goal):
    """Return distances by relaxing all cells until nothing changes."""
    height, width = free.shape
    steps = np.full(free.shape, FAR)
    steps[goal] = 0
    changed = True
    while changed:
        changed = False
        for y, x in np.ndindex(height, width):
            for down, right in MOVES:
                to = y + down, x + right
                if not (0 <= to[0] < height and 0 <= to[1] < width) or not free[to]:
                    continue
                if down and right and (narrow[y, x] or narrow[to]):
                    continue
                if steps[to] > steps[y, x] + 1:
                    steps[to], changed = steps[y, x] + 1, True
    return steps


@pytest.mark.parametrize("seed", range(10))
def test_distances_equal_plain_relaxation(seed) -> None:
    rng = np.random.default_rng(seed)
    free = rng.random((6, 7)) < 0.7
    narrow = free & (rng.random((6, 7)) < 0.2)
    goal = (int(rng.integers(6)), int(rng.integers(7)))
    np.testing.assert_array_equal(_spread(free, narrow, *goal), brute(free, narrow, goal))


@pytest.mark.parametrize("seed", range(8))
def test_the_shortest_way_can_be_walked(seed) -> None:
    """In rooms with open doors: the moves lead to the stairs, and each is really made."""
    game = start(texts.rooms(chains(6, 4, 100), door="open", monsters=0), seed)
    ground = Ground(game)
    ways = Ways(ground)
    path = ways.path(ground.stairs, ground.hero)
    assert len(path) == ways.steps(ground.stairs, ground.hero) > 0
    for direction in path:
        row, column = ground.hero
        game.act(ord("kljhunby"[direction]))
        assert ground.hero == (row + MOVES[direction][0], column + MOVES[direction][1])
    assert ground.hero == ground.stairs
    game.close()


def test_layouts_are_chains_that_fit() -> None:
    for rows, rooms, doors in chains(4, 5, 50):
        lines = rows.split("\n")
        assert len(lines) <= HEIGHT
        assert max(map(len, lines)) <= WIDTH
        assert (len(rooms), len(doors)) == (4, 3)
        for (x, y), (one, other) in zip(doors, itertools.pairwise(rooms), strict=True):
            assert lines[y][x] == "+"
            for left, top, right, bottom in (one, other):
                assert left - 1 <= x <= right + 1
                assert top - 1 <= y <= bottom + 1
        assert rows.count("+") == 3
    assert len({rows for rows, _, _ in chains(4, 5, 50)}) == 50
