"""Games and other worlds of several agents.

``make`` builds a PettingZoo env, ``make_batch`` N games of turns in arrays (no PettingZoo needed),
``tree`` and ``states`` a finite game as explicit data for solvers:

>>> from operant.envs import multiagent
>>> batch = multiagent.make_batch("KuhnPoker-v0", 4)
>>> batch.reset([0, 1, 2, 3])
>>> batch.legal.all()
np.True_
>>> len(multiagent.tree("KuhnPoker-v0").actions)
12
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping
from typing import Any, cast

from operant.envs.multiagent.games_table import GameRow, collected
from operant.extras import require
from operant.games import ExtensiveGame, StateGame
from operant.registry import Registry

__all__ = [
    "GameRow",
    "check",
    "games",
    "make",
    "make_batch",
    "register",
    "rules_of",
    "states",
    "tree",
]

NAMESPACE = "operant"
"""Before the slash in the ids of PettingZoo's registry."""


@functools.cache
def games() -> Registry[Any]:
    """Return the rows of all games; they are strings, so nothing heavy is imported."""
    return Registry("game", collected("operant.envs.multiagent"))


def make(game_id: str, **kwargs: Any) -> Any:
    """Build a game as a PettingZoo env.

    Args:
        game_id: One of ``games().ids()``.
        **kwargs: Arguments of the game; ``render_mode`` is one of all.

    Returns:
        An ``AECEnv`` or a ``ParallelEnv``, as the row's ``interface`` says.

    Raises:
        UnknownIdError: If there is no such game; names the nearest ids.
        MissingExtraError: If PettingZoo, or what else it needs, is not installed; names the
            command that installs it.
    """
    row = games()[game_id]
    if row.extra:
        require("pettingzoo", extra="multiagent")
    env = games().make(game_id, **kwargs)
    if hasattr(env, "metadata"):
        env.metadata = {**env.metadata, "name": game_id}
    return env


def make_batch(game_id: str, num_envs: int, **kwargs: Any) -> Any:
    """Build N games in arrays; for a game of turns an :class:`operant.games.TurnBatch`.

    Args:
        game_id: One of ``games().ids()``.
        num_envs: N >= 1.
        **kwargs: Arguments of the game.

    Raises:
        UnknownIdError: If there is no such game; names the nearest ids.
        ValueError: If the game has no batched form, or an argument is outside its range.
    """
    row = _row(game_id)
    if not row.batch_entry_point:
        raise ValueError(f"{game_id} has no batched form; build single ones with make()")
    return _load(row.batch_entry_point)(num_envs=num_envs, **{**row.kwargs, **kwargs})


def rules_of(game_id: str, **kwargs: Any) -> Any:
    """Return a game's :class:`operant.envs.multiagent.rules.GameRules`.

    Raises:
        UnknownIdError: If there is no such game; names the nearest ids.
        ValueError: If the world is not written as rules of turns, or an argument is outside its
            range.
    """
    row = _row(game_id)
    if not row.rules_entry_point:
        having = [r.id for r in games() if cast(GameRow, r).rules_entry_point]
        raise ValueError(f"{game_id} is not a game of turns; those are {', '.join(having)}")
    return _load(row.rules_entry_point)(**{**row.kwargs, **kwargs})


def tree(game_id: str, *, limit: int = 1_000_000, **kwargs: Any) -> ExtensiveGame:
    """Return the whole tree of a finite game.

    Args:
        game_id: One of ``games().ids()``.
        limit: Largest number of nodes.
        **kwargs: Arguments of the game.

    Raises:
        UnknownIdError: If there is no such game; names the nearest ids.
        ValueError: If the tree is larger; also see :func:`rules_of`.
    """
    from operant.envs.multiagent.explore import extensive

    return extensive(rules_of(game_id, **kwargs), limit=limit)


def states(game_id: str, *, limit: int = 1_000_000, **kwargs: Any) -> StateGame:
    """Return all states of a finite game without chance in which everybody sees everything.

    Args:
        game_id: One of ``games().ids()``.
        limit: Largest number of states.
        **kwargs: Arguments of the game.

    Raises:
        UnknownIdError: If there is no such game; names the nearest ids.
        ValueError: If there are more states, chance or secrets; also see :func:`rules_of`.
    """
    from operant.envs.multiagent.explore import state_game

    return state_game(rules_of(game_id, **kwargs), limit=limit)


def register() -> list[str]:
    """Register all games with PettingZoo, so that ``pettingzoo.make`` finds them.

    Their ids begin with ``operant/``: ``pettingzoo.make("aec", "operant/KuhnPoker-v0")``. Calling
    it again changes nothing.

    Returns:
        The ids in PettingZoo's registry.

    Raises:
        MissingExtraError: If PettingZoo is not installed.
        WrongVersionError: If it is older than 1.27, which brought the registry.
    """
    require("pettingzoo", extra="multiagent", minimum="1.27")
    registry: Any = importlib.import_module("pettingzoo.env_registry.registration")
    known = {"aec": registry.aec_registry, "parallel": registry.parallel_registry}
    names = []
    for row in games():
        row, name = cast(GameRow, row), f"{NAMESPACE}/{row.id}"
        if name not in known[row.interface]:
            entry = functools.partial(make, row.id)
            registry.register(row.interface, name, entry_point=entry)
        names.append(name)
    return names


def check(game_id: str, *, moves: int = 200, skip: Mapping[str, str] | None = None) -> None:
    """Check a game deeply, as ``operant.testing.check_game`` does.

    Args:
        game_id: One of ``games().ids()``; its tags ``"zero-sum"`` and ``"deterministic"`` are
            claims that are checked.
        moves: Length of the traces.
        skip: Rule name -> reason why that rule does not apply.

    Raises:
        ContractError: If a rule is broken.
        UnknownIdError: If there is no such game; names the nearest ids.
    """
    from operant.testing import check_game

    row = _row(game_id)
    turns = bool(row.batch_entry_point and row.rules_entry_point)
    check_game(
        functools.partial(make, game_id),
        make_batch=functools.partial(make_batch, game_id) if turns else None,
        moves=moves,
        deterministic="deterministic" in row.tags,
        zero_sum="zero-sum" in row.tags,
        skip=skip,
    )


def _row(game_id: str) -> GameRow:
    return cast(GameRow, games()[game_id])


def _load(entry_point: str) -> Any:
    module, _, attribute = entry_point.partition(":")
    return getattr(importlib.import_module(module), attribute)
