"""The engine: seeds, prompts, deaths, characters, and what it leaves behind."""

from __future__ import annotations

import contextlib
import gc
import importlib.metadata
import itertools
import warnings
from collections.abc import Iterator

import numpy as np
import pytest

pytest.importorskip("nle")

from operant.envs.nethack import actions
from operant.envs.nethack.characters import checked_character
from operant.envs.nethack.game import NetHackGame

KEYS = tuple(actions.TASK.values())


@pytest.fixture
def game() -> Iterator[NetHackGame]:
    made = NetHackGame(keys=("glyphs",))
    yield made
    made.close()


def trace(
    game: NetHackGame, core: int, disp: int, lgen: int | None = None, steps: int = 60
) -> list[bytes]:
    game.reset(core, disp, lgen)
    rng, seen = np.random.default_rng(0), []
    for _ in range(steps):
        seen.append(b"".join(game.buffers[k].tobytes() for k in ("glyphs", "blstats", "message")))
        game.act(KEYS[rng.integers(len(KEYS))])
    return seen


def test_a_seed_gives_one_game_and_another_seed_another(game: NetHackGame) -> None:
    first = trace(game, 1, 2)
    assert trace(game, 1, 2) == first
    assert trace(game, 2, 2) != first


def test_a_level_seed_fixes_the_level_alone(game: NetHackGame) -> None:
    maps = []
    for core, lgen in ((1, 7), (2, 7), (2, 8)):
        game.reset(core, 0, lgen)
        maps.append(game.buffers["blstats"][:2].tolist())  # the hero starts on the stairs up
    assert maps[0] == maps[1] != maps[2]


def test_a_death_is_seen_when_it_happens(game: NetHackGame) -> None:
    game.reset(0, 0)
    rng = np.random.default_rng(0)
    while not game.act(KEYS[rng.integers(len(KEYS))]):
        last = game.buffers["blstats"].copy()
    assert game.over
    assert game.message().startswith("You die")
    assert (game.buffers["glyphs"] != 2359).sum() > 10
    assert game.buffers["blstats"][20] >= last[20] > 0
    game.finish()
    assert not game.in_normal_game()
    assert "DIED" in str(game.how_done()) or "STARVING" in str(game.how_done())
    game.reset(0, 0)
    assert not game.over


def test_prompts_are_declined_but_for_those_that_a_player_may_answer(game: NetHackGame) -> None:
    game.reset(3, 3)
    game.act(actions.TASK["eat"])
    assert game.waits_for_key()
    game.act(27)
    game.act(0x80 | ord("q"))  # "Really quit?"
    assert not game.waits_for_key()
    assert not game.over


def test_a_page_that_was_skipped_tells_of_stairs() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        game = NetHackGame(keys=(), wizard=True)
    game.reset(2, 6)
    game.step(6)  # debug mode: know the map
    for _, key in itertools.product(range(40), "_>."):
        if game.buffers["internal"][4]:
            break
        game.act(ord(key))
    assert not game.descended()
    game.act(ord(">"))
    assert game.buffers["blstats"][24] == 2
    assert game.descended()
    game.act(ord("s"))
    assert not game.descended()
    game.close()


def test_nothing_is_left_open() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        NetHackGame(keys=()).reset(1, 1)
        gc.collect()
        closed = NetHackGame(keys=())
        closed.close()
        closed.close()


@pytest.mark.parametrize(
    ("character", "words"),
    [
        ("mon", "role-race-alignment-gender"),
        ("xxx-hum-neu-mal", "the role must be one of arc"),
        ("wiz-dwa-neu-mal", "the race must be one of hum, elf, gno, orc"),
        ("sam-hum-cha-mal", "the alignment must be one of law"),
        ("val-hum-neu-mal", "the gender must be one of fem"),
        (7, "got 7"),
    ],
)
def test_characters_that_nobody_can_be_are_refused(character: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        checked_character(character)


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="unknown observation keys \\['map'\\]"):
        NetHackGame(keys=("map",))
    with pytest.raises(ValueError, match="without commas"):
        NetHackGame(keys=(), options=("color,time",))
    with pytest.raises(FileNotFoundError):
        NetHackGame(keys=(), hackdir="/nowhere")


def test_an_old_nle_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    from operant.errors import WrongVersionError
    from operant.extras import require

    monkeypatch.setattr(importlib.metadata, "version", lambda name: "1.2.0")
    with pytest.raises(WrongVersionError, match="nle"):
        require("nle", extra="nethack", minimum="1.3", below="1.4")


def test_a_game_that_begins_with_a_wish_for_a_name_is_played() -> None:
    """The hero of these seeds starts on a scroll of scare monster, which the game wants named."""
    with contextlib.closing(NetHackGame(keys=("glyphs",))) as game:
        game.reset(3440655168540529677, 1684844190883426603)
        assert game.buffers["program_state"][3]
        assert not game.over
        assert not game.waits_for_key()
        before = game.buffers["blstats"][20]
        game.act(actions.TASK["search"])
        assert game.buffers["blstats"][20] > before


def test_chance_goes_on_from_other_seeds(game: NetHackGame) -> None:
    seen = []
    for seed in (5, 5, 6):
        game.reset(1, 2)
        game.reseed(seed, seed)
        for _ in range(60):
            game.act(actions.TASK["search"])
        seen.append(game.buffers["glyphs"].tobytes() + game.buffers["blstats"].tobytes())
    assert seen[0] == seen[1] != seen[2]


def test_a_game_that_does_not_run_cannot_be_reseeded(game: NetHackGame) -> None:
    with pytest.raises(RuntimeError, match=r"call reset\(\) first"):
        game.reseed(1, 1)


def test_every_game_has_a_library_of_its_own(game: NetHackGame) -> None:
    with contextlib.closing(NetHackGame(keys=())) as other:
        assert game.library != other.library
