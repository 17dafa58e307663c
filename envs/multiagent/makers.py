"""From rules to the two factories that a game's row names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from operant.envs.multiagent.engine import GameEngine, TableEngine
from operant.envs.multiagent.rules import GameRules
from operant.envs.multiagent.turns import TurnGames
from operant.extras import require


def game_makers(
    rules: Callable[..., GameRules[Any]],
    engine: Callable[[int, Any], GameEngine] = TableEngine,
) -> tuple[Callable[..., Any], Callable[..., TurnGames]]:
    """Return ``make`` and ``make_batch`` of a game.

    ``make(render_mode=None, illegal="lose", **options)`` builds a PettingZoo ``AECEnv``,
    ``make_batch(num_envs=N, **options)`` an ``operant.games.TurnBatch``; options are those of the
    rules.

    Args:
        rules: Builds the rules.
        engine: Builds N rows of them.
    """

    def make(*, render_mode: str | None = None, illegal: str = "lose", **options: Any) -> Any:
        require("pettingzoo", extra="multiagent")
        from operant.envs.multiagent.aec import GameEnv

        return GameEnv(rules(**options), render_mode=render_mode, illegal=illegal)

    def make_batch(*, num_envs: int, **options: Any) -> TurnGames:
        return TurnGames(engine(num_envs, rules(**options)))

    return make, make_batch
