"""What is read off a screen, on screens made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("nle")

from nle import nethack

from operant.envs.nethack import facts as f
from operant.envs.nethack import features, glyphs, messages

FLOOR, DOWN, UP, DOOR = (glyphs.MAP + i for i in (19, 24, 23, 15))
NEWT, DOG = glyphs.MONSTER + 327, glyphs.PET + 16
GOLD, RATION = glyphs.OBJECT + 410, glyphs.OBJECT + 265


class Screen:
    """Buffers as NLE has them, and the notes of a row."""

    def __init__(self) -> None:
        self.buffers: dict[str, Any] = {
            key: np.zeros(**nethack.OBSERVATION_DESC[key])
            for key in ("blstats", "glyphs", "message", "internal")
        }
        self.buffers["glyphs"][:] = glyphs.BLANK
        self.notes = np.full(f.LENGTH, -1)
        self.at(10, 5)

    def at(self, x: int, y: int) -> None:
        self.buffers["blstats"][:2] = x, y

    def put(self, glyph: int, x: int, y: int) -> None:
        self.buffers["glyphs"][y, x] = glyph

    def read(self, over: bool = False) -> dict[str, int]:
        f.read(self.notes, *f.screen_of(self.buffers), *f.tables(), over)
        names = [feature.name for feature in features.table(())]
        told = dict(zip(names, self.notes.tolist(), strict=False))
        return {**told, "oracle": int(self.notes[f.ORACLE])}


@pytest.fixture
def screen() -> Screen:
    return Screen()


def test_glyph_groups_are_nles() -> None:
    assert nethack.MAX_GLYPH + 1 == glyphs.COUNT
    for name, first in (
        ("PET", glyphs.PET),
        ("BODY", glyphs.BODY),
        ("RIDDEN", glyphs.RIDDEN),
        ("OBJ", glyphs.OBJECT),
        ("CMAP", glyphs.MAP),
        ("EXPLODE", glyphs.EXPLOSION),
        ("ZAP", glyphs.ZAP),
        ("SWALLOW", glyphs.SWALLOW),
        ("WARNING", glyphs.WARNING),
        ("STATUE", glyphs.STATUE),
    ):
        assert getattr(nethack, f"GLYPH_{name}_OFF") == first
    assert nethack.permonst(glyphs.ORACLE).mname == "Oracle"


def test_glyph_classes_are_nles() -> None:
    def members(name: str) -> set[int]:
        return set(np.flatnonzero(glyphs.CLASSES.index(name) == glyphs.CLASS_OF).tolist())

    every = range(nethack.MAX_GLYPH)
    assert members("monster") == {g for g in every if nethack.glyph_is_normal_monster(g)}
    assert members("corpse") == {g for g in every if nethack.glyph_is_body(g)}
    assert members("statue") == {g for g in every if nethack.glyph_is_statue(g)}
    assert members("swallowed") == {g for g in every if nethack.glyph_is_swallow(g)}
    traps = {g for g in every if nethack.glyph_is_trap(g)}
    # The vibrating square harms nobody; after it NetHack's macro counts one picture too many.
    assert members("trap") == traps - {glyphs.MAP + 64, glyphs.MAP + 65}
    objects = range(nethack.NUM_OBJECTS)
    food = {i for i in objects if ord(nethack.objclass(i).oc_class) == nethack.FOOD_CLASS}
    assert members("food") == {glyphs.OBJECT + i for i in food}
    assert members("gold") == {glyphs.OBJECT + 410}
    assert nethack.OBJ_NAME(nethack.objclass(447)) == "boulder"


def test_the_compiled_code_and_the_tables_mean_the_same_classes() -> None:
    names = ["doorway", "open_door", "closed_door", "corridor", "stairs_up", "stairs_down", "trap"]
    names += ["monster", "pet", "hidden_monster", "object", "gold", "food", "corpse"]
    own = (f._DOORWAY, f._OPEN, f._CLOSED, f._CORRIDOR, f._UP, f._DOWN, f._TRAP, f._MONSTER)
    own += (f._PET, f._HIDDEN, f._OBJECT, f._GOLD, f._FOOD, f._CORPSE)
    assert [glyphs.CLASSES[i] for i in own] == names
    assert (glyphs.BLANK, glyphs.ORACLE, len(glyphs.CLASSES)) == (f._BLANK, f._ORACLE, f._CLASSES)


def test_a_map_is_counted_and_measured(screen: Screen) -> None:
    screen.put(NEWT, 10, 5)  # the hero's own place does not count
    for glyph, x, y in ((NEWT, 11, 4), (DOG, 10, 8), (GOLD, 30, 5), (RATION, 3, 5), (DOOR, 78, 20)):
        screen.put(glyph, x, y)
    seen = screen.read()
    assert (seen["monsters"], seen["monster_distance"], seen["adjacent_monsters"]) == (1, 1, 1)
    assert (seen["pets"], seen["pet_distance"]) == (1, 3)
    assert (seen["objects"], seen["gold_piles"], seen["object_distance"]) == (2, 1, 7)
    assert (seen["doors"], seen["closed_doors"], seen["door_distance"]) == (1, 1, 68)
    assert seen["known_cells"] == 6
    assert seen["stairs_down_distance"] == seen["stairs_up_distance"] == -1


def test_every_place_of_the_map_counts_once() -> None:
    screen = Screen()
    for place in range(79 * 21):
        for glyph in (glyphs.BLANK - 1, glyphs.BLANK + 1):  # all but blank
            screen.put(glyph, place % 79, place // 79)
            f.read(screen.notes, *f.screen_of(screen.buffers), *f.tables(), False)
            assert screen.notes[f.KNOWN] == 1
        screen.put(glyphs.BLANK, place % 79, place // 79)


def test_stairs_are_remembered_below_the_hero_and_below_monsters(screen: Screen) -> None:
    screen.put(DOWN, 14, 7)
    assert screen.read()["stairs_down_distance"] == 4
    screen.put(NEWT, 14, 7)
    assert screen.read()["stairs_down_distance"] == 4
    screen.at(14, 7)
    assert screen.read()["stairs_down_distance"] == 0
    screen.put(DOWN, 20, 7)  # others come into sight: he still stands on some
    assert screen.read()["stairs_down_distance"] == 0
    screen.buffers["glyphs"][:] = glyphs.BLANK
    screen.buffers["blstats"][24] = 2
    assert screen.read()["stairs_down_distance"] == -1


def test_the_oracle_counts_next_to_the_hero_only(screen: Screen) -> None:
    screen.put(glyphs.ORACLE, 12, 5)
    assert screen.read()["oracle"] == 0
    screen.at(11, 6)
    assert screen.read()["oracle"] == 1
    screen.at(0, 0)  # at the edge of the map nothing is read outside of it
    assert screen.read()["oracle"] == 0


@pytest.mark.parametrize(
    ("bits", "names"),
    [
        (nethack.BL_MASK_HALLU, {"hallucinating"}),
        (nethack.BL_MASK_HALLU | nethack.BL_MASK_BLIND, {"hallucinating", "blind"}),
        (nethack.BL_MASK_CONF | nethack.BL_MASK_STUN, {"confused", "stunned"}),
        (nethack.BL_MASK_FOODPOIS, {"dying"}),
        (nethack.BL_MASK_LEV, set()),
    ],
)
def test_conditions_are_bits(screen: Screen, bits: int, names: set[str]) -> None:
    screen.buffers["blstats"][nethack.NLE_BL_CONDITION] = bits
    seen, every = screen.read(), ("blind", "confused", "stunned", "hallucinating", "dying")
    assert {name for name in every if seen[name]} == names
    assert seen["condition"] == bits


def test_numbers_come_from_their_places(screen: Screen) -> None:
    places = {
        "hp": "HP",
        "max_hp": "HPMAX",
        "energy": "ENE",
        "max_energy": "ENEMAX",
        "experience_level": "XP",
        "experience_points": "EXP",
        "armour_class": "AC",
        "depth": "DEPTH",
        "dungeon_number": "DNUM",
        "level_number": "DLEVEL",
        "turn": "TIME",
        "gold": "GOLD",
        "hunger": "HUNGER",
        "burden": "CAP",
        "alignment": "ALIGN",
    }
    for value, place in enumerate(places.values(), start=1):
        screen.buffers["blstats"][getattr(nethack, f"NLE_BL_{place}")] = value
    screen.buffers["internal"][[0, 7]] = 17, 900
    seen = screen.read(over=True)
    assert [seen[name] for name in places] == list(range(1, 16))
    assert (seen["deepest_depth"], seen["nutrition"], seen["dead"]) == (17, 900, 1)


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ("", "none"),
        ("The newt bites!", "got_hit"),
        ("The jackal misses!", "got_missed"),
        ("You kill the newt!  The fox bites!", "kill"),
        ("You miss the sewer rat.  The sewer rat misses!", "miss"),
        ("What do you want to eat? [fgi or ?*] ", "question"),
        ("There is a lichen corpse here; eat it? [ynq] (n) ", "question"),
        ("It's a wall.", "wall"),
        ("It's solid stone.", "wall"),
        ("You see here a crude dagger.", "see"),
        ("$ - 2 gold pieces.", "pick_up"),
        ("f - an apple.", "pick_up"),
        ("This door is locked.", "door"),
        ("You can't go down here.", "stairs"),
        ("You are beginning to feel hungry.", "hunger"),
        ("This orange is delicious!", "eat"),
        ("You swap places with your kitten.", "pet"),
        ("You hear some noises.", "hear"),
        ("A little dog blocks your path.", "pet"),
        ("A newt blocks your path.", "blocked"),
        ("Never mind.", "refused"),
        ("You die...", "death"),
        ("Qwertz.", "other"),
        ("x" * 250 + "You kill", "other"),  # cut off at the end of the buffer
    ],
)
def test_messages_have_classes(message: str, name: str) -> None:
    assert f.message_class(message) == name


def test_every_class_of_messages_has_a_phrase_and_every_phrase_can_win() -> None:
    named = {name for name, _ in messages.PHRASES}
    assert named == set(messages.CLASSES) - {"none", "other"}
    for place, (name, phrase) in enumerate(messages.PHRASES):
        earlier = [other for other, text in messages.PHRASES[:place] if text in phrase]
        assert f.message_class(phrase) == (earlier or [name])[0]
