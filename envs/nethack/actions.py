"""What a player can press: sets of keys, and the extra help that the extended set comes with.

Source: the 23 keys of NLE's tasks (Kuettler et al., 2020); the five more and the rules for prompts
are those of Online Intrinsic Rewards (ONI, Zheng et al., 2024), in our own words. Picking up all of
a pile is ours: its menu would stay closed to players of this set.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from operant.envs.nethack.game import NetHackGame

MOVES = ("north", "east", "south", "west", "north_east", "south_east", "south_west", "north_west")
_NEAR, _FAR = "kljhunby", "KLJHUNBY"
CTRL_D, META_P, META_E = 4, 0x80 | ord("p"), 0x80 | ord("e")
ENTER = ord("\r")

TASK: dict[str, int] = {
    "more": ENTER,
    **{name: ord(key) for name, key in zip(MOVES, _NEAR, strict=True)},
    **{f"far_{name}": ord(key) for name, key in zip(MOVES, _FAR, strict=True)},
    "up": ord("<"),
    "down": ord(">"),
    "wait": ord("."),
    "kick": CTRL_D,
    "eat": ord("e"),
    "search": ord("s"),
}
"""Name -> key of the 23 actions of NLE's tasks, in NLE's order."""
EXTENDED: dict[str, int] = {
    **TASK,
    "cast": ord("Z"),
    "quaff": ord("q"),
    "pray": META_P,
    "pick_up": ord(","),
    "pay": ord("p"),
}
"""Five more, with help for prompts; see :func:`act_with_help`."""
SETS = {"task": TASK, "extended": EXTENDED}

Act = Callable[[NetHackGame, int], bool]
"""Presses a key in a game and all that goes with it; tells whether the game is over."""

_OFFER = re.compile(rb"What do you want to (?:eat|drink)\? \[(?:\$|- )?([a-zA-Z])")
_ANSWERED = (b"eat", b"attack", b"direction?", b"pray", b"drink", b"Pay?", b"cast")
_PICK_UP, _CAST, _YES, _ESCAPE, _ALL = ord(","), ord("Z"), ord("y"), 27, ord(",")
_FIRST_SPELL = _FIRST_SKILL = ord("a")


def act_with_help(game: NetHackGame, key: int) -> bool:
    """Press a key of the extended set, with what makes it useful.

    * Where the game asks what to eat or drink, the key ``y`` means the first thing on offer.
    * Casting chooses the first spell; its direction is left to the player.
    * Picking up takes all of a pile, whose menu would stay closed.
    * A skill that can be advanced is advanced.
    """
    asking = game.waits_for_key()
    if key == _YES and asking and (offer := _OFFER.search(bytes(game.buffers["message"]))):
        key = offer[1][0]
    elif key == _CAST and not asking:
        game.step(key)
        key = _FIRST_SPELL if game.in_menu() else _ESCAPE
    elif key == _PICK_UP and not asking:
        game.step(key)
        if not game.in_menu():
            return game.settle(_ANSWERED)
        game.step(_ALL)
        key = ENTER
    over = game.act(key, _ANSWERED)
    if not over and b"more confident in your" in bytes(game.buffers["message"]):
        game.step(META_E)
        over = game.act(_FIRST_SKILL if game.in_menu() else _ESCAPE, _ANSWERED)
    return over


def chosen(actions: str | Sequence[int]) -> tuple[tuple[str, ...], tuple[int, ...], Act]:
    """Return names and keys of an action set, and how its keys are pressed.

    Args:
        actions: ``"task"``, ``"extended"``, or a sequence of key codes such as NLE's enums hold.

    Raises:
        ValueError: If it is neither.
    """
    if isinstance(actions, str):
        if actions not in SETS:
            raise ValueError(
                f"actions must be one of {', '.join(map(repr, SETS))} or a sequence of key codes, "
                f"got {actions!r}"
            )
        named = SETS[actions]
        return (
            tuple(named),
            tuple(named.values()),
            act_with_help if actions == "extended" else NetHackGame.act,
        )
    keys = tuple(int(key) for key in actions)
    if not keys or any(not 0 < key < 256 for key in keys) or len(set(keys)) < len(keys):
        raise ValueError(
            f"actions must be different key codes from 1 to 255, at least one, got {actions!r}"
        )
    known = {key: name for name, key in EXTENDED.items()}
    return tuple(known.get(key, f"key_{key}") for key in keys), keys, NetHackGame.act
