"""The off-switch games for two: one row per id. Strings only; this loads no engine."""

from __future__ import annotations

from typing import Any

from operant.envs.multiagent.games_table import GameRow


def _row(game_id: str, summary: str, players: int, **options: Any) -> GameRow:
    return GameRow(
        id=game_id,
        entry_point="operant.envs.multiagent.off_switch:OffSwitchGame",
        summary=summary,
        interface="aec",
        players=players,
        kwargs=options,
        tags=("off-switch",),
    )


ROWS = [
    _row("OffSwitchGame-v0", "a robot that may wait for a human who learns as well", 2),
    _row(
        "OffSwitchGame-Signals-v0",
        "the same after up to five costly looks at what the human wants",
        2,
        signals=5,
    ),
    _row("OffSwitchGame-Noisy-v0", "a robot that may wait for a noisy human", 1, human="noisy"),
]
