"""Hiring: one row per id. Strings only; this loads no engine."""

from __future__ import annotations

from typing import Any

from operant.envs.multiagent.games_table import GameRow


def _row(game_id: str, summary: str, players: int, **options: Any) -> GameRow:
    rows = options.get("principal") != "payments"  # whose actions are not Discrete
    return GameRow(
        id=game_id,
        entry_point="operant.envs.multiagent.hiring.game:HiringGame",
        batch_entry_point="operant.envs.multiagent.hiring.batch:HiringBatch" if rows else "",
        summary=summary,
        interface="parallel",
        players=players,
        kwargs=options,
        tags=("hiring",),
    )


ROWS = [
    _row("HiringAgents-v0", "a principal hires two experts from a menu of mechanisms", 3),
    _row(
        "HiringAgents-Payments-v0",
        "the same principal sets every payment; experts respond as is best for them",
        1,
        principal="payments",
        experts="best_response",
    ),
    _row(
        "HiringAgents-Experts-v0",
        "two experts learn under the principal's best mechanism",
        2,
        principal="optimal",
    ),
]
