"""The action ``apply_key``: the many keys that unlock and open a door, in one bounded step."""

from __future__ import annotations

from operant.envs.minihack.ground import CLOSED, KINDS, LOCKED, Ground
from operant.envs.minihack.ways import MOVES, Place
from operant.envs.nethack import actions as action_sets
from operant.envs.nethack.game import NetHackGame

COMPASS = tuple(action_sets.TASK[name] for name in action_sets.MOVES)
"""Keys of the eight directions."""
APPLY = ord("a")
KEY = KINDS["skeleton key"]

_UNLOCKS, _PULLS = 8, 20
"""How often one step tries to unlock a door and to open it, at most."""
_YES = ord("y")


def apply_key(game: NetHackGame, ground: Ground) -> bool:
    """Unlock and open a door next to the hero, with the key; without key or door nothing happens.

    Every loop is bounded: a door that stays stuck is left to the next action.

    Returns:
        True if the game is over.
    """
    letter, found = ground.carried(KEY), _closed_door(ground)
    if not letter or found is None:
        return game.over
    direction, place = found
    for _ in range(_UNLOCKS):
        if game.over or not ground.door(*place) & LOCKED:
            break
        for key in (APPLY, letter, COMPASS[direction], _YES):
            if game.step(key):
                return True
            if key != _YES and not game.waits_for_key():
                break
        game.settle()
    for _ in range(_PULLS):
        if game.over or not ground.door(*place) & CLOSED:
            break
        game.act(COMPASS[direction])
    return game.over


def _closed_door(ground: Ground) -> tuple[int, Place] | None:
    """Return direction and place of a closed or locked door right beside the hero."""
    row, column = ground.hero
    for direction, (down, right) in enumerate(MOVES[:4]):
        if ground.door(row + down, column + right) >= CLOSED:
            return direction, (row + down, column + right)
    return None
