"""Action sets, and the help that comes with the extended one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("nle")

from nle.env import tasks

from operant.envs.nethack import actions
from operant.envs.nethack.game import NetHackGame

EAT, CAST, PICK_UP, PRAY, QUAFF = (
    actions.EXTENDED[name] for name in ("eat", "cast", "pick_up", "pray", "quaff")
)
NORTH_WEST = actions.TASK["north_west"]


@pytest.fixture
def monk() -> Iterator[NetHackGame]:
    game = NetHackGame(keys=("inv_letters",))
    game.reset(1, 1)
    yield game
    game.close()


def test_the_task_set_is_nles() -> None:
    assert tuple(actions.TASK.values()) == tuple(int(key) for key in tasks.TASK_ACTIONS)
    assert len(actions.TASK) == 23
    assert len(actions.EXTENDED) == 28


def test_key_codes_may_be_chosen() -> None:
    names, keys, _ = actions.chosen((ord("k"), ord("o")))
    assert keys == (107, 111)
    assert names == ("north", "key_111")


def test_yes_eats_the_first_thing_on_offer(monk: NetHackGame) -> None:
    before = monk.buffers["inv_letters"].tolist()
    actions.act_with_help(monk, EAT)
    assert "What do you want to eat?" in monk.message()
    hunger = monk.buffers["internal"][7]
    for _ in range(8):
        actions.act_with_help(monk, NORTH_WEST)
    assert monk.buffers["internal"][7] > hunger or before != monk.buffers["inv_letters"].tolist()


def test_casting_takes_the_first_spell(monk: NetHackGame) -> None:
    energy = monk.buffers["blstats"][14]
    actions.act_with_help(monk, CAST)
    if monk.waits_for_key():  # it has a direction
        actions.act_with_help(monk, actions.TASK["east"])
    assert not monk.in_menu()
    assert monk.buffers["blstats"][14] < energy or "energy" in monk.message()


def test_praying_waits_for_an_answer(monk: NetHackGame) -> None:
    actions.act_with_help(monk, PRAY)
    assert monk.waits_for_key()
    turn = monk.buffers["blstats"][20]
    actions.act_with_help(monk, NORTH_WEST)  # its key is y
    assert monk.buffers["blstats"][20] > turn


def test_a_pile_is_picked_up_whole(monk: NetHackGame) -> None:
    carried = set(monk.buffers["inv_letters"].tolist()) - {0}
    dropped = sorted(carried)[-2:]  # food: the first things are worn
    monk.step(27)  # the opening message may have a second page
    for letter in dropped:
        monk.step(ord("d"))
        monk.step(letter)
        monk.settle()
    assert set(monk.buffers["inv_letters"].tolist()) - {0} == carried - set(dropped)
    actions.act_with_help(monk, PICK_UP)
    assert not monk.in_menu()
    assert set(monk.buffers["inv_letters"].tolist()) - {0} == carried
