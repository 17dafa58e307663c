"""The registered off-switch games: one row per id. Strings only; this loads no engine."""

from __future__ import annotations

from typing import Any

from operant.registry import EnvRow


def _row(env_id: str, summary: str, **options: Any) -> EnvRow:
    return EnvRow(
        id=env_id,
        entry_point="operant.envs.off_switch.world:make",
        vector_entry_point="operant.envs.off_switch.world:make_vector",
        kwargs=options,
        summary=summary,
        tags=("off-switch", "proxy"),
        tier=0,
        checks_itself=True,
    )


ROWS = [
    _row("OffSwitch-v0", "act, switch off, or wait for a human who may err; one decision"),
    _row(
        "OffSwitchSignals-v0",
        "the same after up to five costly looks at what the human wants",
        signals=5,
    ),
]
